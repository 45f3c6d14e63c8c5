import Forms
import Resources
import Testing

@Suite struct FormTests {
  private func form(_ text: String) throws -> Form { try Form(parsing: Array(text.utf8)) }

  @Test func keepsOrderAndRepeatedNames() throws {
    let form = try form("A=1&B=two+words&A=%C3%A9%2B&&C&D==x=&=e")
    #expect(form.fields.map(\.name) == ["A", "B", "A", "C", "D", ""])
    #expect(form.values(for: "A") == ["1", "é+"])
    #expect(form.first("B") == "two words")
    #expect(form.first("C") == "")
    #expect(form.first("D") == "=x=")
    #expect(form.first("a") == nil)
    #expect(try self.form("").fields.isEmpty)
  }

  @Test(arguments: ["A=%", "A=%4", "A=%zz", "A=%C3", "A=%ff", "A=%ed%a0%80"]) func namesTheFieldOfABadValue(text: String) {
    let error = #expect(throws: FormError.self) { try form(text) }
    #expect(error?.field == "A")
    #expect(error?.message.hasPrefix("A must be percent-encoded UTF-8") == true)
    #expect(error?.received == String(text.dropFirst(2)))
  }

  @Test func refusesBadNamesRawBytesAndTooManyFields() {
    #expect(throws: FormError.self) { try form("%zz=1") }
    #expect(throws: FormError.self) { try Form(parsing: [0x41, 0x3d, 0xff]) }
    #expect(throws: FormError.self) { try form(String(repeating: "a&", count: 10_001)) }
  }

  @Test func readsArrays() throws {
    let form = try form("S=pending&S=reserved%2C+assigned&T=&U=a,%20b+,,c")
    #expect(form.list("S") == ["pending", "reserved", "assigned"])
    #expect(form.list("T").isEmpty)
    #expect(form.list("U") == ["a", "b", "c"])
    #expect(form.list("V").isEmpty)
  }

  @Test(arguments: [
    ("true", true), ("True", true), ("1", true), ("YES", true), ("false", false), ("0", false), ("no", false), ("", false), ("on", false),
  ])
  func readsBooleans(text: String, expected: Bool) throws {
    #expect(try form("X=" + text).bool("X") == expected)
    #expect(try form("").bool("X") == nil)
  }

  @Test(arguments: ["abc", "", "1.5", "51", "-1", "+1", " 1", "99999999999999999999", "0x1"]) func refusesIntegers(text: String) throws {
    let form = Form([Form.Field(name: "Capacity", value: text)])
    let error = #expect(throws: FormError.self) { try form.integer("Capacity", in: 0...50) }
    #expect(error?.message == "Capacity must be an integer from 0 to 50, \"\(text)\" was received")
  }

  @Test func readsIntegers() throws {
    #expect(try form("X=007").integer("X", in: 0...50) == 7)
    #expect(try form("X=-7").integer("X", in: -10...50) == -7)
    #expect(try form("").integer("X", in: 0...50) == nil)
  }

  @Test func wantsRequiredFields() throws {
    #expect(try form("FriendlyName=x").required("FriendlyName") == "x")
    let error = #expect(throws: FormError.self) { try form("FriendlyName=").required("FriendlyName") }
    #expect(error?.message == "Missing required parameter FriendlyName in the post body")
  }
}

@Suite struct DatesTests {
  @Test(arguments: [
    ("2010-08-31T20:36:28Z", 1_283_286_988_000), ("2010-08-31T22:36:28+02:00", 1_283_286_988_000),
    ("2010-08-31T22:36:28+0200", 1_283_286_988_000),
    ("2010-08-31T22:36:28 02:00", 1_283_286_988_000), ("2010-08-31T18:36:28-02", 1_283_286_988_000),
    ("2010-08-31t20:36:28.5z", 1_283_286_988_500),
    ("2010-08-31 20:36:28.123456", 1_283_286_988_123), ("2010-08-31T20:36", 1_283_286_960_000), ("2010-08-31", 1_283_212_800_000),
    ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59.999Z", -1), ("2000-02-29T00:00:00Z", 951_782_400_000),
    ("2016-12-31T23:59:60Z", 1_483_228_800_000),
  ])
  func parses(text: String, expected: Int64) {
    #expect(Dates.parseISO8601(text) == expected)
  }

  @Test(arguments: [
    "", "2010", "2010-8-31", "2010-02-30", "2010-13-01", "2010-00-01", "2010-08-00", "1900-02-29", "2010-08-31T", "2010-08-31T24:00:00Z",
    "2010-08-31T20:60:00Z",
    "2010-08-31T20:36:61Z", "2010-08-31T20:36:28.Z", "2010-08-31T20:36:28Zx", "2010-08-31T20:36:28+2", "2010-08-31T20:36:28+25:00",
    "Tue, 31 Aug 2010", "２010-08-31",
  ])
  func refuses(text: String) {
    #expect(Dates.parseISO8601(text) == nil)
  }

  @Test func formats() {
    #expect(Dates.iso8601(1_283_286_988_999) == "2010-08-31T20:36:28Z")
    #expect(Dates.iso8601(-1) == "1969-12-31T23:59:59Z")
    #expect(Dates.iso8601(Int64.max) == "9999-12-31T23:59:59Z")
    #expect(Dates.iso8601(Int64.min) == "0000-01-01T00:00:00Z")
    #expect(Dates.rfc2822(1_283_286_988_000) == "Tue, 31 Aug 2010 20:36:28 +0000")
    #expect(Dates.rfc2822(0) == "Thu, 01 Jan 1970 00:00:00 +0000")
    #expect(
      [1_283_286_988_009, 0, -1, 999].map(Dates.iso8601Milliseconds)
        == ["2010-08-31T20:36:28.009Z", "1970-01-01T00:00:00.000Z", "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.999Z"])
    #expect([-1001, -1000, -1, 0, 999, 1000, Int64.min].map(Dates.seconds) == [-2, -1, -1, 0, 0, 1, Int64.min / 1000 - 1])
    #expect(Dates.twelveHourMinutes(1_283_286_988_000) == "2010-08-31 08:36 pm")
    #expect(
      [0, 1, 11, 12, 13, 23].map { String(Dates.twelveHourMinutes($0 * 3_600_000).dropFirst(11)) }
        == ["12:00 am", "01:00 am", "11:00 am", "12:00 pm", "01:00 pm", "11:00 pm"])
    #expect(Dates.rfc2822(-1) == "Wed, 31 Dec 1969 23:59:59 +0000")
  }

  @Test func everyDayComesBack() {
    for day in stride(from: Int64(-719_528), through: 2_932_896, by: 37) {
      let time = day * 86_400_000 + (day & 0xffff) * 1000
      #expect(Dates.parseISO8601(Dates.iso8601(time)) == time)
    }
  }
}

@Suite struct PercentTexts {
  @Test(arguments: [
    ("", ""), ("Tasks", "Tasks"), ("a+b", "a+b"), ("a%20b", "a b"), ("%E2%82%AC", "€"), ("a%2Fb", "a/b"), ("a%26b%3Dc%2b+", "a&b=c++"),
  ])
  func `a part of a path is decoded, and plus is itself`(_ raw: String, _ text: String) {
    #expect(Array(raw.utf8).withUnsafeBufferPointer { FormText.decode($0, plusIsSpace: false) } == text)
  }

  @Test(arguments: ["%", "a%2", "%zz", "%ff", "a%C3"])
  func `what is not percent-encoded UTF-8 is told`(_ raw: String) {
    #expect(Array(raw.utf8).withUnsafeBufferPointer { FormText.decode($0) } == nil)
  }
}
