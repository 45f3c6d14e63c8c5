/// Which addresses a client may connect to, so that a customer's URL cannot reach what only this host can reach.
///
/// A pure value; the client asks it for the address of every socket it is about to open, after the name was resolved.
package struct AddressPolicy: Sendable, Equatable {
  /// Opens everything.
  package var allowPrivateTargets: Bool
  /// Ranges that are open although the list denies them.
  package var exceptions: [AddressRange]

  package init(allowPrivateTargets: Bool = false, exceptions: [AddressRange] = []) {
    self.allowPrivateTargets = allowPrivateTargets
    self.exceptions = exceptions
  }

  /// A range that is denied and why.
  package struct Rule: Sendable, Equatable, CustomStringConvertible {
    package let range: AddressRange
    package let reason: String
    package var description: String { "\(range) (\(reason))" }
  }

  /// The rule that forbids a connection to `address`, nil when it is allowed. IPv4-mapped addresses are judged as IPv4.
  package func refusal(of address: IPAddress) -> Rule? {
    if allowPrivateTargets { return nil }
    let address = address.unwrapped
    guard let rule = Self.denied.first(where: { $0.range.contains(address) }) else { return nil }
    return exceptions.contains { $0.contains(address) } ? nil : rule
  }

  private static func v4(_ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32, _ bits: Int, _ reason: String) -> Rule {
    Rule(range: AddressRange(base: .v4(a << 24 | b << 16 | c << 8 | d), bits: bits), reason: reason)
  }

  private static func v6(_ first: UInt128, _ second: UInt128, _ third: UInt128, _ bits: Int, _ reason: String) -> Rule {
    Rule(range: AddressRange(base: .v6(first << 112 | second << 96 | third << 80), bits: bits), reason: reason)
  }

  private static func low(_ value: UInt128, _ reason: String) -> Rule {
    Rule(range: AddressRange(base: .v6(value), bits: 128), reason: reason)
  }

  /// What is denied: the special-purpose registries of IANA (RFC 6890 and its updates), multicast and reserved space.
  package static let denied: [Rule] = [
    v4(0, 0, 0, 0, 8, "this network"),
    v4(10, 0, 0, 0, 8, "private"),
    v4(100, 64, 0, 0, 10, "shared by carriers"),
    v4(127, 0, 0, 0, 8, "loopback"),
    v4(169, 254, 0, 0, 16, "link-local"),
    v4(172, 16, 0, 0, 12, "private"),
    v4(192, 0, 0, 0, 24, "protocol assignments"),
    v4(192, 0, 2, 0, 24, "documentation"),
    v4(192, 88, 99, 0, 24, "6to4 relay"),
    v4(192, 168, 0, 0, 16, "private"),
    v4(198, 18, 0, 0, 15, "benchmarking"),
    v4(198, 51, 100, 0, 24, "documentation"),
    v4(203, 0, 113, 0, 24, "documentation"),
    v4(224, 0, 0, 0, 4, "multicast"),
    v4(255, 255, 255, 255, 32, "broadcast"),
    v4(240, 0, 0, 0, 4, "reserved"),
    low(0, "unspecified"),
    low(1, "loopback"),
    v6(0, 0, 0, 96, "IPv4-compatible"),
    v6(0x64, 0xFF9B, 0, 96, "translation to IPv4"),
    v6(0x64, 0xFF9B, 1, 48, "translation to IPv4"),
    v6(0x100, 0, 0, 64, "discard only"),
    v6(0x2001, 0xDB8, 0, 32, "documentation"),
    v6(0x2002, 0, 0, 16, "6to4"),
    v6(0x3FFF, 0, 0, 20, "documentation"),
    v6(0x5F00, 0, 0, 16, "segment routing"),
    v6(0xFC00, 0, 0, 7, "private"),
    v6(0xFE80, 0, 0, 10, "link-local"),
    v6(0xFEC0, 0, 0, 10, "site-local"),
    v6(0xFF00, 0, 0, 8, "multicast"),
  ]
}
