import Expressions
import JSON
import Testing

@Suite("Documents written as equality pairs (taskrouter.md 14, 18)")
struct EqualityPairsTests {
  @Test(
    "Each pair is a member",
    arguments: [
      ("lang == 'de'", #"{"lang":"de"}"#), ("lang = 'de' AND n == 1", #"{"lang":"de","n":1}"#),
      (#"a == "x\"y" and b == -1.5 And c == true"#, #"{"a":"x\"y","b":-1.5,"c":true}"#),
      ("a == FALSE AND b == null AND c == 18446744073709551615", #"{"a":false,"b":null,"c":18446744073709551615}"#),
      ("worker.lang == 'de'", #"{"lang":"de"}"#), ("worker == 'x'", #"{"worker":"x"}"#),
      ("a.b.c == 1 AND a.d == 2 AND a.b.e == 3", #"{"a":{"b":{"c":1,"e":3},"d":2}}"#), ("größe == ' AND '", #"{"größe":" AND "}"#),
    ])
  func pairs(_ text: String, _ expected: String) throws {
    #expect(String(decoding: try EqualityPairs.json(text), as: UTF8.self) == expected)
  }

  @Test(
    "What is refused, and where",
    arguments: [
      ("", 0), ("lang", 4), ("lang != 'de'", 5), ("lang == de", 8), ("lang == ['de']", 8), ("'de' == lang", 0), ("(lang == 'de')", 0),
      ("a == 1 OR b == 2", 7), ("a == 1 AND", 10), ("a == 1 b == 2", 7), ("a. == 1", 3), ("a[0] == 1", 1), ("a == 1 AND a == 1", 11),
      ("a == 1 AND a.b == 1", 11), ("a.b == 1 AND a == 1", 13),
      (Array(repeating: "a", count: 101).joined(separator: ".") + " == 1", 202),
    ])
  func refused(_ text: String, _ offset: Int) throws {
    let error = #expect(throws: ExpressionError.self) { try EqualityPairs.json(text) }
    #expect(error?.offset == offset)
  }
}
