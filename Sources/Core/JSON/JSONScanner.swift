/// Finds the place of an error: the fast reader tells only that there is one. Runs over refused texts alone, once; keeps no values.
struct JSONScanner {
  private let text: [UInt8]
  private var place = 0
  /// Values and keys seen so far, in the order of the tape's nodes.
  private var nodes = 0
  private var wanted = -1
  private var isObject: [Bool] = []

  private init(_ text: [UInt8]) { self.text = text }

  /// The first error; nil when there is none.
  static func findError(in text: [UInt8]) -> JSONError? {
    var scanner = JSONScanner(text)
    do throws(JSONError) { try scanner.document() } catch { return error }
    return nil
  }

  /// The error for a key that the tape has as its given node.
  static func duplicate(atNode node: Int, in text: [UInt8]) -> JSONError {
    var scanner = JSONScanner(text)
    scanner.wanted = node
    do throws(JSONError) { try scanner.document() } catch { return error }
    return JSONError(at: 0, in: text, .duplicateKey("?"))
  }

  private func error(_ reason: JSONError.Reason, at offset: Int? = nil) -> JSONError { JSONError(at: offset ?? place, in: text, reason) }

  private func expected(_ what: String) -> JSONError {
    guard place < text.count else { return error(.expected(what, found: "the end")) }
    let byte = text[place]
    let found = byte > 0x20 && byte < 0x7f ? "'\(Character(UnicodeScalar(byte)))'" : "byte \(byte)"
    return error(.expected(what, found: found))
  }

  private var byte: UInt8? { place < text.count ? text[place] : nil }

  private mutating func skipSpace() {
    while let byte, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { place += 1 }
  }

  private mutating func document() throws(JSONError) {
    skipSpace()
    try value()
    while let inObject = isObject.last {
      skipSpace()
      if byte == (inObject ? 0x7d : 0x5d) {
        place += 1
        isObject.removeLast()
        continue
      }
      guard byte == 0x2c else { throw expected(inObject ? "',' or '}'" : "',' or ']'") }
      place += 1
      skipSpace()
      if inObject { try key() }
      try value()
    }
    skipSpace()
    guard place == text.count else { throw expected("the end") }
  }

  /// A value up to its end; of a container with something in it, up to the end of its first element.
  private mutating func value() throws(JSONError) {
    while true {
      nodes += 1
      switch byte ?? 0 {
      case 0x22:
        _ = try string()
        return
      case 0x2d, 0x30...0x39: return try number()
      case 0x74: return try word("true")
      case 0x66: return try word("false")
      case 0x6e: return try word("null")
      case 0x7b, 0x5b:
        let inObject = byte == 0x7b
        guard isObject.count < JSONDocument.depthLimit else { throw error(.tooDeep(limit: JSONDocument.depthLimit)) }
        place += 1
        skipSpace()
        if byte == (inObject ? 0x7d : 0x5d) {
          place += 1
          return
        }
        isObject.append(inObject)
        if inObject { try key() }
      default: throw expected("a value")
      }
    }
  }

  private mutating func key() throws(JSONError) {
    guard byte == 0x22 else { throw expected("a key in double quotes") }
    let start = place
    let name = try string()
    if nodes == wanted { throw error(.duplicateKey(name), at: start) }
    nodes += 1
    skipSpace()
    guard byte == 0x3a else { throw expected("':'") }
    place += 1
    skipSpace()
  }

  private mutating func word(_ word: StaticString) throws(JSONError) {
    let start = place
    while let byte, Self.isWordByte(byte) { place += 1 }
    let found = String(decoding: text[start..<place], as: UTF8.self)
    guard found == "\(word)" else { throw error(.expected("\(word)", found: "'\(found)'"), at: start) }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2b, 0x2d, 0x2e: true
    default: false
    }
  }
}

// MARK: Numbers

extension JSONScanner {
  private mutating func number() throws(JSONError) {
    let start = place
    while let byte, Self.isWordByte(byte) { place += 1 }
    let bytes = text[start..<place]
    let written = String(decoding: bytes.prefix(40), as: UTF8.self) + (bytes.count > 40 ? "…" : "")
    guard let isInteger = Self.form(of: bytes) else { throw error(.number(written), at: start) }
    let whole = String(decoding: bytes, as: UTF8.self)
    if isInteger {
      guard Int64(whole) != nil || UInt64(whole) != nil else { throw error(.integerBeyond64Bits(written), at: start) }
    } else {
      guard let value = Double(whole), value.isFinite else { throw error(.numberOutOfRange(written), at: start) }
    }
  }

