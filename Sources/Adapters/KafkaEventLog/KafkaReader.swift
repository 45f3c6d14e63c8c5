import CRdkafka
import EventLoops
import Ports
import Synchronization

/// Reads one partition onwards. Fetching begins with the first `take`.
final class KafkaReader: LogReader {
  private struct State {
    var consumer: KafkaConsumer?
    var queue: Queue?
    var position: Int64
    /// Nothing was given out yet, and any beginning will do.
    var wantsBeginning: Bool
    var isAtEnd = false
    /// Fetched, not given out yet; backwards, so that taking from it is cheap.
    var pending: [LogRecord] = []
    /// Came back empty, and has not been woken since.
    var isWaiting = false
    var isClosed = false
    var failure: LogFailure?
  }
  // @unchecked: queues of librdkafka may be used from any thread; freed once, under the reader's lock.
  private struct Queue: @unchecked Sendable {
    let raw: OpaquePointer
    let watched: UInt64
  }

  private static let most = 1000

  private let log: KafkaEventLog
  private let pool: ConsumerPool
  /// As the broker knows it, and as the product does.
  private let source: TopicPartition
  private let name: TopicPartition
  private let key: [UInt8]?
  /// Where transactions write, markers stand between the records: only the broker's word tells the end.
  private let isTransactional: Bool
  private let wake: @Sendable () -> Void
  private let state: Mutex<State>
  private let me = Weak<KafkaReader>()

  init(
    log: KafkaEventLog, pool: ConsumerPool, source: TopicPartition, name: TopicPartition, from: Int64, key: [UInt8]?, isTransactional: Bool,
    wake: @escaping @Sendable () -> Void
  ) {
    self.log = log
    self.pool = pool
    self.source = source
    self.name = name
    self.key = key
    self.isTransactional = isTransactional
    self.wake = wake
    state = Mutex(State(position: from, wantsBeginning: from == 0))
    me.set(self)
  }

  deinit { close() }

  var position: Int64 { state.withLock { $0.position } }
  var isAtEnd: Bool { state.withLock { $0.isAtEnd } }

  func take(records: Int, bytes: Int) throws(LogFailure) -> [LogRecord] {
    guard log.partitions(of: name.topic).map({ name.partition < $0 }) ?? false else {
      throw log.isKnown ? .refused("there is no partition \(name)") : .unavailable("Kafka has not answered yet")
    }
    let taken: Result<[LogRecord], LogFailure> = state.withLock { state in
      do throws(LogFailure) { return .success(try take(max(1, records), bytes, &state)) } catch { return .failure(error) }
    }
    guard case .failure(.outOfRange) = taken else { return try taken.get() }
    let failure = log.outOfRange(source)
    guard case .outOfRange(let start, _) = failure, restart(at: start) else { throw failure }
    return try take(records: records, bytes: bytes)
  }

  /// Whoever asked for what there is cannot be out of range: librdkafka took the beginning of an earlier reader for this one's.
  private func restart(at start: Int64) -> Bool {
    state.withLock { state in
      guard state.wantsBeginning else { return false }
      letGo(&state, started: true)
      state.failure = nil
      state.position = start
      state.wantsBeginning = false
      return true
    }
  }

  private func take(_ most: Int, _ bytes: Int, _ state: inout State) throws(LogFailure) -> [LogRecord] {
    if state.isClosed { throw .unavailable("the reader is closed") }
    if let failure = state.failure { throw failure }
    guard try start(&state), let queue = state.queue?.raw else { return [] }
    var found: [LogRecord] = []
    var size = 0
    while found.count < most, size < bytes || found.isEmpty {
      if let next = state.pending.popLast() {
        state.position = next.offset + 1
        state.wantsBeginning = false
        if let key, next.key != key { continue }
        size += next.key.count + (next.value?.count ?? 0)
        found.append(next)
      } else {
        state.isWaiting = false
        if try fetch(queue, &state) { continue }
        if !found.isEmpty { break }
        // Whoever puts something into the queue from here on finds the flag; what came before it is seen by looking once more.
        state.isWaiting = true
        if rd_kafka_queue_length(queue) == 0 { break }
      }
    }
    if !found.isEmpty { state.isWaiting = false } else { findEnd(&state) }
    return found
  }

