internal import CLLHTTP

/// llhttp, strict, for one connection: a complete head at once, then the body as it comes. Pauses at the end of each request.
///
/// What the callbacks find lies in memory of its own, to which the parser's `data` points: a request has a dozen callbacks, and as properties of an object each
/// would cost checks and counts. It is freed with the parser, and nobody holds a part of it while the parser runs.
final class RequestParser {
  /// What the head said.
  struct Head {
    var method = ""
    var target = 0..<0
    var isHTTP10 = false
    var keepsAlive = false
    var isChunked = false
    /// 0 without a body; meaningless for a chunked one.
    var contentLength: UInt64 = 0
    var isConnect = false
  }

  private let parser = UnsafeMutablePointer<llhttp_t>.allocate(capacity: 1)
  private let found = UnsafeMutablePointer<ParserFindings>.allocate(capacity: 1)

  init() {
    found.initialize(to: ParserFindings())
    llhttp_init(parser, HTTP_REQUEST, parserCallbacks.pointer)
    parser.pointee.data = UnsafeMutableRawPointer(found)
  }

  deinit {
    parser.deallocate()
    found.deinitialize(count: 1)
    found.deallocate()
  }

  var head: Head { found.pointee.head }

  /// The whole request has been seen.
  var isComplete: Bool { found.pointee.isComplete }

  /// Hands over where the fields of the head lie.
  func takeFields() -> [HTTPHeaders.Field] {
    let fields = found.pointee.fields
    found.pointee.fields = []
    return fields
  }

  /// Hands over the bytes of the body that nobody has taken yet.
  func takeBody() -> [UInt8] {
    let body = found.pointee.body
    found.pointee.body = []
    return body
  }

  /// Drops them instead; returns how many there were.
  func dropBody() -> Int {
    let count = found.pointee.body.count
    found.pointee.body.removeAll(keepingCapacity: true)
    return count
  }

  /// Parses a complete head; `takeFields()` and `head` say the result.
  func parseHead(_ bytes: [UInt8]) -> HTTPRefusal? {
    found.pointee.beginRequest()
    return bytes.withUnsafeBytes { bytes in
      let (_, refusal) = execute(bytes)
      if refusal == nil && found.pointee.isInHead { return HTTPRefusal(status: 400, message: "The header is incomplete.") }
      found.pointee.trimValues(bytes)
      return refusal
    }
  }

  /// Parses bytes of a body, which `takeBody()` hands over; returns how many belong to this request.
  func parseBody(_ bytes: UnsafeRawBufferPointer) -> (consumed: Int, refusal: HTTPRefusal?) {
    if let refusal = found.pointee.trailer?.check(bytes) { return (bytes.count, refusal) }
    let (consumed, refusal) = execute(bytes)
    guard found.pointee.isAtTrailer, refusal == nil else { return (consumed, refusal) }
    found.pointee.isAtTrailer = false
    found.pointee.trailer = TrailerScanner()
    let (further, problem) = parseBody(UnsafeRawBufferPointer(rebasing: bytes[consumed...]))
    return (consumed + further, problem)
  }

  private func execute(_ bytes: UnsafeRawBufferPointer) -> (Int, HTTPRefusal?) {
    guard let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) else { return (0, nil) }
    found.pointee.base = start
    defer { found.pointee.base = nil }
    let code = llhttp_execute(parser, start, bytes.count)
    if code == HPE_OK { return (bytes.count, nil) }
    if code == HPE_PAUSED && (found.pointee.isComplete || found.pointee.isAtTrailer) {
      let consumed = llhttp_get_error_pos(parser).map { start.distance(to: $0) } ?? bytes.count
      llhttp_resume(parser)
      return (consumed, nil)
    }
    return (bytes.count, found.pointee.refusal ?? explain(code, bytes))
  }

  private func explain(_ code: llhttp_errno, _ bytes: UnsafeRawBufferPointer) -> HTTPRefusal {
    if code == HPE_INVALID_METHOD {
      let method = bytes.prefix { $0 != 0x20 }
      let isPlausible = method.allSatisfy { ($0 >= 0x41 && $0 <= 0x5A) || $0 == 0x2D || $0 == 0x5F }
      if isPlausible {
        return HTTPRefusal(status: 501, message: "The method \(String(decoding: method.prefix(32), as: UTF8.self)) is not known.")
      }
    }
    let reason = llhttp_get_error_reason(parser).map { String(cString: $0) } ?? ""
    return HTTPRefusal(
      status: 400, message: "The request is malformed: \(reason.isEmpty ? String(cString: llhttp_errno_name(code)) : reason).")
  }
}
