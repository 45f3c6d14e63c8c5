import EventLoops
import RedisClient
import RedisTesting
import Synchronization
import Testing

/// A client on a loop of its own and what it heard.
final class Watched: Sendable {
  private struct State {
    var events: [RedisEvent] = []
    var waiting: (match: @Sendable (RedisEvent) -> Bool, resume: CheckedContinuation<RedisEvent, Never>)?
  }

  let loop: EventLoop
  let client: RedisClient
  private let state = Mutex(State())

  init(_ address: String, _ change: (inout RedisSettings) -> Void = { _ in }) throws {
    loop = try EventLoop.spawn(name: "redis-client")
    var settings = RedisSettings(address: try RedisAddress(address))
    settings.firstPause = 5
    settings.longestPause = 20
    change(&settings)
    client = RedisClient(loop: loop, settings: settings, seed: 1)
    client.start(observe: { [weak self] event in self?.heard(event) })
  }

  deinit {
    client.close()
    loop.stop()
  }

  private func heard(_ event: RedisEvent) {
    let ready = state.withLock { state -> CheckedContinuation<RedisEvent, Never>? in
      state.events.append(event)
      guard let waiting = state.waiting, waiting.match(event) else { return nil }
      state.waiting = nil
      return waiting.resume
    }
    ready?.resume(returning: event)
  }

  /// The first event of a kind, heard already or still to come.
  func first(_ match: @escaping @Sendable (RedisEvent) -> Bool) async -> RedisEvent {
    await withCheckedContinuation { c in
      let known = state.withLock { state in
        let known = state.events.first(where: match)
        if known == nil { state.waiting = (match, c) }
        return known
      }
      if let known { c.resume(returning: known) }
    }
  }

  /// Why it was first without a connection.
  func failure() async -> RedisError? {
    if case .disconnected(let error) = await first({ if case .disconnected = $0 { true } else { false } }) { error } else { nil }
  }

  func ask(_ texts: String...) async -> Result<[RedisReply], RedisError> {
    var pipeline = RedisPipeline()
    for text in texts { pipeline.add(text: text) }
    return await withCheckedContinuation { c in client.send(pipeline) { c.resume(returning: $0) } }
  }
}

