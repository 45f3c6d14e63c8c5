package import Resources

/// A client name within an account.
package struct PresenceIdentity: Hashable, Sendable {
  package var account: Identifier
  package var name: String

  package init(account: Identifier, name: String) {
    self.account = account
    self.name = name
  }
}

/// One device or application instance of an identity (eventing-presence 6.3). What it offers is opaque to the store.
package struct PresenceEndpoint: Sendable, Equatable {
  /// Chosen by the client, stable per installation.
  package var id: String
  /// Grows with each connection of the endpoint, from 0 on: what a late message of an older one says counts for nothing.
  package var session: Int64
  package var record: [UInt8]

  package init(id: String, session: Int64, record: [UInt8]) {
    self.id = id
    self.session = session
    self.record = record
  }
}

/// An endpoint that is registered.
package struct RegisteredEndpoint: Sendable, Equatable {
  package var endpoint: PresenceEndpoint
  /// When it lapses unless it is refreshed, milliseconds since 1970.
  package var expires: Int64

  package init(endpoint: PresenceEndpoint, expires: Int64) {
    self.endpoint = endpoint
    self.expires = expires
  }
}

/// What became of a write.
package enum PresenceOutcome: Sendable, Equatable {
  /// Readers see something else now; watchers are told.
  case changed
  /// Only its time has moved.
  case unchanged
  /// A newer session of the endpoint is registered; nothing was done.
  case stale
  /// No such endpoint is registered, or it has lapsed.
  case absent
}

/// Why presence could not be read or written now, in words for a log.
package struct PresenceFailure: Error, Sendable, Equatable, CustomStringConvertible {
  package var reason: String

  package init(reason: String) { self.reason = reason }

  package var description: String { "presence is not available: \(reason)" }
}

/// Who can be reached where, shared by all nodes, each entry for as long as somebody vouches for it. Not durable: clients register again.
/// Nodes' clocks must agree to within what a TTL leaves room for.
package protocol PresenceStore: Sendable {
  /// Registers an endpoint or replaces its record, for `ttl` milliseconds from now.
  func register(
    _ endpoint: PresenceEndpoint, of identity: PresenceIdentity, ttl: Int64,
    deliver: @escaping @Sendable (Result<PresenceOutcome, PresenceFailure>) -> Void)

  /// Moves the expiry of an endpoint to `ttl` milliseconds from now. `.absent`: register it again.
  func refresh(
    _ endpoint: String, session: Int64, of identity: PresenceIdentity, ttl: Int64,
    deliver: @escaping @Sendable (Result<PresenceOutcome, PresenceFailure>) -> Void)

  /// Takes an endpoint away at once.
  func unregister(
    _ endpoint: String, session: Int64, of identity: PresenceIdentity,
    deliver: @escaping @Sendable (Result<PresenceOutcome, PresenceFailure>) -> Void)

  /// All live endpoints, by id. Empty for an identity that nobody knows.
  func endpoints(of identity: PresenceIdentity) async throws(PresenceFailure) -> [RegisteredEndpoint]

  /// `changed` is called, on any thread, after a write on any node that was `.changed`; at most once each, and not when an endpoint lapses: its expiry is read with it.
  /// Until the returned value is cancelled.
  func watch(_ identity: PresenceIdentity, _ changed: @escaping @Sendable () -> Void) -> any Cancellable
}
