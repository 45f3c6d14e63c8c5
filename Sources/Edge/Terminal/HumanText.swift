/// Numbers as people read them.
package enum HumanText {
  /// `1234567` → `1,234,567`.
  package static func count(_ value: Int) -> String {
    let digits = String(value.magnitude)
    var text = ""
    for (place, digit) in digits.enumerated() {
      if place > 0 && (digits.count - place) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return value < 0 ? "-" + text : text
  }

  /// `999`, `1.2k`, `34.5M`, `1.0G`: three digits or fewer before the point.
  package static func short(_ value: Double) -> String { scaled(value, step: 1000, units: ["", "k", "M", "G", "T"]) }

  /// `512 B`, `1.5 KiB`, `3.0 GiB`.
  package static func bytes(_ value: Int) -> String {
    scaled(Double(value), step: 1024, units: [" B", " KiB", " MiB", " GiB", " TiB", " PiB"])
  }

  /// `350µs`, `1.5ms`, `12.3s`, `4m05s`, `2h03m`, `3d04h`; for negative values as 0.
  package static func duration(nanoseconds: Int64) -> String {
    let value = max(0, nanoseconds)
    switch value {
    case ..<1000: return "\(value)ns"
    case ..<1_000_000: return decimal(Double(value) / 1e3) + "µs"
    case ..<1_000_000_000: return decimal(Double(value) / 1e6) + "ms"
    case ..<60_000_000_000: return decimal(Double(value) / 1e9) + "s"
    default: return longDuration(seconds: value / 1_000_000_000)
    }
  }

  /// `3.5%` of a ratio of 0.035.
  package static func percent(_ ratio: Double) -> String { decimal(ratio * 100) + "%" }

  /// One decimal, without the C library's formats.
  package static func decimal(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    let tenths = Int((abs(value) * 10).rounded())
    return (value < 0 && tenths > 0 ? "-" : "") + "\(tenths / 10).\(tenths % 10)"
  }

  private static func longDuration(seconds: Int64) -> String {
    func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
    if seconds < 3600 { return "\(seconds / 60)m\(two(seconds % 60))s" }
    if seconds < 86_400 { return "\(seconds / 3600)h\(two(seconds / 60 % 60))m" }
    return "\(seconds / 86_400)d\(two(seconds / 3600 % 24))h"
  }

  private static func scaled(_ value: Double, step: Double, units: [String]) -> String {
    var rest = value
    var unit = 0
    // 999.95 would be written as 1000.0.
    while abs(rest) >= (unit == 0 ? step : step - 0.05), unit < units.count - 1 {
      rest /= step
      unit += 1
    }
    if unit == 0, rest == rest.rounded(), abs(rest) < step { return "\(Int(rest))" + units[0] }
    return decimal(rest) + units[unit]
  }
}
