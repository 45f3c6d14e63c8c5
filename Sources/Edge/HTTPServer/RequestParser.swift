internal import CLLHTTP

/// llhttp, strict, for one connection: a complete head at once, then the body as it comes. Pauses at the end of each request.
///
/// The callbacks find the object in the parser's `data`, unretained: it owns the parser and calls it, so it outlives every callback.
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
  private var base: UnsafePointer<CChar>?
  private var trailerName: [UInt8] = []
  private var trailerBytes = 0
  private var extensionBytes = 0
  private var isInHead = true
  /// The last chunk's size was seen just now.
  private var isAtTrailer = false
  private var trailer: TrailerScanner?
  private(set) var head = Head()
  var fields: [HTTPHeaders.Field] = []
  /// Bytes of the body that nobody has taken yet.
  var body: [UInt8] = []
  /// The whole request has been seen.
  private(set) var isComplete = false
  private var refusal: HTTPRefusal?

  init() {
    llhttp_init(parser, HTTP_REQUEST, settings.pointer)
    parser.pointee.data = Unmanaged.passUnretained(self).toOpaque()
  }

  deinit { parser.deallocate() }

  /// Parses a complete head; `fields` and `head` hold the result.
  func parseHead(_ bytes: [UInt8]) -> HTTPRefusal? {
    isComplete = false
    isInHead = true
    refusal = nil
    head = Head()
    fields = []
    fields.reserveCapacity(12)
    trailerBytes = 0
    extensionBytes = 0
    isAtTrailer = false
    trailer = nil
    return bytes.withUnsafeBytes { bytes in
      let (_, refusal) = execute(bytes)
      if refusal == nil && isInHead { return HTTPRefusal(status: 400, message: "The header is incomplete.") }
      trimValues(bytes)
      return refusal
    }
  }

  /// White space behind a value does not belong to it (RFC 9112, section 5.1); llhttp takes away only what is before it.
  private func trimValues(_ bytes: UnsafeRawBufferPointer) {
    for index in fields.indices {
      let start = Int(fields[index].valueStart)
      var end = Int(fields[index].valueEnd)
      while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
      fields[index].valueEnd = UInt32(end)
    }
  }

  /// Parses bytes of a body into `body`; returns how many belong to this request.
  func parseBody(_ bytes: UnsafeRawBufferPointer) -> (consumed: Int, refusal: HTTPRefusal?) {
    if let refusal = trailer?.check(bytes) { return (bytes.count, refusal) }
    let (consumed, refusal) = execute(bytes)
    guard isAtTrailer, refusal == nil else { return (consumed, refusal) }
    isAtTrailer = false
    trailer = TrailerScanner()
    let (further, problem) = parseBody(UnsafeRawBufferPointer(rebasing: bytes[consumed...]))
    return (consumed + further, problem)
  }

  private func execute(_ bytes: UnsafeRawBufferPointer) -> (Int, HTTPRefusal?) {
    guard let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) else { return (0, nil) }
    base = start
    defer { base = nil }
    let code = llhttp_execute(parser, start, bytes.count)
    if code == HPE_OK { return (bytes.count, nil) }
    if code == HPE_PAUSED && (isComplete || isAtTrailer) {
      let consumed = llhttp_get_error_pos(parser).map { start.distance(to: $0) } ?? bytes.count
      llhttp_resume(parser)
      return (consumed, nil)
    }
    return (bytes.count, refusal ?? explain(code, bytes))
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

  // MARK: Callbacks

  fileprivate func sawURL(_ at: UnsafePointer<CChar>, _ count: Int) {
    guard let base else { return }
    let start = base.distance(to: at)
    head.target = head.target.isEmpty ? start..<(start + count) : head.target.lowerBound..<(start + count)
  }

  fileprivate func sawName(_ at: UnsafePointer<CChar>, _ count: Int) -> Int32 {
    guard isInHead, let base else { return sawTrailerName(at, count) }
    let start = UInt32(base.distance(to: at))
    let end = start + UInt32(count)
    if let last = fields.last, last.valueEnd == 0, last.nameEnd == start {
      fields[fields.count - 1].nameEnd = end
    } else {
      fields.append(HTTPHeaders.Field(nameStart: start, nameEnd: end, valueStart: 0, valueEnd: 0))
    }
    return 0
  }

  fileprivate func sawValue(_ at: UnsafePointer<CChar>, _ count: Int) -> Int32 {
    if !isInHead { return countTrailer(count) }
    guard let base, !fields.isEmpty else { return 0 }
    let start = UInt32(base.distance(to: at))
    if fields[fields.count - 1].valueEnd == 0 { fields[fields.count - 1].valueStart = start }
    fields[fields.count - 1].valueEnd = start + UInt32(count)
    return 0
  }

  /// Trailers are dropped, but not those that would say where the message ends or whom it is for (RFC 9110, section 6.5.1).
  private func sawTrailerName(_ at: UnsafePointer<CChar>, _ count: Int) -> Int32 {
    trailerName.append(contentsOf: UnsafeRawBufferPointer(start: at, count: count))
    return countTrailer(count)
  }

  private func countTrailer(_ count: Int) -> Int32 {
    trailerBytes += count
    if trailerBytes <= 8_192 { return 0 }
    refusal = HTTPRefusal(status: 431, message: "The trailer is larger than 8192 bytes.")
    return Int32(bitPattern: HPE_USER.rawValue)
  }

  /// Extensions of chunks are dropped (section 7.1.1); without a limit they would be a body of any length.
  fileprivate func sawExtension(_ count: Int) -> Int32 {
    extensionBytes += count
    if extensionBytes <= 16_384 { return 0 }
    refusal = HTTPRefusal(status: 413, message: "The extensions of the chunks are larger than 16384 bytes.")
    return Int32(bitPattern: HPE_USER.rawValue)
  }

  fileprivate func sawChunkSize(_ size: UInt64) -> Int32 {
    guard size == 0 else { return 0 }
    isAtTrailer = true
    return Int32(bitPattern: HPE_PAUSED.rawValue)
  }

  fileprivate func finishedName() -> Int32 {
    if isInHead { return 0 }
    let name = String(decoding: trailerName, as: UTF8.self)
    trailerName.removeAll(keepingCapacity: true)
    guard ["content-length", "transfer-encoding", "host"].contains(where: { isSame($0, name) }) else { return 0 }
    refusal = HTTPRefusal(status: 400, message: "The trailer has a field \(name), which belongs into the header.")
    return Int32(bitPattern: HPE_USER.rawValue)
  }

  fileprivate func finishedHead() {
    isInHead = false
    // An upgrade that nobody takes up is an ordinary request (RFC 9110, section 7.8).
    parser.pointee.upgrade = 0
    let method = llhttp_method_t(rawValue: UInt32(llhttp_get_method(parser)))
    head.method = String(cString: llhttp_method_name(method))
    head.isConnect = method == HTTP_CONNECT
    head.isHTTP10 = llhttp_get_http_minor(parser) == 0
    head.keepsAlive = llhttp_should_keep_alive(parser) != 0
    head.isChunked = UInt32(parser.pointee.flags) & F_CHUNKED.rawValue != 0
    head.contentLength = parser.pointee.content_length
  }

  fileprivate func sawBody(_ at: UnsafePointer<CChar>, _ count: Int) {
    body.append(contentsOf: UnsafeRawBufferPointer(start: at, count: count))
  }

  fileprivate func finishedMessage() -> Int32 {
    isComplete = true
    return Int32(bitPattern: HPE_PAUSED.rawValue)
  }
}

