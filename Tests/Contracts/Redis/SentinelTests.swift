import Ports
import RedisClient
import RedisHotState
import RedisTesting
import Resources
import Testing

@Suite("Hot state behind Sentinel", .enabled(if: RedisProcess.isAvailable)) struct SentinelTests {
  @Test func `after a fail-over to a copy that lags, what only the old master knew is not there yet, and never untouched`() async throws {
    let master = try RedisProcess()
    let copy = try RedisProcess("--replicaof", "127.0.0.1", "\(master.port)")
    try await until { try await text(master, "INFO replication").contains("state=online") }
    let sentinel = try RedisProcess(sentinelOf: "work-master", master)
    try await until { try await text(sentinel, "INFO sentinel").contains("slaves=1") }

    var settings = RedisHome.settings(0)
    settings.address = try RedisAddress("redis-sentinel://127.0.0.1:1,127.0.0.1:\(sentinel.port)/work-master")
    settings.connectTimeout = 500
    let state = try await RedisHome.state(settings)
    let known = id(1)
    let late = id(2)
    let untouched = id(3)
    #expect(try await state.apply(known, -1, 1, [write(sample(1, value: 1))]) == .applied)
    #expect(try await state.marks([known]) == [1])
    try await state.setComplete(0, RefillToken(epoch: 1, attempt: 1))
    try await until {
      let offset = try await field(master, "master_repl_offset")
      return try await field(copy, "slave_repl_offset") == offset
    }

    // From here on the copy hears nothing: it is cut off, and not let in again.
    try await ask(master, "CONFIG SET requirepass secret", "CLIENT KILL TYPE replica")
    #expect(try await state.apply(late, -1, 2, [write(sample(2, value: 2))]) == .applied)
    #expect(try await state.get(untouched, []).mark == -1)
    let changed = Bell()
    let watch = state.watch(changed.ring)
    master.stop()
    await changed.heard()

    #expect(try await state.get(known, [key(1)]).mark == 1, "what the copy has is read")
    await #expect(throws: HotStateFailure.notNow) { try await state.get(late, [key(2)]) }
    await #expect(throws: HotStateFailure.notNow) { try await state.get(untouched, []) }
    #expect(try await state.apply(late, 2, 3) == .gap)

    #expect(try await state.marks([known, late]) == [1, -1])
    let token = RefillToken(epoch: 1, attempt: 2)
    #expect(try await state.begin(late, token, expected: 2) == .done)
    #expect(try await state.chunk(late, token, 0, [sample(2, value: 2)]) == .done)
    #expect(try await state.end(late, token, chunks: 1, mark: 2) == .done)
    try await state.setComplete(0, token)
    #expect(try await state.get(late, [key(2)]).documents == [sample(2, value: 2).bytes])
    #expect(try await state.get(untouched, []).mark == -1)
    watch.cancel()
    state.close()
  }

  /// Asks again and again: each question is a round trip, so nothing sleeps.
  private func until(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { try Task.checkCancellation() }
  }

  private func text(_ server: RedisProcess, _ command: String) async throws -> String { try await ask(server, command).text ?? "" }

  private func field(_ server: RedisProcess, _ name: String) async throws -> Substring? {
    try await text(server, "INFO replication").split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name):") }?.dropFirst(
      name.count + 1)
  }
}
