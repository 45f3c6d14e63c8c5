/// How a client behaves. Times in milliseconds of real time.
package struct RedisSettings: Sendable {
  /// What a connection is for.
  package enum Purpose: Sendable {
    case commands
    case subscriptions
  }

  package var address: RedisAddress
  package var purpose = Purpose.commands
  /// Also a replica or a Sentinel is taken; for looking at servers, never for writing.
  package var acceptsAnyRole = false
  /// What `CLIENT LIST` shows; letters, digits and punctuation without spaces.
  package var name: String?
  /// From resolving the name to the end of the TLS handshake.
  package var connectTimeout: Int64 = 3000
  /// For the oldest command without a reply.
  package var commandTimeout: Int64 = 5000
  /// How often the server is asked who it is.
  package var probeInterval: Int64 = 1000
  /// The first pause before connecting again. It doubles with each attempt up to the longest; each is shortened by up to half at random.
  package var firstPause: Int64 = 50
  package var longestPause: Int64 = 2000
  /// Bytes of unanswered commands beyond which further ones fail at once.
  package var waitingBytes = 64 << 20

  package init(address: RedisAddress) { self.address = address }

  var limits: ConnectionLimits { ConnectionLimits(connect: connectTimeout, command: commandTimeout, waitingBytes: waitingBytes) }
}

/// What becomes of a client's connection.
package enum RedisEvent: Sendable, Equatable {
  case connected(RedisServer)
  /// On the same connection the server is not who it was.
  case changed(RedisServer)
  case disconnected(RedisError)
  /// The server was asked who it is, and is the same.
  case probed
}
