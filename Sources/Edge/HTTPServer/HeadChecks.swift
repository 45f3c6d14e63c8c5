import Resources

/// A head that must not be served, as an error for `Result`.
struct HeadProblem: Error {
  let status: Int
  let message: String
}

/// Whether a host is plain to see, without a string made of it for every request: up to 63 letters, digits and single dots, and perhaps a port.
/// `Authority`, which takes all of these, judges the others.
private func isPlainHost(_ headers: HTTPHeaders, _ field: HTTPHeaders.Field) -> Bool {
  guard field.valueEnd - field.valueStart <= 63 else { return false }
  var wasDot = true
  var digits = -1
  var port = 0
  for place in Int(field.valueStart)..<Int(field.valueEnd) {
    switch headers.bytes[place] {
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      if digits >= 0 {
        digits += 1
        port = port * 10 + Int(headers.bytes[place] & 0xF)
        if digits > 5 { return false }
      }
      wasDot = false
    case UInt8(ascii: "a")...UInt8(ascii: "z") where digits < 0: wasDot = false
    case UInt8(ascii: ".") where !wasDot && digits < 0: wasDot = true
    case UInt8(ascii: ":") where !wasDot && digits < 0: digits = 0
    default: return false
    }
  }
  return !wasDot && port <= 65535
}

/// What the parser leaves to the server. Returns whether the client expects "100 Continue".
func checkHead(_ head: RequestParser.Head, _ headers: HTTPHeaders) -> Result<Bool, HeadProblem> {
  var hosts = 0
  var codings = 0
  var expectsContinue = false
  for field in headers.fields {
    // Three lengths, so that most fields cost one comparison.
    switch field.nameEnd - field.nameStart {
    case 4 where headers.isNamed(field, "host"):
      hosts += 1
      // Empty: the target names nobody.
      guard field.valueStart == field.valueEnd || isPlainHost(headers, field) || Authority(headers.value(field)) != nil else {
        return .failure(HeadProblem(status: 400, message: "Host must be a name or an address with an optional port."))
      }
    case 6 where headers.isNamed(field, "expect"):
      // RFC 9110, section 10.1.1: an expectation that is not understood may be refused.
      guard isSame(headers.value(field), "100-continue") else {
        return .failure(HeadProblem(status: 417, message: "The only expectation understood is 100-continue."))
      }
      expectsContinue = true
    case 17 where headers.isNamed(field, "transfer-encoding"):
      codings += 1
      let coding = headers.value(field).trimmingWhitespace()
      guard isSame(String(coding), "chunked") else {
        return .failure(HeadProblem(status: 501, message: "The only transfer coding understood is chunked."))
      }
    default: break
    }
  }
  if head.isConnect { return .failure(HeadProblem(status: 501, message: "CONNECT is not served.")) }
  // RFC 9112, section 3.2.
  if hosts > 1 { return .failure(HeadProblem(status: 400, message: "The header has more than one Host field.")) }
  if hosts == 0 && !head.isHTTP10 { return .failure(HeadProblem(status: 400, message: "The header has no Host field.")) }
  // RFC 9112, section 6.1: in HTTP/1.0 it means a faulty message, and more than one is an attempt to smuggle.
  if codings > 0 && head.isHTTP10 {
    return .failure(HeadProblem(status: 400, message: "Transfer-Encoding is not allowed in HTTP/1.0."))
  }
  if codings > 1 { return .failure(HeadProblem(status: 400, message: "The header has more than one Transfer-Encoding field.")) }
  return .success(expectsContinue && !head.isHTTP10)
}

/// Path and query of a target in origin or absolute form (RFC 9112, section 3.2), as sent.
func splitTarget(_ target: ArraySlice<UInt8>) -> (path: String, query: String?) {
  var target = target
  if target.first != 0x2F, let scheme = firstIndex(of: "://", in: target) {
    let authority = target[(scheme + 3)...]
    let end = authority.firstIndex { $0 == 0x2F || $0 == 0x3F } ?? authority.endIndex
    target = authority[end...]
  }
  guard let mark = target.firstIndex(of: 0x3F) else {
    return (target.isEmpty ? "/" : String(decoding: target, as: UTF8.self), nil)
  }
  let path = target[..<mark]
  return (path.isEmpty ? "/" : String(decoding: path, as: UTF8.self), String(decoding: target[(mark + 1)...], as: UTF8.self))
}

private func firstIndex(of text: StaticString, in bytes: ArraySlice<UInt8>) -> Int? {
  let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
  guard bytes.count >= wanted.count else { return nil }
  return (bytes.startIndex...(bytes.endIndex - wanted.count)).first { bytes[$0..<($0 + wanted.count)].elementsEqual(wanted) }
}

extension String {
  fileprivate func trimmingWhitespace() -> Substring {
    var rest = self[...]
    while rest.first == " " || rest.first == "\t" { rest.removeFirst() }
    while rest.last == " " || rest.last == "\t" { rest.removeLast() }
    return rest
  }
}
