internal import Glibc

/// An IPv4 or IPv6 address as a number.
package enum IPAddress: Hashable, Sendable, CustomStringConvertible {
  case v4(UInt32)
  case v6(UInt128)

  /// Reads the strict text forms only (RFC 4291 2.2 and dotted decimal); nil for octal, hex, shortened IPv4, brackets and zones.
  package init?(_ text: String) {
    var v4 = in_addr()
    var v6 = in6_addr()
    if inet_pton(AF_INET, text, &v4) == 1 {
      self = .v4(UInt32(bigEndian: v4.s_addr))
    } else if inet_pton(AF_INET6, text, &v6) == 1 {
      self = withUnsafeBytes(of: &v6) { .v6(UInt128(bigEndian: $0.loadUnaligned(as: UInt128.self))) }
    } else {
      return nil
    }
  }

  /// IPv4 out of an IPv4-mapped address (RFC 4291 2.5.5.2); any other as it is.
  package var unwrapped: IPAddress {
    guard case .v6(let value) = self, value >> 32 == 0xFFFF else { return self }
    return .v4(UInt32(truncatingIfNeeded: value))
  }

  package var description: String {
    switch self {
    case .v4(let value): return (0..<4).map { String(value >> (24 - 8 * $0) & 0xFF) }.joined(separator: ".")
    case .v6(let value):
      var address = in6_addr()
      var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
      withUnsafeMutableBytes(of: &address) { $0.storeBytes(of: value.bigEndian, as: UInt128.self) }
      guard inet_ntop(AF_INET6, &address, &text, socklen_t(text.count)) != nil else { return String(value, radix: 16) }
      return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }
}

/// All addresses that share their first bits, written "10.0.0.0/8".
package struct AddressRange: Hashable, Sendable, CustomStringConvertible {
  package let base: IPAddress
  /// How many leading bits count: 0–32 or 0–128.
  package let bits: Int

  /// Reads "address/bits" or one address; nil for anything else. Bits of the address behind the prefix are ignored.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let base = IPAddress(String(parts[0])) else { return nil }
    let width = if case .v4 = base { 32 } else { 128 }
    guard parts.count == 2 else {
      self.init(base: base, bits: width)
      return
    }
    guard let bits = Int(parts[1]), (0...width).contains(bits) else { return nil }
    self.init(base: base, bits: bits)
  }

  init(base: IPAddress, bits: Int) {
    self.base = base
    self.bits = bits
  }

  /// Whether the address lies in the range. Families are not mixed: unwrap mapped addresses first.
  package func contains(_ address: IPAddress) -> Bool {
    // Shifts of Swift's integers give zero when everything is shifted out, as /0 needs it.
    switch (base, address) {
    case (.v4(let base), .v4(let value)): return (base ^ value) >> (32 - bits) == 0
    case (.v6(let base), .v6(let value)): return (base ^ value) >> (128 - bits) == 0
    default: return false
    }
  }

  package var description: String { "\(base)/\(bits)" }
}
