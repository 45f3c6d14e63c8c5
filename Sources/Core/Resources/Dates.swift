/// Dates of the wire, as milliseconds since 1970-01-01T00:00:00Z, by arithmetic alone (proleptic Gregorian calendar, no leap seconds).
package enum Dates {
  /// `YYYY-MM-DDTHH:MM:SS.mmmZ`, as events have it.
  package static func iso8601Milliseconds(_ milliseconds: Int64) -> String {
    var bytes: [UInt8] = []
    appendISO8601Milliseconds(milliseconds, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// `iso8601Milliseconds` behind what stands in `bytes`: 24 bytes.
  package static func appendISO8601Milliseconds(_ milliseconds: Int64, to bytes: inout [UInt8]) {
    appendISO8601(milliseconds, to: &bytes)
    bytes[bytes.count - 1] = UInt8(ascii: ".")
    append(Int(((milliseconds % 1000) + 1000) % 1000), 3, to: &bytes)
    bytes.append(UInt8(ascii: "Z"))
  }

  /// `2010-08-31T20:36:28Z`: whole seconds, UTC. Years are cut to 0…9999.
  package static func iso8601(_ milliseconds: Int64) -> String {
    String(unsafeUninitializedCapacity: isoLength) { buffer in
      writeISO8601(milliseconds, into: UnsafeMutableRawBufferPointer(buffer))
      return isoLength
    }
  }

  /// `iso8601` behind what stands in `bytes`: 20 bytes.
  package static func appendISO8601(_ milliseconds: Int64, to bytes: inout [UInt8]) {
    withUnsafeTemporaryAllocation(byteCount: isoLength, alignment: 1) { buffer in
      writeISO8601(milliseconds, into: buffer)
      bytes.append(contentsOf: buffer)
    }
  }

  private static let isoLength = 20

  private static func writeISO8601(_ milliseconds: Int64, into buffer: UnsafeMutableRawBufferPointer) {
    let date = Civil(milliseconds)
    var place = 0
    func two(_ number: Int, _ behind: UnicodeScalar?) {
      buffer[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / 10)
      buffer[place + 1] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10)
      place += 2
      guard let behind else { return }
      buffer[place] = UInt8(ascii: behind)
      place += 1
    }
    two(date.year / 100, nil)
    two(date.year % 100, "-")
    two(date.month, "-")
    two(date.day, "T")
    two(date.second / 3600, ":")
    two(date.second / 60 % 60, ":")
    two(date.second % 60, "Z")
  }

  /// `2010-08-31 08:36 pm`: minutes by the twelve-hour clock, UTC.
  package static func twelveHourMinutes(_ milliseconds: Int64) -> String {
    let date = Civil(milliseconds)
    let hour = date.second / 3600
    var bytes = Array(iso8601(milliseconds).prefix(10).utf8)
    bytes.append(UInt8(ascii: " "))
    append((hour + 11) % 12 + 1, 2, to: &bytes)
    bytes.append(UInt8(ascii: ":"))
    append(date.second / 60 % 60, 2, to: &bytes)
    return String(decoding: bytes, as: UTF8.self) + (hour < 12 ? " am" : " pm")
  }

  /// Whole seconds since 1970, down also before it: the second that `iso8601` shows.
  package static func seconds(_ milliseconds: Int64) -> Int64 {
    milliseconds / 1000 - (milliseconds % 1000 < 0 ? 1 : 0)
  }

  /// `Tue, 31 Aug 2010 20:36:28 +0000` (RFC 2822).
  package static func rfc2822(_ milliseconds: Int64) -> String {
    let date = Civil(milliseconds)
    var bytes = Array("\(Civil.weekdays[date.weekday]), ".utf8)
    append(date.day, 2, to: &bytes)
    bytes.append(contentsOf: " \(Civil.months[date.month - 1]) ".utf8)
    append(date.year, 4, to: &bytes)
    bytes.append(UInt8(ascii: " "))
    bytes.append(contentsOf: iso8601(milliseconds).utf8.dropFirst(11).prefix(8))
    bytes.append(contentsOf: " +0000".utf8)
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func append(_ number: Int, _ width: Int, to bytes: inout [UInt8]) {
    var divisor = width == 4 ? 1000 : width == 3 ? 100 : 10
    while divisor > 0 {
      bytes.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
      divisor /= 10
    }
  }

  /// `YYYY-MM-DD`, then optionally `T` or a space, `HH:MM`, `:SS`, a fraction (cut to milliseconds), and `Z` or an offset (`+02:00`, `+0200`,
  /// `+02`); without a zone it is UTC. A `+` that a form turned into a space is taken as `+`. nil: not such a date.
  package static func parseISO8601(_ text: String) -> Int64? {
    var reader = DateReader(Array(text.utf8))
    return reader.read()
  }
}

/// A day and a time of it.
struct Civil {
  static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
  static let millisecondsPerDay: Int64 = 86_400_000
  /// 0000-01-01 and 9999-12-31T23:59:59.999Z.
  static let range: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999

  let year: Int
  let month: Int
  let day: Int
  /// Of the day.
  let second: Int
  /// Into `weekdays`.
  let weekday: Int

  /// Days to a date by eras of 400 years that begin in March, so that the leap day is a year's last.
  init(_ milliseconds: Int64) {
    let time = min(max(milliseconds, Civil.range.lowerBound), Civil.range.upperBound)
    let sinceEpoch = Int((time - Civil.positiveRemainder(time, Civil.millisecondsPerDay)) / Civil.millisecondsPerDay)
    second = Int(Civil.positiveRemainder(time, Civil.millisecondsPerDay) / 1000)
    weekday = (sinceEpoch % 7 + 7) % 7
    let days = sinceEpoch + 719_468
    let era = (days >= 0 ? days : days - 146_096) / 146_097
    let dayOfEra = days - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  private static func positiveRemainder(_ value: Int64, _ divisor: Int64) -> Int64 {
    let remainder = value % divisor
    return remainder < 0 ? remainder + divisor : remainder
  }

  /// Days since 1970-01-01; nil: no such day.
  static func days(year: Int, month: Int, day: Int) -> Int? {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard month >= 1, month <= 12, day >= 1, day <= lengths[month - 1] else { return nil }
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}

/// Reads one date from its text.
private struct DateReader {
  private let text: [UInt8]
  private var at = 0

  init(_ text: [UInt8]) {
    self.text = text
  }

  private var byte: UInt8? { at < text.count ? text[at] : nil }

  mutating func read() -> Int64? {
    guard let year = number(4), take("-"), let month = number(2), take("-"), let day = number(2),
      let days = Civil.days(year: year, month: month, day: day)
    else { return nil }
    let midnight = Int64(days) * Civil.millisecondsPerDay
    if at == text.count { return midnight }
    guard take("T") || take("t") || take(" "), let time = time(), let offset = offset(), at == text.count else { return nil }
    return midnight + time - offset
  }

  private mutating func take(_ character: UnicodeScalar) -> Bool {
    guard byte == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  private mutating func number(_ width: Int) -> Int? {
    guard at + width <= text.count else { return nil }
    var number = 0
    for byte in text[at..<at + width] {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      number = number * 10 + Int(byte - UInt8(ascii: "0"))
    }
    at += width
    return number
  }

  /// Milliseconds of the day. Second 60 is a leap second and counts as the next minute's first.
  private mutating func time() -> Int64? {
    guard let hour = number(2), hour < 24, take(":"), let minute = number(2), minute < 60 else { return nil }
    var second = 0
    var fraction = 0
    if take(":") {
      guard let value = number(2), value <= 60 else { return nil }
      second = value
      if take(".") || take(",") {
        guard let value = self.fraction() else { return nil }
        fraction = value
      }
    }
    return Int64((hour * 3600 + minute * 60 + second) * 1000 + fraction)
  }

  private mutating func fraction() -> Int? {
    var value = 0
    var digits = 0
    while let digit = number(1) {
      if digits < 3 { value = value * 10 + digit }
      digits += 1
    }
    guard digits > 0 else { return nil }
    for _ in min(digits, 3)..<3 { value *= 10 }
    return value
  }

  /// Milliseconds east of Greenwich.
  private mutating func offset() -> Int64? {
    if at == text.count || take("Z") || take("z") { return 0 }
    let isWest = byte == UInt8(ascii: "-")
    guard take("-") || take("+") || take(" "), let hours = number(2), hours < 24 else { return nil }
    var minutes = 0
    if at < text.count {
      _ = take(":")
      guard let value = number(2), value < 60 else { return nil }
      minutes = value
    }
    return Int64((hours * 60 + minutes) * 60_000) * (isWest ? -1 : 1)
  }
}
