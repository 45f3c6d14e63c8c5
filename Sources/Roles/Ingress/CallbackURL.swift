/// What a URL must be that a customer wants called. Stricter than whoever connects: what is accepted here and cannot be called would be noticed only when a callback is missing.
enum CallbackURL {
  /// The first rule that `text` breaks, worded to follow its field's name; nil when it keeps them all.
  static func brokenRule(_ text: String) -> String? {
    guard text.utf8.count <= 2048 else { return "must have at most 2048 bytes" }
    let lower = text.lowercased()
    guard let scheme = ["http://", "https://"].first(where: { lower.hasPrefix($0) }) else { return "must be an absolute http or https URL" }
    guard text.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
      return "must have ASCII characters without spaces and control characters alone: others are written percent-encoded"
    }
    let authority = text.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    let place = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
    let (host, port) = split(place)
    guard isHost(host) else { return "must have a host: a name of letters, digits, '-', '.' and '_', or an address" }
    guard let port else { return nil }
    guard port.first != "0", port.utf8.allSatisfy({ (48...57).contains($0) }), (1...65_535).contains(Int(port) ?? 0) else {
      return "must have a port from 1 to 65535, or none"
    }
    return nil
  }

  /// Host, and what is behind its colon. An address of IPv6 keeps its brackets.
  private static func split(_ place: Substring) -> (host: Substring, port: Substring?) {
    let end = place.hasPrefix("[") ? place.firstIndex(of: "]") ?? place.startIndex : place.startIndex
    guard let colon = place[end...].firstIndex(of: ":") else { return (place, nil) }
    return (place[..<colon], place[place.index(after: colon)...])
  }

  private static func isHost(_ host: Substring) -> Bool {
    if host.hasPrefix("["), host.hasSuffix("]") {
      let address = host.dropFirst().dropLast()
      return address.contains(":") && address.utf8.allSatisfy { isHexadecimal($0) || $0 == 0x3A || $0 == 0x2E }
    }
    return host.contains { $0 != "." } && host.utf8.allSatisfy { isLetterOrDigit($0) || [0x2D, 0x2E, 0x5F].contains($0) }
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (97...102).contains(byte | 0x20) }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (97...122).contains(byte | 0x20) }
}
