/// The words of the language (taskrouter.md 6.2), read one at a time.
struct Token {
  enum Kind: Equatable {
    case name(String)
    case string(String)
    case integer(Int64)
    /// Above Int64.
    case unsigned(UInt64)
    case double(Double)
    /// `( ) [ ] , .` and the operators made of signs.
    case sign(String)
    case end
  }

  var kind: Kind
  var offset: Int
  var end: Int
}

struct Lexer {
  let text: [UnicodeScalar]
  private(set) var place = 0

  init(_ text: String) { self.text = Array(text.unicodeScalars) }

  private func scalar(_ offset: Int = 0) -> UnicodeScalar? { place + offset < text.count ? text[place + offset] : nil }

  mutating func next() throws(ExpressionError) -> Token {
    while let c = scalar(), c.properties.isWhitespace { place += 1 }
    let start = place
    guard let c = scalar() else { return Token(kind: .end, offset: start, end: start) }
    let kind: Token.Kind
    if Self.startsName(c) {
      kind = .name(name())
    } else if c == "'" || c == "\"" {
      kind = .string(try string(quote: c))
    } else if Self.isDigit(c) || (c == "-" && scalar(1).map(Self.isDigit) == true) {
      kind = try number()
    } else {
      kind = .sign(try sign(c))
    }
    return Token(kind: kind, offset: start, end: place)
  }

  /// What stands at a place, for messages.
  func found(_ token: Token) -> String {
    guard token.offset < token.end else { return "the end" }
    return Self.quoted(text[token.offset..<min(token.end, token.offset + 40)]) + (token.end - token.offset > 40 ? "…" : "")
  }

  private static func quoted(_ scalars: ArraySlice<UnicodeScalar>) -> String {
    var out = String.UnicodeScalarView()
    out.append(contentsOf: scalars)
    return "`\(String(out))`"
  }

  private func error(_ expected: String, at offset: Int? = nil) -> ExpressionError {
    let offset = offset ?? place
    return ExpressionError(
      offset: offset, expected: expected, found: offset < text.count ? Self.quoted(text[offset...].prefix(1)) : "the end")
  }

  private static func startsName(_ c: UnicodeScalar) -> Bool { c == "_" || c == "$" || c.properties.isAlphabetic }
  private static func isDigit(_ c: UnicodeScalar) -> Bool { c >= "0" && c <= "9" }

  private mutating func name() -> String {
    var name = String.UnicodeScalarView()
    while let c = scalar(), Self.startsName(c) || Self.isDigit(c) {
      name.append(c)
      place += 1
    }
    return String(name)
  }

  private mutating func number() throws(ExpressionError) -> Token.Kind {
    let start = place
    if scalar() == "-" { place += 1 }
    while let c = scalar(), Self.isDigit(c) { place += 1 }
    var isWhole = true
    if scalar() == "." {
      isWhole = false
      place += 1
      guard let c = scalar(), Self.isDigit(c) else { throw error("a digit after the decimal point") }
      while let c = scalar(), Self.isDigit(c) { place += 1 }
    }
    if let c = scalar(), c == "." || Self.startsName(c) { throw error("the end of the number") }
    let digits = String(text[start..<place].map(Character.init))
    if isWhole, let value = Int64(digits) { return .integer(value) }
    if isWhole, let value = UInt64(digits) { return .unsigned(value) }
    guard let value = Double(digits), value.isFinite else { throw error("a number within the range of a double", at: start) }
    return .double(value)
  }

  private mutating func sign(_ c: UnicodeScalar) throws(ExpressionError) -> String {
    place += 1
    switch c {
    case "(", ")", "[", "]", ",", ".": return String(c)
    case "=", "<", ">", "!":
      if scalar() == "=" {
        place += 1
        return "\(c)="
      }
      guard c != "!" else { throw error("`=` after `!`") }
      return c == "=" ? "==" : String(c)
    default: throw error("a name, a literal or an operator", at: place - 1)
    }
  }

  private mutating func string(quote: UnicodeScalar) throws(ExpressionError) -> String {
    let start = place
    place += 1
    var out = String.UnicodeScalarView()
    while let c = scalar() {
      place += 1
      if c == quote { return String(out) }
      out.append(c == "\\" ? try escape() : c)
    }
    throw ExpressionError(offset: place, expected: "`\(quote)` to end the string that begins at character \(start + 1)", found: "the end")
  }

  /// A backslash and what follows; the sequences are those of JSON and `\'`.
  private mutating func escape() throws(ExpressionError) -> UnicodeScalar {
    let start = place - 1
    guard let c = scalar() else { throw error("a character after the backslash") }
    place += 1
    switch c {
    case "'", "\"", "\\", "/": return c
    case "n": return "\n"
    case "t": return "\t"
    case "r": return "\r"
    case "b": return "\u{8}"
    case "f": return "\u{c}"
    case "u":
      let first = try hexadecimal()
      if let scalar = UnicodeScalar(first) { return scalar }
      guard first < 0xdc00, scalar() == "\\", scalar(1) == "u" else { throw error("both halves of the surrogate pair", at: start) }
      place += 2
      let second = try hexadecimal()
      guard (0xdc00..<0xe000).contains(second), let pair = UnicodeScalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00)) else {
        throw error("both halves of the surrogate pair", at: start)
      }
      return pair
    default: throw error("one of \\\\ \\' \\\" \\/ \\n \\t \\r \\b \\f \\uXXXX", at: start)
    }
  }

  private mutating func hexadecimal() throws(ExpressionError) -> UInt32 {
    let start = place
    while place < start + 4 {
      guard let c = scalar(), c.isASCII, c.properties.isASCIIHexDigit else { throw error("four hexadecimal digits") }
      place += 1
    }
    return UInt32(String(text[start..<place].map(Character.init)), radix: 16) ?? 0
  }
}
