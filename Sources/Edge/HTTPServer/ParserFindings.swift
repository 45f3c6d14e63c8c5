internal import CLLHTTP

/// What the callbacks of one parser have found in its request. Places in the head are distances from `base`.
struct ParserFindings {
  /// Where the bytes begin that are being parsed; nil in between.
  var base: UnsafePointer<CChar>?
  private var trailerName: [UInt8] = []
  private var trailerBytes = 0
  private var extensionBytes = 0
  private(set) var isInHead = true
  /// The last chunk's size was seen just now.
  var isAtTrailer = false
  var trailer: TrailerScanner?
  private(set) var head = RequestParser.Head()
  var fields: [HTTPHeaders.Field] = []
  var body: [UInt8] = []
  private(set) var isComplete = false
  private(set) var refusal: HTTPRefusal?

  mutating func beginRequest() {
    isComplete = false
    isInHead = true
    refusal = nil
    head = RequestParser.Head()
    fields = []
    fields.reserveCapacity(12)
    trailerBytes = 0
    extensionBytes = 0
    isAtTrailer = false
    trailer = nil
  }

  /// White space behind a value does not belong to it (RFC 9112, section 5.1); llhttp takes away only what is before it.
  mutating func trimValues(_ bytes: UnsafeRawBufferPointer) {
    for index in fields.indices {
      let start = Int(fields[index].valueStart)
      var end = Int(fields[index].valueEnd)
      while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
      fields[index].valueEnd = UInt32(end)
    }
  }

  mutating func sawURL(_ at: UnsafePointer<CChar>, _ count: Int) {
    guard let base else { return }
    let start = base.distance(to: at)
    head.target = head.target.isEmpty ? start..<(start + count) : head.target.lowerBound..<(start + count)
  }

  mutating func sawName(_ at: UnsafePointer<CChar>, _ count: Int) -> Int32 {
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

  mutating func sawValue(_ at: UnsafePointer<CChar>, _ count: Int) -> Int32 {
    if !isInHead { return countTrailer(count) }
    guard let base, !fields.isEmpty else { return 0 }
    let start = UInt32(base.distance(to: at))
    if fields[fields.count - 1].valueEnd == 0 { fields[fields.count - 1].valueStart = start }
    fields[fields.count - 1].valueEnd = start + UInt32(count)
    return 0
  }

  /// Trailers are dropped, but not those that would say where the message ends or whom it is for (RFC 9110, section 6.5.1).
  private mutating func sawTrailerName(_ at: UnsafePointer<CChar>, _ count: Int) -> Int32 {
    trailerName.append(contentsOf: UnsafeRawBufferPointer(start: at, count: count))
    return countTrailer(count)
  }

  private mutating func countTrailer(_ count: Int) -> Int32 {
    trailerBytes += count
    if trailerBytes <= 8_192 { return 0 }
    refusal = HTTPRefusal(status: 431, message: "The trailer is larger than 8192 bytes.")
    return Int32(bitPattern: HPE_USER.rawValue)
  }

  /// Extensions of chunks are dropped (section 7.1.1); without a limit they would be a body of any length.
  mutating func sawExtension(_ count: Int) -> Int32 {
    extensionBytes += count
    if extensionBytes <= 16_384 { return 0 }
    refusal = HTTPRefusal(status: 413, message: "The extensions of the chunks are larger than 16384 bytes.")
    return Int32(bitPattern: HPE_USER.rawValue)
  }

  mutating func sawChunkSize(_ size: UInt64) -> Int32 {
    guard size == 0 else { return 0 }
    isAtTrailer = true
    return Int32(bitPattern: HPE_PAUSED.rawValue)
  }

  mutating func finishedName() -> Int32 {
    if isInHead { return 0 }
    let name = String(decoding: trailerName, as: UTF8.self)
    trailerName.removeAll(keepingCapacity: true)
    guard ["content-length", "transfer-encoding", "host"].contains(where: { isSame($0, name) }) else { return 0 }
    refusal = HTTPRefusal(status: 400, message: "The trailer has a field \(name), which belongs into the header.")
    return Int32(bitPattern: HPE_USER.rawValue)
  }

  mutating func finishedHead(_ parser: UnsafeMutablePointer<llhttp_t>) {
    isInHead = false
    // An upgrade that nobody takes up is an ordinary request (RFC 9110, section 7.8).
    parser.pointee.upgrade = 0
    let method = llhttp_method_t(rawValue: UInt32(llhttp_get_method(parser)))
    head.method = name(method)
    head.isConnect = method == HTTP_CONNECT
    head.isHTTP10 = llhttp_get_http_minor(parser) == 0
    head.keepsAlive = llhttp_should_keep_alive(parser) != 0
    head.isChunked = UInt32(parser.pointee.flags) & F_CHUNKED.rawValue != 0
    head.contentLength = parser.pointee.content_length
  }

  mutating func sawBody(_ at: UnsafePointer<CChar>, _ count: Int) {
    body.append(contentsOf: UnsafeRawBufferPointer(start: at, count: count))
  }

  mutating func finishedMessage() -> Int32 {
    isComplete = true
    return Int32(bitPattern: HPE_PAUSED.rawValue)
  }
}

/// The usual names without a copy from C.
private func name(_ method: llhttp_method_t) -> String {
  switch method {
  case HTTP_GET: "GET"
  case HTTP_POST: "POST"
  case HTTP_DELETE: "DELETE"
  default: String(cString: llhttp_method_name(method))
  }
}
