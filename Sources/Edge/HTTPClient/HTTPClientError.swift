/// Why a request has no answer. No case carries user names, passwords or bodies.
package enum HTTPClientError: Error, Equatable, Sendable, CustomStringConvertible {
  /// How far a request was when its time was up.
  package enum Phase: String, Sendable {
    /// In the queue of the host, see `HTTPClientOptions.concurrencyPerHost`.
    case waiting
    /// Resolving the name, opening the connection, TLS.
    case connecting
    /// Connected: sending the request or reading the answer.
    case exchanging
  }

  /// The URL cannot be read, or its scheme is not `http` or `https`.
  case invalidURL(url: String, reason: String)
  /// Method, headers or credentials that cannot be sent.
  case invalidRequest(reason: String)
  /// `AddressPolicy` forbids the address the host stands for.
  case refusedAddress(host: String, address: String, rule: String)
  case cannotResolve(host: String)
  case cannotConnect(host: String, reason: String)
  /// `milliseconds` is the limit that was reached.
  case timeout(host: String, phase: Phase, milliseconds: Int)
  case tls(host: String, reason: String)
  /// The peer closed the connection before the answer was complete.
  case connectionReset(host: String, reason: String)
  /// The source of the body failed or did not keep to its length.
  case requestBody(reason: String)
  /// What came back is not HTTP, or its head is longer than `HTTPClientOptions.headerLimit`.
  case invalidResponse(host: String, reason: String)
  /// The task was cancelled or the client was shut down.
  case cancelled
  /// The library or the kernel could not serve the request: no memory, no descriptors.
  case unavailable(reason: String)

  package var description: String {
    switch self {
    case .invalidURL(let url, let reason): "url \(url): \(reason)"
    case .invalidRequest(let reason): "request: \(reason)"
    case .refusedAddress(let host, let address, let rule): "\(host): address \(address) is refused by rule \(rule)"
    case .cannotResolve(let host): "\(host): cannot resolve the name"
    case .cannotConnect(let host, let reason): "\(host): cannot connect: \(reason)"
    case .timeout(let host, let phase, let milliseconds): "\(host): no answer within \(milliseconds) ms (\(phase.rawValue))"
    case .tls(let host, let reason): "\(host): TLS: \(reason)"
    case .connectionReset(let host, let reason): "\(host): connection lost: \(reason)"
    case .requestBody(let reason): "request body: \(reason)"
    case .invalidResponse(let host, let reason): "\(host): invalid response: \(reason)"
    case .cancelled: "cancelled"
    case .unavailable(let reason): "unavailable: \(reason)"
    }
  }
}
