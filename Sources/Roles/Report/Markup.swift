internal import Terminal

/// Text that becomes HTML or SVG. What comes from outside goes in through `text`.
enum Markup {
  /// Safe as text and within a quoted attribute. Control characters that XML forbids become spaces.
  static func text(_ raw: String) -> String {
    var safe = ""
    safe.reserveCapacity(raw.utf8.count)
    for scalar in raw.unicodeScalars {
      switch scalar {
      case "&": safe += "&amp;"
      case "<": safe += "&lt;"
      case ">": safe += "&gt;"
      case "\"": safe += "&quot;"
      case "'": safe += "&#39;"
      default: safe.unicodeScalars.append(scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) ? " " : scalar)
      }
    }
    return safe
  }

  /// A coordinate: one decimal, none where it says nothing.
  static func number(_ value: Double) -> String {
    guard value.isFinite else { return "0" }
    let text = HumanText.decimal(value)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// `42 s`, `3 min 20 s`, `2 h 05 min`: how a wait is read.
  static func wait(_ seconds: Double?) -> String {
    guard let seconds, seconds.isFinite else { return "–" }
    if seconds < 0.0005 { return "0 s" }
    if seconds < 1 { return "\(Int((seconds * 1000).rounded())) ms" }
    if seconds < 10 { return number(seconds) + " s" }
    let whole = Int(min(seconds, 1e9).rounded())
    if whole < 120 { return "\(whole) s" }
    if whole < 7200 { return "\(whole / 60) min" + (whole % 60 == 0 ? "" : " \(whole % 60) s") }
    return "\(whole / 3600) h \(whole / 60 % 60 < 10 ? "0" : "")\(whole / 60 % 60) min"
  }

  /// `07:30` of seconds since midnight; the end of the day is `24:00`, past it it goes on from 00:01.
  static func clock(_ seconds: Int) -> String {
    if seconds == 86_400 { return "24:00" }
    let minutes = ((seconds / 60) % 1440 + 1440) % 1440
    return "\(minutes / 60 < 10 ? "0" : "")\(minutes / 60):\(minutes % 60 < 10 ? "0" : "")\(minutes % 60)"
  }

  /// `3.5 %` of 0.035: always one decimal, so that columns line up.
  static func percent(_ ratio: Double) -> String { HumanText.decimal(ratio * 100) + " %" }
}

/// Where data lands on a drawing: a straight line from values to points.
struct Scale {
  let values: ClosedRange<Double>
  let points: (from: Double, to: Double)

  func callAsFunction(_ value: Double) -> Double {
    let width = values.upperBound - values.lowerBound
    guard width > 0 else { return points.from }
    return points.from + (min(max(value, values.lowerBound), values.upperBound) - values.lowerBound) / width * (points.to - points.from)
  }

  /// Round numbers from 0 to at least `top`: four to six of them.
  static func ticks(to top: Double) -> [Double] {
    let top = max(top.isFinite ? top : 1, 1)
    var unit = 1.0
    while top / unit > 50 { unit *= 10 }
    let step = ([1, 2, 5, 10, 20].first { top / (unit * $0) <= 5 } ?? 20) * unit
    return Array(stride(from: 0, through: (top / step).rounded(.up) * step, by: step))
  }
}
