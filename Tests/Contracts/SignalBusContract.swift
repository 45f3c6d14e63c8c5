import InProcessSignalBus
import Ports
import PortsTesting
import RedisSignalBus
import RedisTesting
import Synchronization
import Testing

/// Every adapter of `SignalBus` that keeps the contract. A new one is a case more.
enum SignalBusHome: String, CaseIterable, CustomTestStringConvertible {
  case inMemory
  case inProcess
  case redis

  static let allCases: [SignalBusHome] = [.inMemory, .inProcess] + (RedisProcess.isAvailable ? [.redis] : [])

  var testDescription: String { rawValue }

  /// The bus as two nodes see it.
  func make() async throws -> (here: any SignalBus, there: any SignalBus) {
    switch self {
    case .inMemory:
      let bus = InMemorySignalBus()
      return (bus, bus)
    case .inProcess:
      let bus = InProcessSignalBus()
      return (bus, bus)
    case .redis:
      let port = try RedisProcess.shared.get().port
      let prefix = RedisHome.prefix()
      return (try await RedisHome.bus(port, prefix), try await RedisHome.bus(port, prefix))
    }
  }
}

extension RedisHome {
  static func bus(_ port: Int, _ prefix: String = RedisHome.prefix()) async throws -> RedisSignalBus {
    let bus = RedisSignalBus(settings: settings(port), loop: try eventLoop(), prefix: prefix, seed: 1)
    try await bus.settled(withinMilliseconds: 20_000)
    return bus
  }
}

/// What a listener has received.
final class Inbox: Sendable {
  private struct State {
    var messages: [String] = []
    var waiting: (count: Int, resume: CheckedContinuation<Void, Never>)?
  }

  private let state = Mutex(State())

  var receive: @Sendable ([UInt8]) -> Void {
    { [self] message in
      let ready = state.withLock { state -> CheckedContinuation<Void, Never>? in
        state.messages.append(String(decoding: message, as: UTF8.self))
        guard let waiting = state.waiting, state.messages.count >= waiting.count else { return nil }
        state.waiting = nil
        return waiting.resume
      }
      ready?.resume()
    }
  }

  var now: [String] { state.withLock { $0.messages } }

  /// The first `count` messages, once they are there.
  func first(_ count: Int) async -> [String] {
    await withCheckedContinuation { c in
      let isReady = state.withLock { state in
        if state.messages.count >= count { return true }
        state.waiting = (count, c)
        return false
      }
      if isReady { c.resume() }
    }
    return Array(now.prefix(count))
  }
}

extension SignalBus {
  func publish(_ channel: String, _ text: String) { publish(channel, Array(text.utf8)) }

  /// Until what was subscribed to is listened to. Only a bus between processes takes time for that.
  func settled() async throws { try await (self as? RedisSignalBus)?.settled(withinMilliseconds: 20_000) }
}

@Suite("SignalBus contract") struct SignalBusContract {
  @Test("A listener gets the messages of its channel, in order, and no others", arguments: SignalBusHome.allCases)
  func order(_ home: SignalBusHome) async throws {
    let (here, there) = try await home.make()
    let inbox = Inbox()
    let subscription = here.subscribe("a", inbox.receive)
    try await here.settled()
    for number in 0..<500 {
      there.publish("b", "no")
      there.publish("a", "\(number)")
    }
    #expect(await inbox.first(500) == (0..<500).map { "\($0)" })
    subscription.cancel()
  }

  @Test("All listeners of a channel get each message; one that is cancelled gets none any more", arguments: SignalBusHome.allCases)
  func several(_ home: SignalBusHome) async throws {
    let (here, there) = try await home.make()
    let inboxes = [Inbox(), Inbox(), Inbox()]
    let subscriptions = inboxes.enumerated().map { ($0 == 2 ? there : here).subscribe("a", $1.receive) }
    try await here.settled()
    try await there.settled()
    there.publish("a", "one")
    for inbox in inboxes { #expect(await inbox.first(1) == ["one"]) }
    subscriptions[0].cancel()
    subscriptions[0].cancel()
    here.publish("a", "two")
    for inbox in inboxes[1...] { #expect(await inbox.first(2) == ["one", "two"]) }
    #expect(inboxes[0].now == ["one"])
    for subscription in subscriptions { subscription.cancel() }
  }

  @Test("A channel is listened to again after its last listener had gone", arguments: SignalBusHome.allCases)
  func again(_ home: SignalBusHome) async throws {
    let (here, there) = try await home.make()
    for round in 0..<20 {
      let inbox = Inbox()
      let subscription = here.subscribe("a", inbox.receive)
      try await here.settled()
      there.publish("a", "\(round)")
      #expect(await inbox.first(1) == ["\(round)"])
      subscription.cancel()
    }
  }

  @Test("A message is any bytes, also none", arguments: SignalBusHome.allCases)
  func bytes(_ home: SignalBusHome) async throws {
    let (here, there) = try await home.make()
    let received = Mutex<[[UInt8]]>([])
    let inbox = Inbox()
    let subscription = here.subscribe("a:{b} c\u{00E9}") { message in
      received.withLock { $0.append(message) }
      inbox.receive([])
    }
    try await here.settled()
    let messages: [[UInt8]] = [[], [0, 13, 10, 255], Array(repeating: 7, count: 200_000)]
    for message in messages { there.publish("a:{b} c\u{00E9}", message) }
    _ = await inbox.first(3)
    #expect(received.withLock { $0 } == messages)
    subscription.cancel()
  }

  @Test("Publishing where nobody listens does nothing", arguments: SignalBusHome.allCases)
  func nobody(_ home: SignalBusHome) async throws {
    let (here, _) = try await home.make()
    here.publish("nobody", "hello")
  }
}