  private func findEnd(_ state: inout State) {
    guard !isTransactional, !state.isAtEnd, let end = state.consumer?.seenEnd(source) else { return }
    state.isAtEnd = state.position >= end
  }

  /// Takes a consumer and begins to fetch; false while all consumers are busy with this partition.
  private func start(_ state: inout State) throws(LogFailure) -> Bool {
    if state.queue != nil { return true }
    let turn: @Sendable () -> Void = { [wake] in wake() }
    guard let consumer = try pool.take(source, turn: turn) else { return false }
    guard let queue = rd_kafka_queue_new(consumer.handle.raw) else {
      pool.giveBack(consumer, source)
      throw .unavailable("librdkafka gives no queue")
    }
    let watched = consumer.waker.watch(queue) { [me] in me.value?.ring() }
    state.consumer = consumer
    state.queue = Queue(raw: queue, watched: watched)
    do throws(LogFailure) {
      // 0 asks for what there is; any other position is meant.
      try consumer.start(source, at: state.wantsBeginning ? Int64(RD_KAFKA_OFFSET_BEGINNING) : state.position, queue)
    } catch {
      letGo(&state, started: false)
      throw error
    }
    return true
  }

  /// Moves what librdkafka has into `pending`; true when there was something. Bytes are copied: they are librdkafka's until the message is given back.
  private func fetch(_ queue: OpaquePointer, _ state: inout State) throws(LogFailure) -> Bool {
    try withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<rd_kafka_message_t>?.self, capacity: KafkaReader.most) {
      buffer throws(LogFailure) in
      let count = rd_kafka_consume_batch_queue(queue, 0, buffer.baseAddress, KafkaReader.most)
      guard count > 0 else { return false }
      var failure: LogFailure?
      state.pending.reserveCapacity(count)
      for place in 0..<count {
        guard let message = buffer[place] else { continue }
        defer { rd_kafka_message_destroy(message) }
        switch message.pointee.err {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
          state.isAtEnd = false
          state.pending.append(KafkaReader.record(message))
        case RD_KAFKA_RESP_ERR__PARTITION_EOF:
          state.isAtEnd = true
          if state.pending.isEmpty { state.position = max(state.position, message.pointee.offset) }
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: failure = .outOfRange(start: 0, end: 0)
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
          failure = .refused("\(source) is not there any more")
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
          log.refusals.denied("Read", "topic \(source.topic)")
          failure = .unavailable("this node's user may not read the topic \(source.topic)")
        default: failure = .unavailable("reading \(source): \(KafkaError.text(message.pointee.err))")
        }
      }
      state.pending.reverse()
      if failure == nil { log.refusals.allowed("Read", "topic \(source.topic)") }
      // What came before the error is good.
      if let failure {
        state.failure = failure
        if state.pending.isEmpty { throw failure }
      }
      return true
    }
  }

  private static func record(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> LogRecord {
    var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
    let appended = rd_kafka_message_timestamp(message, &kind)
    let value = message.pointee.payload.map { Array(UnsafeRawBufferPointer(start: $0, count: message.pointee.len)) }
    return LogRecord(
      offset: message.pointee.offset, appended: appended,
      key: Array(UnsafeRawBufferPointer(start: message.pointee.key, count: message.pointee.key_len)), value: value)
  }

  /// On the consumer's loop.
  private func ring() {
    let isWaiting = state.withLock { state in
      defer { state.isWaiting = false }
      return state.isWaiting && !state.isClosed
    }
    if isWaiting { wake() }
  }

  func close() {
    state.withLock { state in
      state.isClosed = true
      letGo(&state, started: true)
      state.pending = []
    }
  }

  private func letGo(_ state: inout State, started: Bool) {
    guard let consumer = state.consumer, let queue = state.queue else { return }
    state.consumer = nil
    state.queue = nil
    if started { consumer.stop(source) }
    consumer.waker.forget(queue.watched, queue.raw)
    rd_kafka_queue_destroy(queue.raw)
    pool.giveBack(consumer, source)
  }
}
