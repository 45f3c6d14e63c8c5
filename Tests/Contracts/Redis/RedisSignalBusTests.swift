import Ports
import RedisClient
import RedisSignalBus
import RedisTesting
import Testing

@Suite("Signal bus on Redis", .enabled(if: RedisProcess.isAvailable)) struct RedisSignalBusTests {
  @Test func `what was subscribed to is listened to again after the server was gone, and what was too much to keep is counted`()
    async throws
  {
    let server = try RedisProcess()
    let bus = try await RedisHome.bus(server.port)
    let inbox = Inbox()
    let subscription = bus.subscribe("a", inbox.receive)
    try await bus.settled()
    server.stop()
    while bus.problem == nil { await Task.yield() }
    let late = bus.subscribe("b", inbox.receive)
    // Nobody listens to it: what was kept is sent again, perhaps before this bus listens again.
    for _ in 0..<10 { bus.publish("nobody", [UInt8](repeating: 0, count: 1 << 20)) }
    while bus.dropped < 6 { await Task.yield() }
    try server.restart()
    try await bus.settled()
    bus.publish("a", "again")
    bus.publish("b", "new")
    #expect(await inbox.first(2) == ["again", "new"])
    #expect(bus.problem == nil)
    subscription.cancel()
    late.cancel()
  }

  @Test func `the server is asked for a channel once, and no longer once its last listener is gone`() async throws {
    let server = try RedisProcess.shared.get()
    let prefix = RedisHome.prefix()
    let bus = try await RedisHome.bus(server.port, prefix)
    let first = bus.subscribe("a") { _ in }
    let second = bus.subscribe("a") { _ in }
    try await bus.settled()
    let count = "PUBSUB NUMSUB \(prefix)a"
    #expect(try await ask(server, count).elements?.last == .integer(1))
    first.cancel()
    try await bus.settled()
    #expect(try await ask(server, count).elements?.last == .integer(1))
    second.cancel()
    try await bus.settled()
    #expect(try await ask(server, count).elements?.last == .integer(0))
  }

  @Test func `a channel that may not be listened to is a problem with a name`() async throws {
    let server = try RedisProcess("--user", "node", "on", ">secret", "~*", "+@all", "resetchannels", "&allowed")
    var settings = RedisHome.settings(server.port)
    settings.address = try RedisAddress("redis://node:secret@127.0.0.1:\(server.port)")
    let bus = RedisSignalBus(settings: settings, loop: try RedisHome.eventLoop(), prefix: "", seed: 1)
    try await bus.settled(withinMilliseconds: 20_000)
    let subscription = bus.subscribe("forbidden") { _ in }
    while bus.problem?.contains("NOPERM") != true { await Task.yield() }
    subscription.cancel()
    try await bus.settled(withinMilliseconds: 20_000)
  }
}
