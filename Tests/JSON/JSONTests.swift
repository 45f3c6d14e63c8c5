import JSON
import Testing

func parse(_ text: String) throws -> JSONDocument { try JSONDocument(parsing: Array(text.utf8)) }

func failure(_ text: String) -> JSONError? { failure(Array(text.utf8)) }

func failure(_ bytes: [UInt8]) -> JSONError? {
  do throws(JSONError) { _ = try JSONDocument(parsing: bytes) } catch { return error }
  return nil
}

@Suite struct JSONReading {
  @Test(arguments: [
    "{}", "[]", "null", "true", "false", "0", "-0", "1", "-1", "1.5", "1e5", "1E+2", "1e-2", "0.0", "0e1", "\"\"", " [ ] ", "\t{\r\n}\n",
    "[[]]",
    "[1,2]", "{\"\":0}", "{\"a\":{}}", "{\"a\":[],\"b\":{}}", "\"\\u0041\"", "\"\\uD83D\\uDE00\"", "\"\\/\\b\\f\\n\\r\\t\\\\\\\"\"",
    "\"é\"", "\"\u{7f}\"",
    "\"\\u0000\"", "9223372036854775807", "-9223372036854775808", "18446744073709551615", "1e308", "1e-400", "[[[[[[[[]]]]]]]]",
    "\"\u{2028}\"",
    "123456789012345678901234567890.0",
  ]) func acceptable(_ text: String) throws {
    let document = try parse(text)
    #expect(document.text == Array(text.utf8))
  }

  @Test(arguments: [
    "", " ", "{", "}", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}",
    "{\"a\" 1}", "{1:1}",
    "{\"a\":1 \"b\":2}", "nul", "True", "NaN", "Infinity", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x1", "1a", "1.2.3", "--1",
    "\"", "\"a", "\"\\\"",
    "\"\\x\"", "\"\\u12\"", "\"\\u12G4\"", "\"\n\"", "\"\t\"", "1 2", "{} x", "[]]", "/* */1", "1 // c", "\u{feff}1", "1e999", "-1e999",
    "\"\\uD800\"", "\"\\uD800\\u0041\"",
    "\"\\uDC00\"", "[\u{a0}1]", "tru", "truee", "[true,fals]", "'a'", "\\u0061", "[\"a\",\n4\n,1,", "{\"a\":1}}", "{,}", "[:]",
    "{\"a\"::1}",
    "18446744073709551616", "-9223372036854775809", "123456789012345678901234567890", "\u{0}",
  ]) func refused(_ text: String) throws {
    let error = try #require(failure(text))
    if case .refused = error.reason { Issue.record("no position: \(error)") }
  }
}
