/// Times as the two files write them: local, without a zone. Seconds are counted in the proleptic Gregorian calendar, so that differences
/// over midnight are right; a change to or from summer time is not known.
struct LocalTime: Comparable {
  /// Seconds since 1970-01-01 00:00 of the same wall clock.
  let seconds: Int

  /// Seconds since midnight of its day.
  var ofDay: Int { ((seconds % 86_400) + 86_400) % 86_400 }
  /// Seconds since the epoch of its day's midnight.
  var midnight: Int { seconds - ofDay }

  static func < (one: Self, other: Self) -> Bool { one.seconds < other.seconds }
  static func - (one: Self, other: Self) -> Int { one.seconds - other.seconds }

  /// `01/31/2017 12:05:09 AM`; nil for anything else.
  static func american(_ text: String) -> LocalTime? {
    let words = text.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 3, let date = americanDate(words[0]), let time = clock(words[1]) else { return nil }
    guard (3600..<46_800).contains(time), words[2] == "AM" || words[2] == "PM" else { return nil }
    let noonIsTwelve = time >= 43_200 ? time - 43_200 : time
    return LocalTime(seconds: date * 86_400 + noonIsTwelve + (words[2] == "PM" ? 43_200 : 0))
  }

  /// `7:02:47` or `23:59:00` as seconds since midnight.
  static func clock(_ text: some StringProtocol) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3, let hour = number(parts[0], 0...23), let minute = number(parts[1], 0...59),
      let second = number(parts[2], 0...59)
    else { return nil }
    return hour * 3600 + minute * 60 + second
  }

  /// `990201` (years of the 1900s) as `1999-02-01`.
  static func shortDate(_ text: String) -> String? {
    guard text.utf8.count == 6, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let digits = Int(text) else { return nil }
    let (year, month, day) = (1900 + digits / 10_000, digits / 100 % 100, digits % 100)
    guard (1...12).contains(month), (1...31).contains(day) else { return nil }
    return iso(year, month, day)
  }

  /// The date of the instant as `2017-01-01`.
  var date: String {
    let (year, month, day) = Self.civil(midnight / 86_400)
    return Self.iso(year, month, day)
  }

  private static func americanDate(_ text: Substring) -> Int? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 3, let month = number(parts[0], 1...12), let day = number(parts[1], 1...31),
      let year = number(parts[2], 1970...2999)
    else { return nil }
    return days(year, month, day)
  }

  private static func number(_ text: some StringProtocol, _ range: ClosedRange<Int>) -> Int? {
    guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int(text) else { return nil }
    return range.contains(value) ? value : nil
  }

  private static func iso(_ year: Int, _ month: Int, _ day: Int) -> String {
    "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
  }

  /// Days since 1970-01-01, years counted from March so that a leap day is the last of its year.
  private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let y = month <= 2 ? year - 1 : year
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return y * 365 + y / 4 - y / 100 + y / 400 + dayOfYear - 719_468
  }

  private static func civil(_ days: Int) -> (Int, Int, Int) {
    let z = days + 719_468
    let era = z / 146_097
    let ofEra = z % 146_097
    let y = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let dayOfYear = ofEra - (365 * y + y / 4 - y / 100)
    let m = (5 * dayOfYear + 2) / 153
    let month = m < 10 ? m + 3 : m - 9
    return (y + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * m + 2) / 5 + 1)
  }
}
