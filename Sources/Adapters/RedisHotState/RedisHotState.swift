package import EventLoops
package import Ports
package import RedisClient
package import Resources
import Synchronization

/// Hot state of the cluster home on a Redis master: every rule is a script, so each step of a scope happens at one instant whoever else writes.
///
/// A call is one pipeline: one write, one round trip. While there is no connection everything fails at once; callers have their own queues and deadlines. Outcomes are
/// delivered on the loop.
package final class RedisHotState: HotState {
  let client: RedisClient
  let layout: Layout
  let partition: @Sendable (Identifier) -> Int
  let indexer: DocumentIndexer
  let completeness: Mutex<Completeness>
  private let watchers = Mutex(Watchers())
  /// Why the server did not take the last write; nil once it took one.
  private let refusal = Mutex<RedisError?>(nil)

  /// Begins to connect at once.
  /// - Parameters:
  ///   - prefix: of every key, so that several installations share a server.
  ///   - family: which owners' scopes these are ("work", "account").
  ///   - partition: whose scope it is.
  ///   - seed: of jitter and witnesses; different in each process.
  ///   - indexer: tells in which lists a document stands; a function of key and bytes alone.
  package init(
    settings: RedisSettings, loop: EventLoop, prefix: String, family: String, partition: @escaping @Sendable (Identifier) -> Int,
    seed: UInt64, indexer: @escaping DocumentIndexer
  ) {
    client = RedisClient(loop: loop, settings: settings, seed: seed)
    layout = Layout(prefix: prefix, family: family)
    self.partition = partition
    self.indexer = indexer
    completeness = Mutex(Completeness(seed: seed))
    client.start(observe: { [weak self] event in self?.observe(event) })
  }

  deinit { client.close() }

  /// Where its connection lives: whoever asks from there waits for Redis alone.
  package var loop: EventLoop { client.loop }

  /// Ends the connection; everything fails from then on.
  package func close() { client.close() }

  /// Waits for the first connection. Errors: why there is none after `milliseconds`.
  package func connected(withinMilliseconds milliseconds: Int64) async throws(RedisError) {
    _ = try await client.connected(withinMilliseconds: milliseconds)
  }

  /// What an operator has to put right, in words for `/ready`: no connection, a server that takes no writes, or one that drops documents when its memory is full.
  package var problem: String? {
    guard let server = client.server else { return client.failure.description }
    if let refusal = refusal.withLock({ $0 }) { return "\(refusal) (\(server.endpoint))" }
    return server.evictionProblem
  }

  /// Keeps what became of a write.
  private func noteWrite(_ result: Result<[RedisReply], RedisError>) {
    // Without an answer there is nothing new: the connection says what is wrong.
    guard case .success(let replies) = result else { return }
    let failure = replies.lazy.compactMap(\.failure).first
    refusal.withLock { if $0 != failure { $0 = failure } }
  }

  /// What an operator should know though nothing is wrong.
  package var warning: String? {
    guard let server = client.server, server.evictionPolicy == nil else { return nil }
    return "Redis at \(server.endpoint) does not tell its maxmemory-policy; it must be noeviction"
  }

  package func apply(_ entries: [ScopeApply], deliver: @escaping @Sendable (Result<[ApplyOutcome], HotStateFailure>) -> Void) {
    var pipeline = RedisPipeline()
    // Which replies are those of entries.
    var places: [Int] = []
    for entry in entries {
      if entry.previous < 0 { announce(entry.scope, &pipeline) }
      places.append(pipeline.count)
      let head = [Layout.number(entry.previous), Layout.number(entry.mark)]
      pipeline.run(Scripts.apply, keys: layout.keys(entry.scope), arguments: head + arguments(entry.changes))
    }
    touch(entries)
    client.send(pipeline) { [weak self, places] result in
      self?.noteWrite(result)
      deliver(
        Self.outcomes(result) { replies throws(HotStateFailure) in
          try places.map { place throws(HotStateFailure) in
            switch replies[place].number {
            case 0: .applied
            case 1: .newer
            case 2: .gap
            default: throw .unavailable("an apply was answered with \(replies[place])")
            }
          }
        })
    }
  }

  /// Fields and values in turn. A decision of many commands changes the same documents again and again; of those the last is written.
  private func arguments(_ changes: [Change]) -> [[UInt8]] {
    var places = [DocumentKey: Int](minimumCapacity: changes.count)
    var last: [Change] = []
    last.reserveCapacity(changes.count)
    for change in changes {
      if let place = places[change.key] {
        last[place] = change
      } else {
        places[change.key] = last.count
        last.append(change)
      }
    }
    var arguments: [[UInt8]] = []
    arguments.reserveCapacity(last.count * 2)
    for change in last {
      arguments.append(Layout.field(change.key))
      arguments.append(change.bytes.map { Layout.value($0, entries: indexer(change.key, $0)) } ?? [])
    }
    return arguments
  }

  package func beginRefill(
    _ scope: Identifier, token: RefillToken, expected: Int64, deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    var pipeline = RedisPipeline()
    // Filling one scope tells nothing of the others, so it is no comparison: where the server was emptied before the first of those, they are missing too.
    completeness.withLock { $0.touch(partition(scope)) }
    announce(scope, &pipeline)
    pipeline.run(Scripts.begin, keys: layout.keys(scope), arguments: [Layout.token(token), Layout.number(expected)])
    client.send(pipeline) { [weak self] result in
      self?.noteWrite(result)
      deliver(Self.refill(result))
    }
  }

  package func refillChunk(
    _ scope: Identifier, token: RefillToken, number: Int, documents: [Document],
    deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    var arguments = [Layout.token(token), Array(String(number).utf8)]
    arguments.reserveCapacity(2 + documents.count * 2)
    for document in documents {
      arguments.append(Layout.field(document.key))
      arguments.append(Layout.value(document.bytes, entries: indexer(document.key, document.bytes)))
    }
    step(Scripts.chunk, scope, arguments, deliver)
  }

  package func endRefill(
    _ scope: Identifier, token: RefillToken, chunks: Int, mark: Int64,
    deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    step(Scripts.end, scope, [Layout.token(token), Array(String(chunks).utf8), Layout.number(mark)], deliver)
  }

  private func step(
    _ script: RedisScript, _ scope: Identifier, _ arguments: [[UInt8]],
    _ deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    var pipeline = RedisPipeline()
    pipeline.run(script, keys: layout.keys(scope), arguments: arguments)
    client.send(pipeline) { [weak self] result in
      self?.noteWrite(result)
      deliver(Self.refill(result))
    }
  }

  /// Before a scope is first written it is known to its partition: who finds it gone later must not take it for untouched.
  private func announce(_ scope: Identifier, _ pipeline: inout RedisPipeline) {
    pipeline.add(Array("SADD".utf8), layout.scopes(partition(scope)), Layout.bytes(scope))
  }

  private func touch(_ entries: [ScopeApply]) {
    completeness.withLock { for entry in entries { $0.touch(partition(entry.scope)) } }
  }

  package func watch(_ changed: @escaping @Sendable () -> Void) -> any Cancellable {
    let number = watchers.withLock { $0.add(changed) }
    return Watch { [weak self] in self?.watchers.withLock { $0.remove(number) } }
  }

  /// Begins a new generation and tells everybody.
  func changed() {
    completeness.withLock { $0.begin() }
    for call in watchers.withLock({ $0.calls }) { call() }
  }

  // MARK: Answers

  /// All replies of a pipeline, or the first failure among them: half a success is none.
  static func outcomes<Value>(
    _ result: Result<[RedisReply], RedisError>, _ read: ([RedisReply]) throws(HotStateFailure) -> Value
  ) -> Result<Value, HotStateFailure> {
    switch result {
    case .failure(let error): return .failure(.unavailable(error.description))
    case .success(let replies):
      if let failure = replies.lazy.compactMap(\.failure).first { return .failure(.unavailable(failure.description)) }
      return Result { () throws(HotStateFailure) in try read(replies) }
    }
  }

  private static func refill(_ result: Result<[RedisReply], RedisError>) -> Result<RefillOutcome, HotStateFailure> {
    outcomes(result) { replies throws(HotStateFailure) in
      switch replies.last?.number {
      case 0: .done
      case 1: .notNeeded
      case 2: .refused
      default: throw .unavailable("a step of a refill was answered with \(replies)")
      }
    }
  }
}

/// Who wants to know of changes underneath.
private struct Watchers {
  private var last: UInt64 = 0
  private var all: [UInt64: @Sendable () -> Void] = [:]

  var calls: [@Sendable () -> Void] { all.sorted { $0.key < $1.key }.map(\.value) }

  mutating func add(_ call: @escaping @Sendable () -> Void) -> UInt64 {
    last += 1
    all[last] = call
    return last
  }

  mutating func remove(_ number: UInt64) { all[number] = nil }
}

private struct Watch: Cancellable {
  let end: @Sendable () -> Void

  func cancel() { end() }
}
