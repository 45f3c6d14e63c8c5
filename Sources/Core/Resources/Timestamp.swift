/// Instants as text: milliseconds since 1970, UTC, by arithmetic alone (days from civil dates after Howard Hinnant's public-domain algorithm).
package enum Timestamp {
  private struct Civil {
    var year: Int64
    var month: Int64
    var day: Int64
    var weekday: Int64
  }

  private static func civil(days: Int64) -> Civil {
    let z = days + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return Civil(year: year, month: month, day: dayOfYear - (153 * shifted + 2) / 5 + 1, weekday: ((days % 7) + 11) % 7)
  }

  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func split(_ instant: Int64) -> (civil: Civil, seconds: Int64, milliseconds: Int64) {
    let milliseconds = ((instant % 1000) + 1000) % 1000
    let total = (instant - milliseconds) / 1000
    let seconds = ((total % 86_400) + 86_400) % 86_400
    return (civil(days: (total - seconds) / 86_400), seconds, milliseconds)
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  private static func clock(_ seconds: Int64) -> String {
    "\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
  }

  private static func date(_ civil: Civil) -> String { "\(padded(civil.year, 4))-\(padded(civil.month, 2))-\(padded(civil.day, 2))" }

  /// `2026-01-31T12:00:00Z`: whole seconds, as the REST resources have it (taskrouter.md 1.3).
  package static func iso8601(_ instant: Int64) -> String {
    let parts = split(instant)
    return "\(date(parts.civil))T\(clock(parts.seconds))Z"
  }

  /// `2026-01-31T12:00:00.000Z`, as events have it.
  package static func iso8601Milliseconds(_ instant: Int64) -> String {
    let parts = split(instant)
    return "\(date(parts.civil))T\(clock(parts.seconds)).\(padded(parts.milliseconds, 3))Z"
  }

  private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  /// `Tue, 31 Aug 2010 20:36:28 +0000`, as the 2010 API has it (voice.md 0.4).
  package static func rfc2822(_ instant: Int64) -> String {
    let parts = split(instant)
    let civil = parts.civil
    return
      "\(weekdays[Int(civil.weekday)]), \(padded(civil.day, 2)) \(months[Int(civil.month) - 1]) \(padded(civil.year, 4)) \(clock(parts.seconds)) +0000"
  }

  /// Reads ISO 8601: a date, or date and time with optional fraction and `Z` or an offset (none: UTC). Nil for anything else.
  package static func parse(_ text: String) -> Int64? {
    var rest = Substring(text)
    func number(_ width: Int, _ range: ClosedRange<Int64>) -> Int64? {
      let digits = rest.prefix(width)
      guard digits.count == width, digits.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int64(digits), range.contains(value)
      else { return nil }
      rest = rest.dropFirst(width)
      return value
    }
    func take(_ character: Character) -> Bool {
      guard rest.first == character else { return false }
      rest = rest.dropFirst()
      return true
    }
    guard let year = number(4, 0...9999), take("-"), let month = number(2, 1...12), take("-"), let day = number(2, 1...31) else {
      return nil
    }
    let dayNumber = days(year: year, month: month, day: day)
    let back = civil(days: dayNumber)
    guard back.month == month, back.day == day else { return nil }
    var instant = dayNumber * 86_400_000
    if rest.isEmpty { return instant }
    guard take("T") || take("t") || take(" "), let hour = number(2, 0...23), take(":"), let minute = number(2, 0...59) else { return nil }
    var second: Int64 = 0
    if take(":") {
      guard let value = number(2, 0...60) else { return nil }
      second = value
    }
    instant += ((hour * 60 + minute) * 60 + second) * 1000
    if take(".") || take(",") {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard !digits.isEmpty, let thousandths = Int64((digits + "000").prefix(3)) else { return nil }
      rest = rest.dropFirst(digits.count)
      instant += thousandths
    }
    if rest.isEmpty || take("Z") || take("z") { return rest.isEmpty ? instant : nil }
    let sign: Int64 = rest.first == "-" ? -1 : 1
    guard take("+") || take("-"), let hours = number(2, 0...23) else { return nil }
    var minutes: Int64 = 0
    if take(":") || !rest.isEmpty {
      guard let value = number(2, 0...59) else { return nil }
      minutes = value
    }
    return rest.isEmpty ? instant - sign * (hours * 60 + minutes) * 60_000 : nil
  }
}
