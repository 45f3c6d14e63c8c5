package import Ports
import Resources
import Synchronization

/// Presence of the embedded home, in the process. `deliver` is called before the call returns.
package final class InProcessPresenceStore: PresenceStore {
  private struct State {
    var identities: [PresenceIdentity: [String: RegisteredEndpoint]] = [:]
    var untilSweep = sweepInterval
  }

  /// After so many registrations what has lapsed is dropped everywhere, so that names that nobody asks for any more cost nothing.
  private static let sweepInterval = 4096

  private let state = Mutex(State())
  private let clock: any Clock
  private let bus: any SignalBus

  /// - Parameter bus: carries the news of changes.
  package init(clock: any Clock, bus: any SignalBus) {
    self.clock = clock
    self.bus = bus
  }

  package func register(
    _ endpoint: PresenceEndpoint, of identity: PresenceIdentity, ttl: Int64,
    deliver: @escaping @Sendable (Result<PresenceOutcome, PresenceFailure>) -> Void
  ) {
    let now = clock.now()
    let outcome = state.withLock { state in
      Self.sweep(&state, now)
      return Self.change(&state, identity, now) { endpoints in
        let known = endpoints[endpoint.id]?.endpoint
        if let known, known.session > endpoint.session { return .stale }
        endpoints[endpoint.id] = RegisteredEndpoint(endpoint: endpoint, expires: now + ttl)
        return known == endpoint ? .unchanged : .changed
      }
    }
    tell(outcome, identity, deliver)
  }

  package func refresh(
    _ endpoint: String, session: Int64, of identity: PresenceIdentity, ttl: Int64,
    deliver: @escaping @Sendable (Result<PresenceOutcome, PresenceFailure>) -> Void
  ) {
    let now = clock.now()
    let outcome = state.withLock { state in
      Self.change(&state, identity, now) { endpoints in
        guard let known = endpoints[endpoint]?.endpoint.session, known >= session else { return .absent }
        if known > session { return .stale }
        endpoints[endpoint]?.expires = now + ttl
        return .unchanged
      }
    }
    tell(outcome, identity, deliver)
  }

  package func unregister(
    _ endpoint: String, session: Int64, of identity: PresenceIdentity,
    deliver: @escaping @Sendable (Result<PresenceOutcome, PresenceFailure>) -> Void
  ) {
    let now = clock.now()
    let outcome = state.withLock { state in
      Self.change(&state, identity, now) { endpoints in
        guard let known = endpoints[endpoint]?.endpoint.session, known >= session else { return .absent }
        if known > session { return .stale }
        endpoints[endpoint] = nil
        return .changed
      }
    }
    tell(outcome, identity, deliver)
  }

  package func endpoints(of identity: PresenceIdentity) async throws(PresenceFailure) -> [RegisteredEndpoint] {
    let now = clock.now()
    let known = state.withLock { $0.identities[identity] ?? [:] }
    return known.values.filter { $0.expires > now }.sorted { $0.endpoint.id.utf8.lexicographicallyPrecedes($1.endpoint.id.utf8) }
  }

  package func watch(_ identity: PresenceIdentity, _ changed: @escaping @Sendable () -> Void) -> any Cancellable {
    bus.subscribe(Self.channel(identity)) { _ in changed() }
  }

  private func tell(
    _ outcome: PresenceOutcome, _ identity: PresenceIdentity, _ deliver: (Result<PresenceOutcome, PresenceFailure>) -> Void
  ) {
    if outcome == .changed { bus.publish(Self.channel(identity), []) }
    deliver(.success(outcome))
  }

  private static func channel(_ identity: PresenceIdentity) -> String { "presence:\(identity.account.hex):\(identity.name)" }

  /// What has lapsed is gone before anything is asked of it.
  private static func change(
    _ state: inout State, _ identity: PresenceIdentity, _ now: Int64, _ body: (inout [String: RegisteredEndpoint]) -> PresenceOutcome
  ) -> PresenceOutcome {
    var endpoints = (state.identities[identity] ?? [:]).filter { $0.value.expires > now }
    let outcome = body(&endpoints)
    state.identities[identity] = endpoints.isEmpty ? nil : endpoints
    return outcome
  }

  private static func sweep(_ state: inout State, _ now: Int64) {
    state.untilSweep -= 1
    if state.untilSweep > 0 { return }
    state.untilSweep = sweepInterval
    state.identities = state.identities.compactMapValues { endpoints in
      let live = endpoints.filter { $0.value.expires > now }
      return live.isEmpty ? nil : live
    }
  }
}
