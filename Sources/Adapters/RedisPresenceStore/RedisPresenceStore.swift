package import EventLoops
package import Ports
package import RedisClient
import Resources

/// Presence of the cluster home: one hash an identity, which is one slot, and lapses whole some time after its last endpoint. Outcomes are delivered on the loop.
package final class RedisPresenceStore: PresenceStore {
  private let client: RedisClient
  private let prefix: String
  private let clock: any Clock
  private let bus: any SignalBus

  /// Begins to connect at once.
  /// - Parameters:
  ///   - prefix: of every key, so that several installations share a server.
  ///   - bus: carries the news of changes between nodes.
  ///   - seed: of jitter.
  package init(settings: RedisSettings, loop: EventLoop, prefix: String, clock: any Clock, bus: any SignalBus, seed: UInt64) {
    client = RedisClient(loop: loop, settings: settings, seed: seed)
    self.prefix = prefix
    self.clock = clock
    self.bus = bus
    client.start(observe: { _ in })
  }

  deinit { client.close() }

  /// Ends the connection; everything fails from then on.
  package func close() { client.close() }

  /// Waits for the first connection. Errors: why there is none after `milliseconds`.
  package func connected(withinMilliseconds milliseconds: Int64) async throws(RedisError) {
    _ = try await client.connected(withinMilliseconds: milliseconds)
  }

  /// Why there is no connection; nil while there is one.
  package var problem: String? { client.server == nil ? client.failure.description : nil }

  package func register(
    _ endpoint: PresenceEndpoint, of identity: PresenceIdentity, ttl: Int64,
    deliver: @escaping @Sendable (Result<PresenceOutcome, PresenceFailure>) -> Void
  ) {
    let now = clock.now()
    change(
      PresenceScripts.register, identity,
      [Array(endpoint.id.utf8), Self.number(endpoint.session), Self.number(now), Self.number(now + ttl), endpoint.record], deliver)
  }

  package func refresh(
    _ endpoint: String, session: Int64, of identity: PresenceIdentity, ttl: Int64,
    deliver: @escaping @Sendable (Result<PresenceOutcome, PresenceFailure>) -> Void
  ) {
    let now = clock.now()
    change(
      PresenceScripts.refresh, identity, [Array(endpoint.utf8), Self.number(session), Self.number(now), Self.number(now + ttl)], deliver)
  }

  package func unregister(
    _ endpoint: String, session: Int64, of identity: PresenceIdentity,
    deliver: @escaping @Sendable (Result<PresenceOutcome, PresenceFailure>) -> Void
  ) {
    change(PresenceScripts.unregister, identity, [Array(endpoint.utf8), Self.number(session), Self.number(clock.now())], deliver)
  }

  package func endpoints(of identity: PresenceIdentity) async throws(PresenceFailure) -> [RegisteredEndpoint] {
    var pipeline = RedisPipeline()
    pipeline.add(Array("HGETALL".utf8), key(identity))
    let result = await withCheckedContinuation { continuation in
      client.send(pipeline) { continuation.resume(returning: $0) }
    }
    let fields = try Self.read(result).elements ?? []
    let now = clock.now()
    var found: [RegisteredEndpoint] = []
    for place in stride(from: 0, to: fields.count - 1, by: 2) {
      guard let id = fields[place].text, let value = fields[place + 1].payload, let endpoint = Self.endpoint(id, value) else {
        throw PresenceFailure(reason: "a stored endpoint is none of ours")
      }
      if endpoint.expires > now { found.append(endpoint) }
    }
    return found.sorted { $0.endpoint.id.utf8.lexicographicallyPrecedes($1.endpoint.id.utf8) }
  }

  package func watch(_ identity: PresenceIdentity, _ changed: @escaping @Sendable () -> Void) -> any Cancellable {
    bus.subscribe(channel(identity)) { _ in changed() }
  }

  private func change(
    _ script: RedisScript, _ identity: PresenceIdentity, _ arguments: [[UInt8]],
    _ deliver: @escaping @Sendable (Result<PresenceOutcome, PresenceFailure>) -> Void
  ) {
    var pipeline = RedisPipeline()
    pipeline.run(script, keys: [key(identity)], arguments: arguments)
    client.send(pipeline) { [bus, channel = channel(identity)] result in
      let outcome = Result { () throws(PresenceFailure) -> PresenceOutcome in
        switch try Self.read(result).number {
        case 0: .unchanged
        case 1: .changed
        case 2: .stale
        case 3: .absent
        default: throw PresenceFailure(reason: "a script answered with what it never says")
        }
      }
      if outcome == .success(.changed) { bus.publish(channel, []) }
      deliver(outcome)
    }
  }

  private static func read(_ result: Result<[RedisReply], RedisError>) throws(PresenceFailure) -> RedisReply {
    switch result {
    case .failure(let error): throw PresenceFailure(reason: error.description)
    case .success(let replies):
      if let failure = replies[0].failure { throw PresenceFailure(reason: failure.description) }
      return replies[0]
    }
  }

  private func name(_ identity: PresenceIdentity) -> String { "\(identity.account.hex):\(identity.name)" }

  private func key(_ identity: PresenceIdentity) -> [UInt8] { Array("\(prefix)presence:{\(name(identity))}".utf8) }

  private func channel(_ identity: PresenceIdentity) -> String { "presence:\(name(identity))" }

  /// Nineteen digits: their order as text is that of the numbers.
  private static func number(_ value: Int64) -> [UInt8] {
    let digits = String(max(0, value)).utf8
    return Array(repeating: UInt8(ascii: "0"), count: 19 - digits.count) + digits
  }

  /// Expiry, session and record with a colon between them.
  private static func endpoint(_ id: String, _ value: [UInt8]) -> RegisteredEndpoint? {
    guard value.count >= 40, let expires = Int64(String(decoding: value[..<19], as: UTF8.self)),
      let session = Int64(String(decoding: value[20..<39], as: UTF8.self))
    else { return nil }
    return RegisteredEndpoint(endpoint: PresenceEndpoint(id: id, session: session, record: Array(value[40...])), expires: expires)
  }
}
