/// Who is asked: a host and, where it is said, a port, as in `Host` (RFC 9112, section 3.2) and in URLs (RFC 3986, section 3.2, without user information).
///
/// A host is a DNS name (letters, digits, hyphens and underscores), an IPv4 address or an IPv6 address in brackets; names that are percent-encoded, and zones of
/// addresses, are refused: nothing resolves them alike everywhere.
package struct Authority: Sendable, Equatable {
  /// As written, an IPv6 address with its brackets.
  package let host: String
  /// 0 to 65535; nil: none was said.
  package let port: Int?

  /// Nil for anything else. O(length).
  package init?(_ text: String) {
    let bytes = text.utf8
    // Below characters are taken for bytes, which these are not.
    guard bytes.allSatisfy({ $0 < 128 }) else { return nil }
    let colon: String.Index?
    if bytes.first == UInt8(ascii: "[") {
      guard let close = bytes.firstIndex(of: UInt8(ascii: "]")), Self.isIPv6(text[..<close].dropFirst()) else { return nil }
      let behind = bytes.index(after: close)
      colon = behind == bytes.endIndex ? nil : behind
    } else {
      colon = bytes.firstIndex(of: UInt8(ascii: ":"))
      guard Self.isName(text[..<(colon ?? bytes.endIndex)]) else { return nil }
    }
    host = String(text[..<(colon ?? bytes.endIndex)])
    guard let colon else {
      port = nil
      return
    }
    let digits = text[colon...].dropFirst()
    guard bytes[colon] == UInt8(ascii: ":"), digits.utf8.count <= 5, digits.utf8.allSatisfy(Self.isDigit) else { return nil }
    port = Int(digits)
    if let port, port > 65_535 { return nil }
  }

  /// Labels of up to 63 letters, digits, hyphens (not at an end) and underscores; one dot may stand at the end.
  private static func isName(_ text: Substring) -> Bool {
    guard (1...255).contains(text.utf8.count) else { return false }
    var length = 0
    var last = UInt8(ascii: ".")
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "."):
        if length == 0 || last == UInt8(ascii: "-") { return false }
        length = 0
      case UInt8(ascii: "-") where length == 0: return false
      case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        length += 1
        if length > 63 { return false }
      default: return false
      }
      last = byte
    }
    return last != UInt8(ascii: "-")
  }

  /// Eight groups of up to four hexadecimal digits, of which one run may be left out as "::" and the last two be an IPv4 address.
  private static func isIPv6(_ text: Substring) -> Bool {
    guard text.utf8.count <= 45 else { return false }
    var groups = 0
    var hasGap = false
    var rest = text
    if rest.hasPrefix("::") {
      hasGap = true
      rest = rest.dropFirst(2)
    }
    while !rest.isEmpty {
      let group = rest.prefix { $0 != ":" }
      rest = rest[group.endIndex...]
      if rest.isEmpty, group.utf8.contains(UInt8(ascii: ".")) {
        guard isIPv4(group) else { return false }
        groups += 2
        break
      }
      guard (1...4).contains(group.utf8.count), group.utf8.allSatisfy(isHexDigit) else { return false }
      groups += 1
      if rest.isEmpty { break }
      rest = rest.dropFirst()
      guard !rest.isEmpty else { return false }
      guard rest.first == ":" else { continue }
      if hasGap { return false }
      hasGap = true
      rest = rest.dropFirst()
    }
    return hasGap ? groups <= 7 : groups == 8
  }

  private static func isIPv4(_ text: Substring) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4
      && parts.allSatisfy { (1...3).contains($0.utf8.count) && $0.utf8.allSatisfy(isDigit) && (Int($0) ?? 256) <= 255 }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
  }
}

extension Authority {
  /// What `--public-url` means: "http" or "https", a host and perhaps a port from 1 on, and nothing else but one slash behind it. Nil for anything else.
  package static func baseURL(_ text: String) -> String? {
    let bare = text.hasSuffix("/") ? text.dropLast() : text[...]
    for scheme in ["https://", "http://"] where bare.hasPrefix(scheme) {
      guard let authority = Authority(String(bare.dropFirst(scheme.utf8.count))), authority.port != 0, !bare.hasSuffix(":") else {
        return nil
      }
      return String(bare)
    }
    return nil
  }
}