  /// Whether a number is an integer; nil when it breaks the grammar (RFC 8259, 6).
  private static func form(of bytes: ArraySlice<UInt8>) -> Bool? {
    var rest = bytes
    func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
    func digits() -> Int {
      let run = rest.prefix(while: isDigit)
      rest = rest.dropFirst(run.count)
      return run.count
    }
    if rest.first == 0x2d { rest = rest.dropFirst() }
    let startsWithZero = rest.first == 0x30
    let whole = digits()
    guard whole > 0, !(startsWithZero && whole > 1) else { return nil }
    if rest.isEmpty { return true }
    if rest.first == 0x2e {
      rest = rest.dropFirst()
      guard digits() > 0 else { return nil }
    }
    if rest.first == 0x65 || rest.first == 0x45 {
      rest = rest.dropFirst()
      if rest.first == 0x2b || rest.first == 0x2d { rest = rest.dropFirst() }
      guard digits() > 0 else { return nil }
    }
    return rest.isEmpty ? false : nil
  }
}

// MARK: Strings

extension JSONScanner {
  private mutating func string() throws(JSONError) -> String {
    place += 1
    var out: [UInt8] = []
    while let byte {
      switch byte {
      case 0x22:
        place += 1
        return String(decoding: out, as: UTF8.self)
      case 0x5c: out += Array(String(try escape()).utf8)
      case 0..<0x20: throw error(.controlCharacter(byte))
      case 0x20..<0x80:
        out.append(byte)
        place += 1
      default:
        let count = Self.lengthOfScalar(in: text, at: place)
        guard count > 0 else { throw error(.notUTF8) }
        out += text[place..<(place + count)]
        place += count
      }
    }
    throw expected("'\"' at the end of a string")
  }

  private mutating func escape() throws(JSONError) -> UnicodeScalar {
    let start = place
    guard start + 1 < text.count else { throw expected("an escape sequence") }
    let letter = text[start + 1]
    place += 2
    switch letter {
    case 0x22, 0x5c, 0x2f: return UnicodeScalar(letter)
    case 0x62: return "\u{8}"
    case 0x66: return "\u{c}"
    case 0x6e: return "\n"
    case 0x72: return "\r"
    case 0x74: return "\t"
    case 0x75: break
    default: throw error(.escape("\\" + String(decoding: [letter], as: UTF8.self)), at: start)
    }
    let first = try hexadecimal(from: start)
    if let scalar = UnicodeScalar(first) { return scalar }
    let second = place
    guard first < 0xdc00, place + 1 < text.count, text[place] == 0x5c, text[place + 1] == 0x75 else {
      throw error(.loneSurrogate, at: start)
    }
    place += 2
    let low = try hexadecimal(from: second)
    guard low >= 0xdc00, low < 0xe000, let scalar = UnicodeScalar(0x10000 + (first - 0xd800) << 10 + (low - 0xdc00)) else {
      throw error(.loneSurrogate, at: start)
    }
    return scalar
  }

  private mutating func hexadecimal(from start: Int) throws(JSONError) -> UInt32 {
    let digits = text[place...].prefix(4)
    let written = String(decoding: digits, as: UTF8.self)
    let isHexadecimal = digits.allSatisfy { Character(UnicodeScalar($0)).isHexDigit }
    guard digits.count == 4, isHexadecimal, let value = UInt32(written, radix: 16) else { throw error(.escape("\\u" + written), at: start) }
    place += 4
    return value
  }

  /// Bytes of the well-formed sequence that starts here (Unicode 15, table 3-7); 0 when there is none.
  private static func lengthOfScalar(in text: [UInt8], at place: Int) -> Int {
    func follows(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xbf) -> Bool {
      place + offset < text.count && range.contains(text[place + offset])
    }
    switch text[place] {
    case 0xc2...0xdf: return follows(1) ? 2 : 0
    case 0xe0: return follows(1, 0xa0...0xbf) && follows(2) ? 3 : 0
    case 0xed: return follows(1, 0x80...0x9f) && follows(2) ? 3 : 0
    case 0xe1...0xef: return follows(1) && follows(2) ? 3 : 0
    case 0xf0: return follows(1, 0x90...0xbf) && follows(2) && follows(3) ? 4 : 0
    case 0xf1...0xf3: return follows(1) && follows(2) && follows(3) ? 4 : 0
    case 0xf4: return follows(1, 0x80...0x8f) && follows(2) && follows(3) ? 4 : 0
    default: return 0
    }
  }
}
