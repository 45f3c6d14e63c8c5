/// Watches over the lines behind the last chunk, of which the parser lets folded ones pass (RFC 9112, section 7.1.2), and line feeds alone at the very end
/// (section 2.2): where one server sees the next request, another still sees this one. Each byte is looked at once.
struct TrailerScanner {
  private var isLineStart = true
  private var isAfterReturn = false
  private var isEmptyLine = true
  private var isOver = false

  /// Looks at the next bytes, which may reach beyond the trailer; what is behind its empty line is not looked at.
  mutating func check(_ bytes: UnsafeRawBufferPointer) -> HTTPRefusal? {
    for byte in bytes {
      if isOver { return nil }
      if isLineStart, byte == 0x20 || byte == 0x09 {
        return HTTPRefusal(status: 400, message: "A line of the trailer begins with white space; folded lines are not allowed.")
      }
      if byte == 0x0A, !isAfterReturn {
        return HTTPRefusal(status: 400, message: "A line of the trailer ends with a line feed without carriage return.")
      }
      isLineStart = byte == 0x0A
      if isLineStart {
        isOver = isEmptyLine
        isEmptyLine = true
      } else if byte != 0x0D || isAfterReturn {
        isEmptyLine = false
      }
      isAfterReturn = byte == 0x0D
    }
    return nil
  }
}
