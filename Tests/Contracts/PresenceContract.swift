import InProcessPresenceStore
import InProcessSignalBus
import Ports
import PortsTesting
import RedisPresenceStore
import RedisTesting
import Resources
import Testing

/// Every adapter of `PresenceStore` that keeps the contract. A new one is a case more.
enum PresenceHome: String, CaseIterable, CustomTestStringConvertible {
  case inProcess
  case redis

  static let allCases: [PresenceHome] = RedisProcess.isAvailable ? [.inProcess, .redis] : [.inProcess]

  var testDescription: String { rawValue }

  /// Presence as two nodes with one clock see it.
  func make() async throws -> (here: any PresenceStore, there: any PresenceStore, clock: ManualClock, bus: any SignalBus) {
    let clock = ManualClock()
    switch self {
    case .inProcess:
      let bus = InProcessSignalBus()
      let store = InProcessPresenceStore(clock: clock, bus: bus)
      return (store, store, clock, bus)
    case .redis:
      let port = try RedisProcess.shared.get().port
      let prefix = RedisHome.prefix()
      let buses = [try await RedisHome.bus(port, prefix), try await RedisHome.bus(port, prefix)]
      var stores: [RedisPresenceStore] = []
      for (seed, bus) in buses.enumerated() {
        let store = RedisPresenceStore(
          settings: RedisHome.settings(port), loop: try RedisHome.eventLoop(), prefix: prefix, clock: clock, bus: bus, seed: UInt64(seed))
        try await store.connected(withinMilliseconds: 20_000)
        stores.append(store)
      }
      return (stores[0], stores[1], clock, buses[0])
    }
  }
}

extension PresenceStore {
  func register(_ endpoint: PresenceEndpoint, _ identity: PresenceIdentity, ttl: Int64 = 90_000) async throws -> PresenceOutcome {
    try await withCheckedContinuation { c in register(endpoint, of: identity, ttl: ttl) { c.resume(returning: $0) } }.get()
  }

  func refresh(_ endpoint: String, _ session: Int64, _ identity: PresenceIdentity, ttl: Int64 = 90_000) async throws -> PresenceOutcome {
    try await withCheckedContinuation { c in refresh(endpoint, session: session, of: identity, ttl: ttl) { c.resume(returning: $0) } }.get()
  }

  func unregister(_ endpoint: String, _ session: Int64, _ identity: PresenceIdentity) async throws -> PresenceOutcome {
    try await withCheckedContinuation { c in unregister(endpoint, session: session, of: identity) { c.resume(returning: $0) } }.get()
  }

  func live(_ identity: PresenceIdentity) async throws -> [PresenceEndpoint] { try await endpoints(of: identity).map(\.endpoint) }
}

@Suite("PresenceStore contract") struct PresenceContract {
  private let alice = PresenceIdentity(account: Identifier(high: 1, low: 2), name: "alice")

  private func endpoint(_ id: String, _ session: Int64 = 1, _ record: [UInt8] = [1]) -> PresenceEndpoint {
    PresenceEndpoint(id: id, session: session, record: record)
  }

  @Test("Nobody is registered until somebody registers, and then every node sees it", arguments: PresenceHome.allCases)
  func registers(_ home: PresenceHome) async throws {
    let (here, there, clock, _) = try await home.make()
    #expect(try await here.live(alice) == [])
    #expect(try await here.register(endpoint("phone"), alice) == .changed)
    #expect(try await there.register(endpoint("laptop", 7, [0, 13, 10, 255]), alice, ttl: 30_000) == .changed)
    #expect(try await here.live(alice) == [endpoint("laptop", 7, [0, 13, 10, 255]), endpoint("phone")])
    #expect(try await there.endpoints(of: alice).map(\.expires) == [clock.now() + 30_000, clock.now() + 90_000])
    for other in [
      PresenceIdentity(account: alice.account, name: "bob"), PresenceIdentity(account: Identifier(high: 9, low: 9), name: "alice"),
    ] {
      #expect(try await here.live(other) == [])
    }
  }

  @Test("Registering what is registered moves its time; another record is a change", arguments: PresenceHome.allCases)
  func registersAgain(_ home: PresenceHome) async throws {
    let (here, _, clock, _) = try await home.make()
    #expect(try await here.register(endpoint("phone"), alice) == .changed)
    clock.advance(by: 1000)
    #expect(try await here.register(endpoint("phone"), alice) == .unchanged)
    #expect(try await here.endpoints(of: alice).map(\.expires) == [clock.now() + 90_000])
    #expect(try await here.register(endpoint("phone", 1, []), alice) == .changed)
    #expect(try await here.live(alice) == [endpoint("phone", 1, [])])
  }

  @Test("An endpoint lapses at its time unless it is refreshed", arguments: PresenceHome.allCases)
  func lapses(_ home: PresenceHome) async throws {
    let (here, there, clock, _) = try await home.make()
    _ = try await here.register(endpoint("phone"), alice, ttl: 1000)
    _ = try await here.register(endpoint("laptop"), alice, ttl: 1000)
    clock.advance(by: 999)
    #expect(try await there.live(alice).count == 2)
    #expect(try await there.refresh("laptop", 1, alice, ttl: 1000) == .unchanged)
    clock.advance(by: 1)
    #expect(try await here.live(alice) == [endpoint("laptop")])
    #expect(try await here.refresh("phone", 1, alice) == .absent)
    #expect(try await here.unregister("phone", 1, alice) == .absent)
    #expect(try await here.register(endpoint("phone"), alice) == .changed)
    #expect(try await here.live(alice).count == 2)
  }

  @Test("What an older session says late counts for nothing", arguments: PresenceHome.allCases)
  func sessions(_ home: PresenceHome) async throws {
    let (here, there, _, _) = try await home.make()
    #expect(try await here.register(endpoint("phone", 5), alice) == .changed)
    #expect(try await there.register(endpoint("phone", 10), alice) == .changed)
    #expect(try await here.register(endpoint("phone", 5, [9]), alice) == .stale)
    #expect(try await here.refresh("phone", 5, alice) == .stale)
    #expect(try await here.unregister("phone", 5, alice) == .stale)
    #expect(try await here.live(alice) == [endpoint("phone", 10)])
    #expect(try await here.refresh("phone", 11, alice) == .absent, "a session that never registered")
    #expect(try await here.unregister("phone", 10, alice) == .changed)
    #expect(try await here.unregister("phone", 10, alice) == .absent)
    #expect(try await there.live(alice) == [])
  }

  @Test("Watchers are told of changes on any node, and not of refreshes", arguments: PresenceHome.allCases)
  func watches(_ home: PresenceHome) async throws {
    let (here, there, _, bus) = try await home.make()
    let bell = Bell()
    let watch = here.watch(alice, bell.ring)
    try await bus.settled()
    _ = try await there.register(endpoint("phone"), alice)
    await bell.heard()
    #expect(bell.count == 1)
    _ = try await there.register(endpoint("phone"), alice)
    _ = try await there.refresh("phone", 1, alice)
    _ = try await there.unregister("phone", 1, alice)
    await bell.heard()
    #expect(bell.count == 2)
    watch.cancel()
  }
}
