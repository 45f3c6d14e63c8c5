/// One request to one absolute URL. Redirects are not followed: a 3xx is an answer like any other.
package struct HTTPClientRequest: Sendable {
  /// What is sent after the head.
  package enum Body: Sendable {
    case none
    case bytes([UInt8])
    /// Pieces that are asked for as the network takes them, nil at the end. `next` runs on the client's loop and must not wait.
    /// Known lengths are sent as `Content-Length` and kept to; without one HTTP/1.1 sends chunked.
    case chunks(length: Int?, next: @Sendable () throws -> [UInt8]?)
  }

  /// A token of RFC 9110 5.6.2, as it is to be sent.
  package var method: String
  /// Absolute, `http` or `https`. Credentials in it become basic authentication unless `username` is set.
  package var url: String
  /// Without `Host`, `Content-Length`, `Transfer-Encoding`, `Connection` and `Expect`, which follow from the rest.
  package var headers: [(name: String, value: String)]
  package var body: Body
  /// Name resolution, connection and TLS together; greater than 0.
  package var connectTimeoutMilliseconds = 5_000
  /// From `send` to the end of the answer, greater than 0. Streams have no such limit.
  package var totalTimeoutMilliseconds = 15_000
  /// Basic authentication (RFC 7617) when set.
  package var username: String?
  package var password: String?
  /// How many bytes of the response's body are kept; what is longer is cut and its connection closed.
  package var bodyLimit = 65_536

  package init(method: String = "GET", url: String, headers: [(name: String, value: String)] = [], body: Body = .none) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
  }

  private static let computed: Set<String> = ["host", "content-length", "transfer-encoding", "connection", "expect"]

  /// Throws `invalidRequest` for what would break out of its line or contradict the message.
  func check() throws(HTTPClientError) {
    guard Self.isToken(method) else { throw .invalidRequest(reason: "method \(method.debugDescription) is not a token") }
    for header in headers {
      guard Self.isToken(header.name) else { throw .invalidRequest(reason: "header name \(header.name.debugDescription) is not a token") }
      if Self.computed.contains(header.name.lowercased()) {
        throw .invalidRequest(reason: "header \(header.name) is computed and cannot be given")
      }
      guard Self.isText(header.value) else {
        throw .invalidRequest(reason: "header \(header.name) contains a control character")
      }
    }
    guard Self.isText(username ?? ""), Self.isText(password ?? "") else {
      throw .invalidRequest(reason: "credentials contain a control character")
    }
    if username?.utf8.contains(UInt8(ascii: ":")) == true { throw .invalidRequest(reason: "username contains a colon") }
    guard connectTimeoutMilliseconds > 0, totalTimeoutMilliseconds > 0, bodyLimit >= 0 else {
      throw .invalidRequest(reason: "timeouts are greater than 0 and the body limit is not negative")
    }
    if case .chunks(let length?, _) = body, length < 0 { throw .invalidRequest(reason: "body length \(length) is negative") }
  }

  private static func isToken(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }

  private static func isText(_ text: String) -> Bool { text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 } }
}
