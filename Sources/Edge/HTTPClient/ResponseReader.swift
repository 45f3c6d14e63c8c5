/// Builds status and headers from the lines libcurl hands over one at a time, HTTP/2 in the same shape.
struct ResponseReader {
  enum Step: Equatable {
    case more
    /// The blank line behind a final head.
    case complete
    case tooLong
  }

  private(set) var status = 0
  private(set) var headers: [(name: String, value: String)] = []
  private(set) var isComplete = false
  private let limit: Int
  private var bytes = 0

  init(limit: Int) { self.limit = limit }

  var head: HTTPClientResponseHead { HTTPClientResponseHead(status: status, headers: headers) }

  /// Takes one line with its end. Lines after the final head (trailers) are dropped.
  mutating func take(_ line: UnsafeRawBufferPointer) -> Step {
    if isComplete { return .more }
    bytes += line.count
    if bytes > limit { return .tooLong }
    var end = line.count
    while end > 0, Self.isBlank(line[end - 1]) { end -= 1 }
    if end == 0 {
      // 101 is final: nothing of HTTP follows it.
      isComplete = status >= 200 || status == 101
      return isComplete ? .complete : .more
    }
    if line.starts(with: "HTTP/".utf8) {
      // Each interim answer starts afresh; its lines still count, or they would come for ever.
      headers = []
      status = Self.status(of: line[..<end])
    } else if let colon = line[..<end].firstIndex(of: UInt8(ascii: ":")) {
      var start = colon + 1
      while start < end, Self.isBlank(line[start]) { start += 1 }
      headers.append((String(decoding: line[..<colon], as: UTF8.self), String(decoding: line[start..<end], as: UTF8.self)))
    }
    return .more
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }

  private static func status(of line: Slice<UnsafeRawBufferPointer>) -> Int {
    let digits = line.drop { $0 != 0x20 }.drop { $0 == 0x20 }.prefix(3)
    return Int(String(decoding: digits, as: UTF8.self)) ?? 0
  }
}
