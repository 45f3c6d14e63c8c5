/// How the end of an answer is marked.
enum Framing {
  case length(Int)
  case chunked
  /// HTTP/1.0 has no chunks: the end of the connection is the end of the answer.
  case untilClose
  /// 204 and 304 have no body and say no length.
  case none
}

/// What the connection header says.
enum Persistence {
  /// HTTP/1.1 keeps the connection without words.
  case silent
  case keepAlive
  case close
}

/// Writes an answer's head: status line, the lines that all answers have, framing, the handler's fields (RFC 9112, sections 4 and 6).
func appendResponseHead(
  to out: inout [UInt8], status: Int, headers: HTTPFields, framing: Framing, persistence: Persistence, common: [UInt8]
) {
  if let line = statusLine(status) {
    append(&out, line)
  } else {
    append(&out, "HTTP/1.1 ")
    appendDecimal(&out, (200...599).contains(status) ? status : 500)
    append(&out, " \r\n")
  }
  out.append(contentsOf: common)
  switch framing {
  case .length(let count):
    append(&out, "Content-Length: ")
    appendDecimal(&out, count)
    append(&out, "\r\n")
  case .chunked: append(&out, "Transfer-Encoding: chunked\r\n")
  case .untilClose, .none: break
  }
  switch persistence {
  case .silent: break
  case .keepAlive: append(&out, "Connection: keep-alive\r\n")
  case .close: append(&out, "Connection: close\r\n")
  }
  appendFields(&out, headers)
  append(&out, "\r\n")
}

/// The fields that are the handler's to say.
func appendFields(_ out: inout [UInt8], _ headers: HTTPFields) {
  for (name, value) in headers where !isOurs(name) {
    appendText(&out, name)
    append(&out, ": ")
    appendText(&out, value)
    append(&out, "\r\n")
  }
}

/// Size line of a chunk (RFC 9112, section 7.1).
func appendChunkSize(_ out: inout [UInt8], _ count: Int) {
  var started = false
  for shift in stride(from: 60, through: 0, by: -4) {
    let digit = UInt8(truncatingIfNeeded: count >> shift) & 0xF
    if digit == 0 && !started && shift > 0 { continue }
    started = true
    out.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
  }
  append(&out, "\r\n")
}

/// "Date: Sun, 06 Nov 1994 08:49:37 GMT" and a line end, for seconds since 1970 (RFC 9110, section 5.6.7).
func dateLine(_ seconds: Int) -> [UInt8] {
  let days = seconds / 86_400
  let time = seconds % 86_400
  // Civil date from days, in the proleptic Gregorian calendar counted from 1 March 0000.
  let shifted = days + 719_468
  let era = shifted / 146_097
  let dayOfEra = shifted % 146_097
  let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let monthIndex = (5 * dayOfYear + 2) / 153
  let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
  let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
  let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
  func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
  let clock = "\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60))"
  return Array("Date: \(weekdays[days % 7]), \(two(day)) \(months[month - 1]) \(year) \(clock) GMT\r\n".utf8)
}

@inline(__always)
func append(_ out: inout [UInt8], _ text: StaticString) {
  out.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
}

func appendDecimal(_ out: inout [UInt8], _ number: Int) {
  if number >= 10 { appendDecimal(&out, number / 10) }
  out.append(0x30 + UInt8(number % 10))
}

/// A line end in a value would begin a new header: control characters become spaces.
private func appendText(_ out: inout [UInt8], _ text: String) {
  let start = out.count
  out.append(contentsOf: text.utf8)
  for index in start..<out.count where out[index] < 0x20 || out[index] == 0x7F { out[index] = 0x20 }
}

/// Fields that say how the message is framed are the server's.
private func isOurs(_ name: String) -> Bool {
  switch name.utf8.count {
  case 4: isSame(name, "date")
  case 10: isSame(name, "connection")
  case 14: isSame(name, "content-length")
  case 17: isSame(name, "transfer-encoding")
  default: false
  }
}

/// nil for a status without a phrase here; a phrase may be empty (RFC 9112, section 4).
private func statusLine(_ status: Int) -> StaticString? {
  switch status {
  case 200: "HTTP/1.1 200 OK\r\n"
  case 201: "HTTP/1.1 201 Created\r\n"
  case 202: "HTTP/1.1 202 Accepted\r\n"
  case 204: "HTTP/1.1 204 No Content\r\n"
  case 206: "HTTP/1.1 206 Partial Content\r\n"
  case 301: "HTTP/1.1 301 Moved Permanently\r\n"
  case 302: "HTTP/1.1 302 Found\r\n"
  case 303: "HTTP/1.1 303 See Other\r\n"
  case 304: "HTTP/1.1 304 Not Modified\r\n"
  case 307: "HTTP/1.1 307 Temporary Redirect\r\n"
  case 308: "HTTP/1.1 308 Permanent Redirect\r\n"
  case 400: "HTTP/1.1 400 Bad Request\r\n"
  case 401: "HTTP/1.1 401 Unauthorized\r\n"
  case 403: "HTTP/1.1 403 Forbidden\r\n"
  case 404: "HTTP/1.1 404 Not Found\r\n"
  case 405: "HTTP/1.1 405 Method Not Allowed\r\n"
  case 406: "HTTP/1.1 406 Not Acceptable\r\n"
  case 408: "HTTP/1.1 408 Request Timeout\r\n"
  case 409: "HTTP/1.1 409 Conflict\r\n"
  case 410: "HTTP/1.1 410 Gone\r\n"
  case 411: "HTTP/1.1 411 Length Required\r\n"
  case 412: "HTTP/1.1 412 Precondition Failed\r\n"
  case 413: "HTTP/1.1 413 Content Too Large\r\n"
  case 414: "HTTP/1.1 414 URI Too Long\r\n"
  case 415: "HTTP/1.1 415 Unsupported Media Type\r\n"
  case 417: "HTTP/1.1 417 Expectation Failed\r\n"
  case 422: "HTTP/1.1 422 Unprocessable Content\r\n"
  case 426: "HTTP/1.1 426 Upgrade Required\r\n"
  case 428: "HTTP/1.1 428 Precondition Required\r\n"
  case 429: "HTTP/1.1 429 Too Many Requests\r\n"
  case 431: "HTTP/1.1 431 Request Header Fields Too Large\r\n"
  case 500: "HTTP/1.1 500 Internal Server Error\r\n"
  case 501: "HTTP/1.1 501 Not Implemented\r\n"
  case 502: "HTTP/1.1 502 Bad Gateway\r\n"
  case 503: "HTTP/1.1 503 Service Unavailable\r\n"
  case 504: "HTTP/1.1 504 Gateway Timeout\r\n"
  case 505: "HTTP/1.1 505 HTTP Version Not Supported\r\n"
  default: nil
  }
}
