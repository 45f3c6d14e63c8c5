/// How the text of an option is read, and the rule that it must keep.
package struct OptionKind<Value: Sendable>: Sendable {
  /// Completes "must be …".
  package let rule: String
  /// Nil when the text breaks the rule.
  package let read: @Sendable (String) -> Value?

  package init(rule: String, read: @escaping @Sendable (String) -> Value?) {
    self.rule = rule
    self.read = read
  }
}

extension OptionKind where Value == String {
  /// Any text that is not empty.
  package static var text: Self { Self(rule: "a text that is not empty") { $0.isEmpty ? nil : $0 } }
}

extension OptionKind where Value == Int {
  /// A decimal number within `range`.
  package static func integer(in range: ClosedRange<Int>) -> Self {
    Self(rule: "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
      Int(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }
}

extension OptionKind where Value == Bool {
  /// `true`, `yes`, `on`, `1` and their contraries.
  package static var bool: Self {
    Self(rule: "true or false") { text in
      switch text.lowercased() {
      case "true", "yes", "on", "1": true
      case "false", "no", "off", "0": false
      default: nil
      }
    }
  }
}

extension OptionKind where Value == Int64 {
  /// A duration in milliseconds, written in seconds (`30`, `1.5`) or with a unit: `500ms`, `2s`, `5m`, `1h`, `7d`. `range` in milliseconds.
  package static func duration(inMilliseconds range: ClosedRange<Int64>) -> Self {
    let least = DurationText.text(range.lowerBound)
    let most = DurationText.text(range.upperBound)
    return Self(rule: "a duration from \(least) to \(most), in seconds or with a unit of ms, s, m, h, d") { text in
      DurationText.milliseconds(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }
}

extension OptionKind where Value == HostPort {
  /// `host:port`, `[IPv6]:port`, or the host alone where there is a default port.
  package static func hostPort(defaultPort: UInt16? = nil) -> Self {
    let rule = "host:port (IPv6 in brackets: [::1]:8080)" + (defaultPort.map { "; without :port it is \($0)" } ?? "")
    return Self(rule: rule) { HostPort($0, defaultPort: defaultPort) }
  }
}

extension OptionKind where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  /// One of the raw values of an enumeration.
  package static var oneOf: Self {
    Self(rule: "one of " + Value.allCases.map(\.rawValue).joined(separator: ", ")) { Value(rawValue: $0) }
  }
}

/// Where something listens or is reached.
package struct HostPort: Sendable, Equatable, CustomStringConvertible {
  /// A name or address, IPv6 without brackets; never empty.
  package let host: String
  package let port: UInt16

  package init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  /// Nil unless `host:port`, `[IPv6]:port`, or a host alone and a default.
  package init?(_ text: String, defaultPort: UInt16? = nil) {
    let host: Substring
    let rest: Substring
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      host = text[text.index(after: text.startIndex)..<end]
      rest = text[text.index(after: end)...]
      guard host.contains(":") else { return nil }
    } else {
      let colon = text.firstIndex(of: ":") ?? text.endIndex
      host = text[..<colon]
      rest = text[colon...]
    }
    guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2F && $0 != 0x40 }) else { return nil }
    if rest.isEmpty, let defaultPort {
      self.init(host: String(host), port: defaultPort)
      return
    }
    let digits = rest.dropFirst()
    guard rest.first == ":", digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits) else { return nil }
    self.init(host: String(host), port: port)
  }

  package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Durations as people write them.
enum DurationText {
  private static let units: [(name: String, milliseconds: Int64)] = [
    ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
  ]

  static func milliseconds(_ text: String) -> Int64? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let name = text[digits.endIndex...]
    let unit = name.isEmpty ? 1000 : units.first { $0.name == name }?.milliseconds
    guard let unit, digits.first != ".", digits.last != ".", let number = Double(digits) else { return nil }
    let exact = number * Double(unit)
    return exact <= 1e15 ? Int64(exact.rounded()) : nil
  }

  static func text(_ milliseconds: Int64) -> String {
    guard milliseconds != 0, let unit = units.last(where: { milliseconds % $0.milliseconds == 0 }) else { return "\(milliseconds)ms" }
    return "\(milliseconds / unit.milliseconds)\(unit.name)"
  }
}