@Suite("Redis client", .enabled(if: RedisProcess.isAvailable)) struct ClientTests {
  @Test func `commands are answered in order, whatever their replies are`() async throws {
    let server = try RedisProcess()
    let watched = try Watched("redis://localhost:\(server.port)/2") { $0.name = "tests" }
    let known = try await watched.client.connected(withinMilliseconds: 20_000)
    #expect(known.role == "master")
    #expect(known.runID.count == 40)
    let replies = try await watched.ask("SET a 1", "INCR a", "GET a", "GET none", "LRANGE a 0 1", "CLIENT GETNAME", "KEYS *").get()
    #expect(
      replies == [
        .status(Array("OK".utf8)), .integer(2), .bytes(Array("2".utf8)), .null,
        .error("WRONGTYPE Operation against a key holding the wrong kind of value"), .bytes(Array("tests".utf8)),
        .array([.bytes([UInt8(ascii: "a")])]),
      ])
  }

  @Test func `a refused connection is reported, and tried again until somebody listens`() async throws {
    let server = try RedisProcess()
    server.stop()
    let watched = try Watched("redis://127.0.0.1:\(server.port)")
    let error = await watched.failure()
    #expect(error?.description.contains("connection refused") == true, "\(String(describing: error))")
    guard case .failure(.notConnected) = await watched.ask("PING") else { return #expect(Bool(false), "a command fails at once") }
    try server.restart()
    #expect(try await watched.client.connected(withinMilliseconds: 20_000).role == "master")
  }

  @Test func `a name that nobody knows is reported`() async throws {
    let watched = try Watched("redis://nobody.invalid:1")
    guard case .unreachable(let why) = await watched.failure() else { return #expect(Bool(false)) }
    #expect(why.contains("nobody.invalid"))
  }

  @Test(arguments: [("", "NOAUTH"), (":wrong@", "WRONGPASS"), ("nobody:secret@", "WRONGPASS")])
  func `a wrong or missing password is named, and never shown`(_ credentials: String, _ answer: String) async throws {
    let server = try RedisProcess("--requirepass", "secret")
    let watched = try Watched("redis://\(credentials)127.0.0.1:\(server.port)") { $0.firstPause = 1000 }
    let failure = await watched.first { event in
      if case .disconnected(.accessDenied) = event { true } else { false }
    }
    guard case .disconnected(let error) = failure else { return }
    #expect(error.description.contains(answer))
    #expect(!error.description.contains("secret") && !error.description.contains("wrong@"))
    let right = try Watched("redis://:secret@127.0.0.1:\(server.port)")
    #expect(try await right.client.connected(withinMilliseconds: 20_000).role == "master")
  }

  @Test func `a password where the server has none is named`() async throws {
    let server = try RedisProcess()
    let watched = try Watched("redis://:secret@127.0.0.1:\(server.port)")
    _ = await watched.first { if case .disconnected(.accessDenied) = $0 { true } else { false } }
  }

  @Test func `a replica is refused`() async throws {
    let master = try RedisProcess()
    let replica = try RedisProcess("--replicaof", "127.0.0.1", "\(master.port)")
    let watched = try Watched("redis://127.0.0.1:\(replica.port)")
    _ = await watched.first { if case .disconnected(.notMaster) = $0 { true } else { false } }
  }

  @Test func `a master that is demoted loses its client`() async throws {
    let other = try RedisProcess()
    let server = try RedisProcess()
    let watched = try Watched("redis://127.0.0.1:\(server.port)") { $0.probeInterval = 20 }
    _ = try await watched.client.connected(withinMilliseconds: 20_000)
    _ = await watched.ask("REPLICAOF 127.0.0.1 \(other.port)")
    _ = await watched.first { if case .disconnected(.notMaster) = $0 { true } else { false } }
  }

  @Test func `an answer that nothing may be written ends the connection`() async throws {
    let other = try RedisProcess()
    let server = try RedisProcess()
    let watched = try Watched("redis://127.0.0.1:\(server.port)") { $0.probeInterval = 1_000_000 }
    _ = try await watched.client.connected(withinMilliseconds: 20_000)
    let result = await watched.ask("REPLICAOF 127.0.0.1 \(other.port)", "SET a 1")
    guard case .failure(.notMaster) = result else { return #expect(Bool(false), "\(result)") }
    _ = await watched.first { if case .disconnected(.notMaster) = $0 { true } else { false } }
  }

  @Test func `a server that falls silent is given up with everything that waits, and found again`() async throws {
    let server = try RedisProcess()
    let watched = try Watched("redis://127.0.0.1:\(server.port)") {
      $0.commandTimeout = 150
      $0.connectTimeout = 150
      $0.probeInterval = 1_000_000
    }
    _ = try await watched.client.connected(withinMilliseconds: 20_000)
    server.signal(19)
    async let first = watched.ask("GET a")
    async let second = watched.ask("GET b")
    for result in await [first, second] {
      guard case .failure(.timedOut) = result else { return #expect(Bool(false), "\(result)") }
    }
    server.signal(18)
    _ = try await watched.client.connected(withinMilliseconds: 20_000)
    #expect(try await watched.ask("GET a").get() == [.null])
  }

  @Test func `a server that is killed fails everything that waits`() async throws {
    let server = try RedisProcess()
    let watched = try Watched("redis://127.0.0.1:\(server.port)") { $0.probeInterval = 1_000_000 }
    _ = try await watched.client.connected(withinMilliseconds: 20_000)
    async let waiting = watched.ask("BLPOP nothing 0")
    server.stop()
    guard case .failure = await waiting else { return #expect(Bool(false)) }
  }

  @Test func `bytes that are no protocol end the connection`() async throws {
    let loop = try EventLoop.spawn(name: "liar")
    defer { loop.stop() }
    let port = try loop.perform {
      try TCPListener(loop: loop, host: "127.0.0.1", port: 0, joining: false) { stream in
        stream.write(Array("HTTP/1.1 400 Bad Request\r\n".utf8).span.bytes)
      }.port
    }
    let watched = try Watched("redis://127.0.0.1:\(port)")
    _ = await watched.first { if case .disconnected(.protocolViolation) = $0 { true } else { false } }
  }

  @Test func `more than may wait fails at once`() async throws {
    let server = try RedisProcess()
    let watched = try Watched("redis://127.0.0.1:\(server.port)") {
      $0.waitingBytes = 1000
      $0.probeInterval = 1_000_000
    }
    _ = try await watched.client.connected(withinMilliseconds: 20_000)
    async let first = watched.ask("BLPOP nothing 0")
    async let others = withTaskGroup(of: Bool.self) { group in
      for _ in 0..<200 {
        group.addTask { if case .failure(.overloaded) = await watched.ask("GET something") { true } else { false } }
      }
      // Those that fit wait until the server is gone.
      var overloaded = 0
      for await isOverloaded in group {
        if isOverloaded { overloaded += 1 }
        if overloaded == 100 { server.stop() }
      }
      return overloaded
    }
    #expect(await others > 100)
    guard case .failure = await first else { return #expect(Bool(false)) }
  }

  @Test func `long values pass whole in both directions`() async throws {
    let server = try RedisProcess()
    let watched = try Watched("redis://127.0.0.1:\(server.port)")
    _ = try await watched.client.connected(withinMilliseconds: 20_000)
    let value = [UInt8]((0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
    var pipeline = RedisPipeline()
    pipeline.add(Array("SET".utf8), Array("long".utf8), value)
    pipeline.add(text: "GET long")
    let replies = try await withCheckedContinuation { c in watched.client.send(pipeline) { c.resume(returning: $0) } }.get()
    #expect(replies[1].payload == value)
  }
}
