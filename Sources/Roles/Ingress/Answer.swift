import HTTPServer
import JSON

/// What goes back to a client.
struct Answer: Sendable {
  var status: Int
  var headers: HTTPFields = []
  var body: [UInt8] = []

  static func json(_ status: Int, _ body: [UInt8], headers: HTTPFields = []) -> Answer {
    Answer(status: status, headers: [("Content-Type", "application/json; charset=utf-8")] + headers, body: body)
  }
}

/// An error as a client sees it (taskrouter.md 1.7).
package struct APIError: Error, Sendable {
  package var status: Int
  package var code: Int
  package var message: String
  package var retryAfter: Int?
  /// The methods that would be served, where this one is not.
  package var allow: String?

  package init(_ status: Int, _ code: Int, _ message: String, retryAfter: Int? = nil, allow: String? = nil) {
    self.allow = allow
    self.status = status
    self.code = code
    self.message = message
    self.retryAfter = retryAfter
  }

  static func invalid(_ message: String) -> APIError { APIError(400, 20001, message) }
  static func missing(_ name: String) -> APIError { invalid("Missing required parameter \(name) in the post body") }
  static func notFound(_ path: String) -> APIError { APIError(404, 20404, "The requested resource \(path) was not found") }
  static let unauthorized = APIError(401, 20003, "Authenticate")

  /// Never `type` and `title`: the SDKs would take it for something else (taskrouter.md 1.7).
  package var body: [UInt8] { APIError.body(status: status, code: code, message: message) }

  package static func body(status: Int, code: Int, message: String) -> [UInt8] {
    var json = JSONWriter(capacity: 192)
    json.beginObject()
    json.key("code")
    json.int(Int64(code))
    json.key("message")
    json.string(message)
    json.key("more_info")
    json.string("https://www.twilio.com/docs/errors/\(code)")
    json.key("status")
    json.int(Int64(status))
    json.endObject()
    return json.bytes
  }

  var answer: Answer {
    var headers: HTTPFields = []
    if let retryAfter { headers.append(("Retry-After", String(retryAfter))) }
    if let allow { headers.append(("Allow", allow)) }
    if status == 401 { headers.append(("WWW-Authenticate", #"Basic realm="Twilio API""#)) }
    return .json(status, body, headers: headers)
  }
}
