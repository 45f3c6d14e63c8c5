/// Called once, on the connection's loop, with one reply a command (an error answer is a reply), or with why there are none.
package typealias RedisDelivery = @Sendable (Result<[RedisReply], RedisError>) -> Void

/// A pipeline on its way and what has come back for it. On the connection's loop only.
final class Batch {
  private(set) var pipeline: RedisPipeline
  private(set) var replies: [RedisReply] = []
  let deliver: RedisDelivery
  /// Monotonic milliseconds.
  var sent: Int64 = 0
  private var isSpelledOut = false
  /// The first command whose script the server did not know.
  private(set) var unknownFrom: Int?
  private var expected: Int

  init(_ pipeline: RedisPipeline, _ deliver: @escaping RedisDelivery) {
    self.pipeline = pipeline
    self.deliver = deliver
    expected = pipeline.count
  }

  var isSettled: Bool { replies.count == expected }

  func add(_ reply: RedisReply) {
    if !isSpelledOut, unknownFrom == nil, case .error(let text) = reply, text.hasPrefix("NOSCRIPT") { unknownFrom = replies.count }
    replies.append(reply)
  }

  /// Makes it ready to be sent again from its first unknown script on, everything behind that included: what is read in one pipeline is read in its order.
  func spellOut() {
    guard let from = unknownFrom else { return }
    unknownFrom = nil
    isSpelledOut = true
    replies.removeSubrange(from...)
    pipeline = pipeline.spelledOut(from: from)
  }
}

/// Which replies belong to whom, and what has to wait while unknown scripts are sent in full.
struct CommandQueue {
  private var inFlight: [Batch] = []
  private var head = 0
  private var again: [Batch] = []
  private var held: [Batch] = []
  /// Bytes of everything that is not answered yet.
  private(set) var bytes = 0

  /// What has waited longest for its replies.
  var oldest: Batch? { head < inFlight.count ? inFlight[head] : nil }

  /// Takes a pipeline; answers what is to be written now.
  mutating func add(_ batch: Batch) -> Batch? {
    bytes += batch.pipeline.bytes.count
    // Nothing overtakes what has to be sent again.
    if !again.isEmpty {
      held.append(batch)
      return nil
    }
    inFlight.append(batch)
    return batch
  }

  /// Takes a reply; answers the batch that is complete with it.
  mutating func settle(_ reply: RedisReply) throws(RedisError) -> Batch? {
    guard let batch = oldest else { throw .protocolViolation("a reply that nobody waits for") }
    batch.add(reply)
    guard batch.isSettled else { return nil }
    head += 1
    if head == inFlight.count || head > 1024 {
      inFlight.removeFirst(head)
      head = 0
    }
    bytes -= batch.pipeline.bytes.count
    if batch.unknownFrom == nil { return batch }
    again.append(batch)
    return nil
  }

  /// What is to be written once everything in flight is answered: what has to be sent again, then what waited behind it.
  mutating func released() -> [Batch] {
    guard oldest == nil, !again.isEmpty else { return [] }
    for batch in again {
      batch.spellOut()
      bytes += batch.pipeline.bytes.count
    }
    let ready = again + held
    again = []
    held = []
    inFlight = ready
    head = 0
    return ready
  }

  /// Everything unanswered, in order; nothing is left.
  mutating func takeAll() -> [Batch] {
    let all = again + inFlight[head...] + held
    self = CommandQueue()
    return all
  }
}
