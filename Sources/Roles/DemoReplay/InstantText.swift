/// Instants as the API writes them.
package enum InstantText {
  /// Milliseconds since 1970 of `2026-01-31T12:00:00.250Z` (RFC 3339, UTC, with or without a fraction); nil for anything else.
  package static func milliseconds(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, bytes[4] == 45, bytes[7] == 45, bytes[10] == 84, bytes[13] == 58, bytes[16] == 58, bytes.last == 90 else {
      return nil
    }
    func number(_ range: Range<Int>) -> Int64? { Int64(String(decoding: bytes[range], as: UTF8.self)) }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
      let minute = number(14..<16),
      let second = number(17..<19)
    else { return nil }
    var fraction: Int64 = 0
    if bytes[19] == 46 {
      guard bytes.count >= 22, let value = Double("0." + String(decoding: bytes[20..<(bytes.count - 1)], as: UTF8.self)) else { return nil }
      fraction = Int64((value * 1000).rounded())
    }
    return (days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second) * 1000 + fraction
  }

  /// Days since 1970-01-01 in the Gregorian calendar, years counted from March so that leap days come last.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month > 2 ? year : year - 1
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let ofEra = shifted - era * 400
    let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
  }
}
