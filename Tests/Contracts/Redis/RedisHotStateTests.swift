import Ports
import RedisClient
import RedisHotState
import RedisTesting
import Resources
import Testing

/// What can happen to hot state on a server underneath its users.
@Suite("Hot state on Redis", .enabled(if: RedisProcess.isAvailable)) struct RedisHotStateTests {
  private let scope = id(1)
  private let untouched = id(2)
  private let token = RefillToken(epoch: 10, attempt: 1)

  /// Hot state with one scope at mark 1, complete, on a server of its own.
  private func filled(_ server: RedisProcess, prefix: String = RedisHome.prefix()) async throws -> RedisHotState {
    let state = try await RedisHome.state(RedisHome.settings(server.port), prefix: prefix)
    #expect(try await state.apply(scope, -1, 1, [write(sample(1, value: 1))]) == .applied)
    try await compare(state)
    #expect(try await state.get(untouched, []).mark == -1)
    return state
  }

  /// What an owner does whose ledger knows `scope` at mark 1.
  private func compare(_ state: RedisHotState, attempt: Int64 = 1) async throws {
    let token = RefillToken(epoch: 10, attempt: attempt)
    if try await state.marks([scope]) != [1] {
      #expect(try await state.begin(scope, token, expected: 1) == .done)
      #expect(try await state.chunk(scope, token, 0, [sample(1, value: 1)]) == .done)
      #expect(try await state.end(scope, token, chunks: 1, mark: 1) == .done)
    }
    try await state.setComplete(0, token)
  }

  @Test func `an emptied server is noticed, answers not now, and is right again once the owner has compared`() async throws {
    let server = try RedisProcess()
    let state = try await filled(server)
    let changed = Bell()
    let watch = state.watch(changed.ring)
    try await ask(server, "FLUSHALL")
    await changed.heard()
    await #expect(throws: HotStateFailure.notNow) { try await state.get(scope, [key(1)]) }
    await #expect(throws: HotStateFailure.notNow) { try await state.list(untouched, DocumentRange(kind: 3, index: 0, limit: 1)) }
    try await compare(state, attempt: 2)
    #expect(try await state.get(scope, [key(1)]).documents == [sample(1, value: 1).bytes])
    #expect(try await state.get(untouched, []).mark == -1)
    watch.cancel()
  }

  @Test func `an owner cannot call complete what was emptied after it had compared`() async throws {
    let server = try RedisProcess()
    let state = try await RedisHome.state(RedisHome.settings(server.port))
    _ = try await state.apply(scope, -1, 1, [write(sample(1, value: 1))])
    await #expect(throws: HotStateFailure.self, "not compared yet") { try await state.setComplete(0, token) }
    #expect(try await state.marks([scope]) == [1])
    try await ask(server, "FLUSHALL")
    let changed = Bell()
    let watch = state.watch(changed.ring)
    let failure = await #expect(throws: HotStateFailure.self) { try await state.setComplete(0, token) }
    #expect(failure?.description.contains("compare them again") == true)
    await changed.heard()
    await #expect(throws: HotStateFailure.notNow) { try await state.get(scope, []) }
    watch.cancel()
  }

  @Test func `an owner that was overtaken cannot speak after its successor`() async throws {
    let state = try await RedisHome.state(RedisHome.settings(try RedisProcess.shared.get().port))
    try await state.setComplete(0, RefillToken(epoch: 11, attempt: 0))
    await #expect(throws: HotStateFailure.self) { try await state.setComplete(0, token) }
  }

  @Test(arguments: ["DEL d", "DEL l", "DEL m", "HDEL d", "ZREM l"])
  func `what was taken away underneath is never a shortened answer`(_ loss: String) async throws {
    let server = try RedisProcess.shared.get()
    let prefix = RedisHome.prefix()
    let state = try await filled(server, prefix: prefix)
    _ = try await state.apply(scope, 1, 2, [write(sample(2, value: 2))])
    let words = loss.split(separator: " ").map(String.init)
    let name = "\(prefix)work:{\(scope.hex)}:\(words[1])"
    switch words[0] {
    case "HDEL": try await ask(server, [[Array("HDEL".utf8), Array(name.utf8), [3] + bigEndian(id(2))]])
    case "ZREM": try await ask(server, "ZREMRANGEBYRANK \(name) 0 0")
    default: try await ask(server, "\(words[0]) \(name)")
    }
    await #expect(throws: HotStateFailure.notNow) { try await state.get(scope, [key(1)]) }
    await #expect(throws: HotStateFailure.notNow) { try await state.list(scope, DocumentRange(kind: 3, index: 0, limit: 9)) }
    #expect(try await state.marks([scope]) == [-1])
    #expect(try await state.apply(scope, 2, 3) == .gap)
    #expect(try await state.begin(scope, token, expected: 2) == .done, "the mark alone does not make a refill needless")
    #expect(try await state.chunk(scope, token, 0, [sample(1, value: 1), sample(2, value: 2)]) == .done)
    #expect(try await state.end(scope, token, chunks: 1, mark: 2) == .done)
    #expect(try await state.page(scope, DocumentRange(kind: 3, index: 0, limit: 9)) == [1, 2])
  }

  @Test func `a scope whose keys are all gone is not taken for untouched`() async throws {
    let server = try RedisProcess.shared.get()
    let prefix = RedisHome.prefix()
    let state = try await filled(server, prefix: prefix)
    for name in ["d", "l", "m"] { try await ask(server, "DEL \(prefix)work:{\(scope.hex)}:\(name)") }
    await #expect(throws: HotStateFailure.notNow) { try await state.get(scope, [key(1)]) }
    #expect(try await state.get(untouched, []).mark == -1)
  }

  @Test func `a server that comes back empty answers not now until it is refilled, and says that it changed`() async throws {
    let server = try RedisProcess()
    let state = try await filled(server)
    let changed = Bell()
    let watch = state.watch(changed.ring)
    server.stop()
    let failure = await failure { while true { _ = try await state.get(scope, [key(1)]) } }
    #expect(failure != .notNow)
    try server.restart()
    await changed.heard()
    await #expect(throws: HotStateFailure.notNow) { try await state.get(scope, [key(1)]) }
    await #expect(throws: HotStateFailure.notNow) { try await state.get(untouched, [key(1)]) }
    #expect(try await state.marks([scope]) == [-1])
    try await compare(state, attempt: 2)
    #expect(try await state.get(scope, [key(1)]).documents == [sample(1, value: 1).bytes])
    watch.cancel()
  }

  @Test func `scripts that the server has forgotten are sent again, in order`() async throws {
    let server = try RedisProcess()
    let state = try await filled(server)
    for round in Int64(0)..<20 {
      try await ask(server, "SCRIPT FLUSH")
      let start = 1 + round * 5
      async let applied = withThrowingTaskGroup(of: ApplyOutcome.self) { group in
        for mark in start..<start + 5 {
          let outcome = Promised<ApplyOutcome>()
          state.apply([ScopeApply(scope: scope, previous: mark, mark: mark + 1, changes: [])]) { outcome.settle($0.map { $0[0] }) }
          group.addTask { try await outcome.value() }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      async let read = state.get(untouched, [])
      #expect(try await applied == Array(repeating: .applied, count: 5))
      #expect(try await read.mark == -1)
    }
    #expect(try await state.marks([scope]) == [101])
  }

  @Test func `a full server is named, and writes nothing in part`() async throws {
    let server = try RedisProcess("--maxmemory-policy", "noeviction")
    let state = try await filled(server)
    try await ask(server, "CONFIG SET maxmemory 1")
    let failure = await failure { _ = try await state.apply(scope, 1, 2, [write(sample(2, value: 2)), write(sample(3, value: 3))]) }
    #expect(failure?.description.contains("maxmemory") == true)
    #expect(try await state.get(scope, [key(1)]).documents == [sample(1, value: 1).bytes])
    #expect(try await state.page(scope, DocumentRange(kind: 3, index: 0, limit: 9)) == [1])
    try await ask(server, "CONFIG SET maxmemory 0")
    #expect(try await state.apply(scope, 1, 2) == .applied)
    #expect(state.problem == nil)
  }

  @Test func `a server that would drop documents is a problem that is named`() async throws {
    let server = try RedisProcess("--maxmemory-policy", "allkeys-lru")
    let state = try await RedisHome.state(RedisHome.settings(server.port))
    #expect(state.problem?.contains("maxmemory-policy to noeviction (it is allkeys-lru)") == true)
    state.close()
  }

  @Test func `one half of a call that fails makes the whole call fail`() async throws {
    let server = try RedisProcess.shared.get()
    let prefix = RedisHome.prefix()
    let state = try await filled(server, prefix: prefix)
    try await ask(server, "SET \(prefix)work:{\(id(7).hex)}:m nonsense")
    let entries = [scope, id(7)].map { ScopeApply(scope: $0, previous: $0 == scope ? 1 : -1, mark: 9, changes: []) }
    let failure = await failure { _ = try await state.apply(entries) }
    #expect(failure?.description.contains("WRONGTYPE") == true)
  }

  @Test func `many scopes are compared in one call`() async throws {
    let state = try await RedisHome.state(RedisHome.settings(try RedisProcess.shared.get().port))
    let scopes = (0..<450).map { id($0) }
    _ = try await state.apply(scopes.map { ScopeApply(scope: $0, previous: -1, mark: Int64($0.low), changes: []) })
    #expect(try await state.marks(scopes + [id(1000)]) == scopes.map { Int64($0.low) } + [-1])
    #expect(try await state.marks([]) == [])
  }

  @Test func `lists keep the order of values and identifiers over their whole range`() async throws {
    let byValue: DocumentIndexer = { _, bytes in
      [IndexEntry(index: 0, value: Int64(bigEndian: bytes.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) }))]
    }
    let state = RedisHotState(
      settings: RedisHome.settings(try RedisProcess.shared.get().port), loop: try RedisHome.eventLoop(), prefix: RedisHome.prefix(),
      family: "work", partition: { _ in 0 }, seed: 1, indexer: byValue)
    try await state.connected(withinMilliseconds: 20_000)
    let values: [Int64] = [.min, -70_000, -256, -1, 0, 1, 255, 256, 70_000, .max]
    let documents = values.enumerated().map { place, value in
      Document(
        key: DocumentKey(kind: 3, id: Identifier(high: UInt64.max - UInt64(place), low: UInt64(place))),
        bytes: withUnsafeBytes(of: value.bigEndian) { Array($0) })
    }
    _ = try await state.apply(scope, -1, 1, documents.shuffledByHash().map(write))
    for ascending in [true, false] {
      var seen: [UInt64] = []
      var after: (value: Int64, id: Identifier)?
      while let next = try await state.list(scope, DocumentRange(kind: 3, index: 0, after: after, ascending: ascending, limit: 1)).documents
        .first
      {
        seen.append(next.key.id.low)
        after = (values[Int(next.key.id.low)], next.key.id)
      }
      #expect(seen == (ascending ? Array(0..<10) : Array((0..<10).reversed())))
    }
  }

  /// What `body` failed with.
  private func failure(_ body: () async throws -> Void) async -> HotStateFailure? {
    do { try await body() } catch { return error as? HotStateFailure }
    return nil
  }
}

extension [Document] {
  /// In no order that means anything.
  fileprivate func shuffledByHash() -> [Document] { sorted { ($0.key.id.low &* 7) % 10 < ($1.key.id.low &* 7) % 10 } }
}

private func bigEndian(_ id: Identifier) -> [UInt8] {
  withUnsafeBytes(of: id.high.bigEndian) { Array($0) } + withUnsafeBytes(of: id.low.bigEndian) { Array($0) }
}
