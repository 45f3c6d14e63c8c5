/// Query strings and form bodies as we send them.
package enum FormText {
  /// `name=value&…`, percent-encoded but for unreserved characters (RFC 3986 section 2.3).
  package static func encode(_ pairs: [(String, String)]) -> String {
    pairs.map { "\(escape($0.0))=\(escape($0.1))" }.joined(separator: "&")
  }

  package static func escape(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var out: [UInt8] = []
    out.reserveCapacity(text.utf8.count + 16)
    for byte in text.utf8 {
      switch byte {
      case 48...57, 65...90, 97...122, 45, 46, 95, 126: out.append(byte)
      default: out += [37, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// What percent-encoded bytes say; nil: a wrong percent sequence, or bytes that are not UTF-8. In a path `+` is itself.
  package static func decode(_ raw: UnsafeBufferPointer<UInt8>, plusIsSpace: Bool = true) -> String? {
    let isPlain = !raw.contains { $0 == UInt8(ascii: "%") || (plusIsSpace && $0 == UInt8(ascii: "+")) }
    if isPlain { return text(raw) }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: raw.count) { bytes in
      var count = 0
      var at = 0
      while at < raw.count {
        var byte = raw[at]
        at += 1
        if byte == UInt8(ascii: "%") {
          guard at + 2 <= raw.count, let high = nibble(raw[at]), let low = nibble(raw[at + 1]) else { return nil }
          byte = high << 4 | low
          at += 2
        } else if plusIsSpace, byte == UInt8(ascii: "+") {
          byte = UInt8(ascii: " ")
        }
        bytes.initializeElement(at: count, to: byte)
        count += 1
      }
      return text(UnsafeBufferPointer(rebasing: bytes[..<count]))
    }
  }

  private static func text(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
    do { return String(copying: try UTF8Span(validating: bytes.span)) } catch { return nil }
  }

  private static func nibble(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