/// The callbacks, the same for every parser.
private struct Settings: @unchecked Sendable {
  // Written once in `init`, read only from then on.
  let pointer = UnsafeMutablePointer<llhttp_settings_t>.allocate(capacity: 1)

  init() {
    llhttp_settings_init(pointer)
    pointer.pointee.on_url = { parser, at, count in
      if let at { owner(parser)?.sawURL(at, count) }
      return 0
    }
    pointer.pointee.on_header_field = { parser, at, count in at.flatMap { owner(parser)?.sawName($0, count) } ?? 0 }
    pointer.pointee.on_header_value = { parser, at, count in at.flatMap { owner(parser)?.sawValue($0, count) } ?? 0 }
    pointer.pointee.on_header_field_complete = { parser in owner(parser)?.finishedName() ?? 0 }
    pointer.pointee.on_headers_complete = { parser in
      owner(parser)?.finishedHead()
      return 0
    }
    pointer.pointee.on_body = { parser, at, count in
      if let at { owner(parser)?.sawBody(at, count) }
      return 0
    }
    pointer.pointee.on_chunk_extension_name = { parser, _, count in owner(parser)?.sawExtension(count) ?? 0 }
    pointer.pointee.on_chunk_extension_value = { parser, _, count in owner(parser)?.sawExtension(count) ?? 0 }
    pointer.pointee.on_chunk_header = { parser in parser.flatMap { owner($0)?.sawChunkSize($0.pointee.content_length) } ?? 0 }
    pointer.pointee.on_message_complete = { parser in owner(parser)?.finishedMessage() ?? 0 }
  }
}

private let settings = Settings()

private func owner(_ parser: UnsafeMutablePointer<llhttp_t>?) -> RequestParser? {
  guard let data = parser?.pointee.data else { return nil }
  return Unmanaged<RequestParser>.fromOpaque(data).takeUnretainedValue()
}
