/// One request: its head, complete, and its body, which may still be on its way.
package struct HTTPRequest: Sendable {
  /// In upper case, as sent: "GET", "POST", …
  package let method: String
  /// The path as sent, percent-encoding and all; "*" for `OPTIONS *`.
  package let path: String
  /// What follows the first "?", as sent; nil without one.
  package let query: String?
  package let headers: HTTPHeaders
  /// The peer's address in digits, without port.
  package let remoteAddress: String
  /// It came over TLS.
  package let isSecure: Bool
  package let body: HTTPBody
  /// When its head was complete, nanoseconds of the system's monotonic clock.
  package let received: Int64
}

/// Answers requests. One handler serves all connections of a server.
package protocol HTTPHandler: Sendable {
  /// Called on the loop of the request's connection, once a request, in order for the requests of one connection. Answers by `response`, now or
  /// before it returns; a handler that returns without having answered is answered for with 500.
  func handle(_ request: HTTPRequest, _ response: HTTPResponder) async
}
