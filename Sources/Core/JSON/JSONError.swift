/// Why a text is not acceptable JSON, and where.
package struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Reason: Sendable, Hashable {
    case expected(String, found: String)
    /// RFC 8259, 8.1.
    case notUTF8
    case controlCharacter(UInt8)
    case escape(String)
    case loneSurrogate
    case number(String)
    case integerBeyond64Bits(String)
    case numberOutOfRange(String)
    case tooDeep(limit: Int)
    case duplicateKey(String)
    /// The reader refused what nothing else finds fault with.
    case refused(String)
  }

  /// Bytes before the fault.
  package let offset: Int
  /// Both from 1; the column counts bytes.
  package let line: Int
  package let column: Int
  package let reason: Reason

  init(at offset: Int, in text: [UInt8], _ reason: Reason) {
    let before = text.prefix(offset)
    self.offset = offset
    line = 1 + before.count { $0 == 0x0a }
    column = offset - (before.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0) + 1
    self.reason = reason
  }

  package var description: String { "byte \(offset) (line \(line), column \(column)): \(reason)" }
}

extension JSONError.Reason: CustomStringConvertible {
  package var description: String {
    switch self {
    case .expected(let what, let found): "expected \(what), found \(found)"
    case .notUTF8: "not UTF-8"
    case .controlCharacter(let byte): "a string must not contain the control character \(byte) unescaped"
    case .escape(let text): "'\(text)' is no escape sequence"
    case .loneSurrogate: "half of a surrogate pair without the other"
    case .number(let text): "'\(text)' is not written as a JSON number"
    case .integerBeyond64Bits(let text): "the integer \(text) does not fit into 64 bits"
    case .numberOutOfRange(let text): "the number \(text) is too large"
    case .tooDeep(let limit): "nested deeper than \(limit) levels"
    case .duplicateKey(let key): "the key \"\(key)\" stands twice in one object"
    case .refused(let message): "the reader refused the text: \(message)"
    }
  }
}
