/// Collects the head of a request and refuses what the parser would let pass: bare line feeds, folded lines, empty names, request lines that are not
/// exactly "method SP target SP HTTP/1.x" (RFC 9112, sections 2.2, 3 and 5). Each byte is looked at once, however slowly they come.
struct HeadScanner {
  enum Outcome: Equatable {
    case incomplete
    /// The head is complete; so many of the bytes given belong to it.
    case complete(consumed: Int)
    case refused(HTTPRefusal)
  }

  private(set) var head: [UInt8] = []
  private var lineStart = 0
  private var scanned = 0
  private var lines = 0
  private var emptyLines = 0

  var isEmpty: Bool { head.isEmpty && emptyLines == 0 }

  /// Hands the head over and is ready for the next.
  mutating func take() -> [UInt8] {
    let taken = head
    self = HeadScanner()
    return taken
  }

  mutating func scan(_ bytes: UnsafeRawBufferPointer, maximumBytes: Int, maximumFields: Int) -> Outcome {
    let room = max(0, maximumBytes - head.count)
    let count = min(bytes.count, room)
    head.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    while let feed = nextLineFeed() {
      if let refusal = checkLine(endingAt: feed, maximumFields) { return .refused(refusal) }
      let isEmptyLine = feed == lineStart + 1
      lineStart = feed + 1
      scanned = lineStart
      if !isEmptyLine {
        lines += 1
        continue
      }
      if lines > 0 {
        let surplus = head.count - lineStart
        head.removeLast(surplus)
        return .complete(consumed: count - surplus)
      }
      // An empty line before a request is tolerated (section 2.2), a stream of them is not.
      emptyLines += 1
      if emptyLines > 4 { return .refused(bad("The request begins with empty lines.")) }
      head.removeFirst(lineStart)
      lineStart = 0
      scanned = 0
    }
    scanned = head.count
    if lines == 0, let first = head.first, !isTokenStart(first) { return .refused(noMethod) }
    if head.count >= maximumBytes {
      if lines == 0 { return .refused(HTTPRefusal(status: 414, message: "The request line is larger than \(maximumBytes) bytes.")) }
      return .refused(HTTPRefusal(status: 431, message: "The header is larger than \(maximumBytes) bytes."))
    }
    return .incomplete
  }

  private func nextLineFeed() -> Int? {
    head.withUnsafeBufferPointer { bytes in
      var at = scanned
      while at < bytes.count {
        if bytes[at] == 0x0A { return at }
        at += 1
      }
      return nil
    }
  }

  private func checkLine(endingAt feed: Int, _ maximumFields: Int) -> HTTPRefusal? {
    guard feed > lineStart, head[feed - 1] == 0x0D else { return bad("A line of the header ends in a line feed without carriage return.") }
    if feed == lineStart + 1 { return nil }
    if lines == 0 { return checkRequestLine(lineStart..<(feed - 1)) }
    if lines > maximumFields { return HTTPRefusal(status: 431, message: "The header has more than \(maximumFields) fields.") }
    switch head[lineStart] {
    case 0x20, 0x09: return bad("A line of the header begins with white space; folded lines are not allowed.")
    case 0x3A: return bad("A header field has an empty name.")
    default: return nil
    }
  }

  private func checkRequestLine(_ line: Range<Int>) -> HTTPRefusal? {
    guard isTokenStart(head[line.lowerBound]) else { return noMethod }
    var spaces = 0
    var last = 0
    for index in line where head[index] == 0x20 {
      // Two in a row, or one at either end.
      if index == line.lowerBound || head[index - 1] == 0x20 || index + 1 == line.upperBound { spaces = 3 }
      spaces += 1
      last = index
    }
    if spaces != 2 { return bad("The request line is not a method, a target and a version with one space between them.") }
    if isVersionSpoken((last + 1)..<line.upperBound) { return nil }
    let version = head[(last + 1)..<line.upperBound]
    // One digit, a dot, one digit is a version of HTTP that is not spoken here (RFC 9112, section 2.3); anything else is none.
    let isVersion = version.count == 8 && version.starts(with: "HTTP/".utf8) && version[version.startIndex + 6] == 0x2E
    let digits = [version.startIndex + 5, version.startIndex + 7]
    guard isVersion, digits.allSatisfy({ (0x30...0x39).contains(version[$0]) }) else {
      return bad("The version is neither HTTP/1.1 nor HTTP/1.0.")
    }
    return HTTPRefusal(status: 505, message: "The version is neither HTTP/1.1 nor HTTP/1.0.")
  }

  /// "HTTP/1.1" or "HTTP/1.0".
  private func isVersionSpoken(_ place: Range<Int>) -> Bool {
    let wanted: StaticString = "HTTP/1."
    guard place.count == wanted.utf8CodeUnitCount + 1, head[place.upperBound - 1] & 0xFE == 0x30 else { return false }
    for index in 0..<wanted.utf8CodeUnitCount where head[place.lowerBound + index] != wanted.utf8Start[index] { return false }
    return true
  }

  private func isTokenStart(_ byte: UInt8) -> Bool { byte == 0x0D || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) }

  private var noMethod: HTTPRefusal { bad("The request line does not begin with a method.") }

  private func bad(_ message: String) -> HTTPRefusal { HTTPRefusal(status: 400, message: message) }
}
