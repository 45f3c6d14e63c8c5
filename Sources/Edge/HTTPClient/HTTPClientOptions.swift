/// How a client behaves towards all hosts.
package struct HTTPClientOptions: Sendable {
  /// Which addresses may be connected to.
  package var addresses = AddressPolicy()
  /// Sent as `User-Agent` unless the request brings its own.
  package var userAgent: String
  /// How many requests to one origin (scheme, host, port) are under way at once; further ones wait their turn. At least 1.
  package var concurrencyPerHost = 32
  /// How many connections wait for reuse, all hosts together. At least 1.
  package var idleConnections = 64
  /// Connections that were idle for longer are not used again. Seconds, at least 1.
  package var idleSeconds = 30
  /// False: every request has a connection of its own. libcurl sends a request again when a connection that it took from its pool dies before a byte of the answer came, and
  /// has no switch for that: whoever must ask exactly once cannot use the pool. The price is a connection, and with TLS a handshake, per request; and as each occupies a local port
  /// for a minute after its end, a few hundred requests a second to one address.
  package var reusesConnections = true
  /// Bytes of a response's status line and headers; more is `HTTPClientError.invalidResponse`.
  package var headerLimit = 16_384
  /// File with certificates to trust, in place of the system's; PEM.
  package var certificateFile: String?

  package init(userAgent: String = "trunkline", allowPrivateTargets: Bool = false) {
    self.userAgent = userAgent
    addresses.allowPrivateTargets = allowPrivateTargets
  }
}
