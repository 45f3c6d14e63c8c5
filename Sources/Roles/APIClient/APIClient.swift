import Forms
package import HTTPClient
package import JSON

/// Why the server did not do what was asked, in words for a person.
package struct APIFailure: Error, CustomStringConvertible, Sendable {
  /// 0: no answer at all.
  package let status: Int
  package let description: String
  /// Seconds after which the server wants to be asked again, if it says so in a number (RFC 9110, 10.2.3).
  package let retryAfter: Int64?

  package init(status: Int, _ description: String, retryAfter: Int64? = nil) {
    self.status = status
    self.description = description
    self.retryAfter = retryAfter
  }

  /// No answer, too much at once, or not able to: another time it may work.
  var mayPass: Bool { status == 0 || status == 429 || status >= 500 }
}

/// The public API as a client sees it: what the command line and the demo use, and nothing else.
package final class APIClient: Sendable {
  package let base: String
  private let sid: String
  private let token: String
  private let http: HTTPClient

  /// - Parameter base: scheme, host and port, without a slash at the end.
  package init(base: String, sid: String, token: String, http: HTTPClient) {
    self.base = base
    self.sid = sid
    self.token = token
    self.http = http
  }

  package func request(_ method: String, _ path: String) -> HTTPClientRequest {
    var request = HTTPClientRequest(method: method, url: path.hasPrefix("http") ? path : base + path)
    request.username = sid
    request.password = token
    request.bodyLimit = 16 << 20
    request.totalTimeoutMilliseconds = 60_000
    return request
  }

  /// Sends a request and reads the JSON that comes back. Throws `APIFailure` for every status of 400 and more, with the server's own message.
  @discardableResult
  package func call(_ method: String, _ path: String, _ form: [(String, String)] = [], headers: [(name: String, value: String)] = [])
    async throws
    -> JSONDocument
  {
    var request = request(method, path)
    request.headers = headers
    if method == "POST" {
      request.headers.append((name: "Content-Type", value: "application/x-www-form-urlencoded"))
      request.body = .bytes(Array(FormText.encode(form).utf8))
    }
    return try APIClient.read(try await send(request))
  }

  package func send(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
    do throws(HTTPClientError) { return try await http.send(request) } catch {
      throw APIFailure(status: 0, "\(base) does not answer: \(error)")
    }
  }

  /// Reads a long answer as it comes, until the server ends it.
  package func stream(
    _ request: HTTPClientRequest, onResponse: @escaping @Sendable (HTTPClientResponseHead) -> Void,
    onChunk: @escaping @Sendable ([UInt8]) -> Void
  ) async throws {
    do throws(HTTPClientError) {
      try await http.stream(
        request,
        onResponse: { head in
          onResponse(head)
          return true
        },
        onChunk: { chunk in
          onChunk(chunk)
          return true
        })
    } catch { throw APIFailure(status: 0, "\(base): \(error)") }
  }

  package static func read(_ response: HTTPClientResponse) throws -> JSONDocument {
    let document = response.body.isEmpty ? JSONDocument() : JSONDocument.read(response.body)
    guard response.status >= 400 else { return document }
    let message = document.root[key: "message"]?.string ?? String(decoding: response.body.prefix(200), as: UTF8.self)
    throw APIFailure(
      status: response.status, "\(message) (\(response.status))", retryAfter: response.header("Retry-After").flatMap { Int64($0) })
  }

  /// All items of a list, page after page.
  package func list(_ path: String, key: String, _ each: (JSONValue) -> Void) async throws {
    var next: String? = path
    while let url = next {
      let page = try await call("GET", url)
      for item in page.root[key: key]?.elements.map({ $0 }) ?? [] { each(item) }
      next = page.root[key: "meta"]?[key: "next_page_url"]?.string
    }
  }
}
