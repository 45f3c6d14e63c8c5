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
    "123456789012345678901234567890.0", "\"\u{10ffff}\"", "[-0.0,0E-1]", "{\"a\":{\"a\":{\"a\":1}}}", "[{\"a\":1},{\"a\":1}]",
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
    "\"\\uD800\"",
    "\"\\uD800\\u0041\"", "\"\\uDC00\"", "[\u{a0}1]", "tru", "truee", "[true,fals]", "'a'", "\\u0061", "[\"a\",\n4\n,1,", "{\"a\":1}}",
    "{,}", "[:]",
    "{\"a\"::1}", "18446744073709551616", "-9223372036854775809", "123456789012345678901234567890", "\u{0}", "[1}", "{\"a\":1]", "-x",
    "\"\\u00e\"",
  ]) func refusedWithAPosition(_ text: String) throws {
    let error = try #require(failure(text))
    if case .refused = error.reason { Issue.record("no position: \(error)") }
  }

  @Test(
    arguments: [
      [0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22],
      [0x22, 0xe2, 0x82, 0x22],
      [0x22, 0x80, 0x22], [0x22, 0xf0, 0x80, 0x80, 0x80, 0x22],
    ] as [[UInt8]]) func badUTF8(_ bytes: [UInt8]) throws
  {
    let error = try #require(failure(bytes))
    #expect(error.reason == .notUTF8)
    #expect(error.offset == 1)
  }

  @Test func messagesNamePositionAndReason() throws {
    #expect(failure("{\"a\": 1,\n \"b\" 2}")?.description == "byte 14 (line 2, column 6): expected ':', found '2'")
    #expect(failure("[1,2")?.description == "byte 4 (line 1, column 5): expected ',' or ']', found the end")
    #expect(
      failure("[18446744073709551616]")?.description
        == "byte 1 (line 1, column 2): the integer 18446744073709551616 does not fit into 64 bits")
    #expect(failure("[\"a\nb\"]")?.reason == .controlCharacter(10))
    #expect(failure("")?.description == "byte 0 (line 1, column 1): expected a value, found the end")
  }

  @Test func aKeyTwiceInOneObjectIsNamed() throws {
    let error = try #require(failure("{\"x\":{\"a\":1},\"b\":[1,{}],\n\"x\":2}"))
    #expect(error.reason == .duplicateKey("x"))
    #expect(error.line == 2 && error.column == 1)
    #expect(failure("{\"a\":1,\"\\u0061\":2}")?.reason == .duplicateKey("a"))
    #expect(failure("[0,{\"\":1,\"\":2}]")?.reason == .duplicateKey(""))
  }

  @Test(arguments: [2, 31, 32, 33, 34, 1000, 50_000]) func aKeyTwiceAmongMany(_ count: Int) throws {
    let pairs = (0..<count).map { "\"key\($0)\":\($0)" }
    let good = "{" + pairs.joined(separator: ",") + "}"
    #expect(try parse(good).root.count == count)
    for twin in [0, count / 2, count - 1] {
      let error = try #require(failure("{" + (pairs + ["\"key\(twin)\":[]"]).joined(separator: ",") + "}"))
      #expect(error.reason == .duplicateKey("key\(twin)"))
      #expect(error.offset == good.utf8.count)
    }
  }

  @Test func depthIsLimited() throws {
    func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    #expect(failure(nested(512)) == nil)
    let error = try #require(failure(nested(513)))
    #expect(error.reason == .tooDeep(limit: 512))
    #expect(error.offset == 512)
    #expect(failure(nested(100_000))?.reason == .tooDeep(limit: 512))
    #expect(failure(String(repeating: "{\"a\":", count: 600) + "1" + String(repeating: "}", count: 600))?.reason == .tooDeep(limit: 512))
  }

  @Test func largeTextsLeaveTheReaderUsable() throws {
    let large = "[" + (0..<200_000).map { "\"\($0)\"" }.joined(separator: ",") + "]"
    for _ in 0..<2 { #expect(try parse(large).root.count == 200_000) }
    #expect(try parse("{\"a\":1}").root[key: "a"]?.integer == 1)
  }

  @Test func anUnreadableTextKnownToBeGoodIsAnEmptyObject() {
    let document = JSONDocument.read([0x7b])
    #expect(document.isObject)
    #expect(document.root.count == 0)
    #expect(document.text == Array("{}".utf8))
    #expect(JSONDocument.read(Array("[1]".utf8)).root.count == 1)
  }
}

@Suite struct JSONAccess {
  @Test func kindsAndValues() throws {
    let document = try parse(
      #"{"n":null,"t":true,"f":false,"i":-7,"u":18446744073709551615,"d":1.0,"s":"grüße\n","a":[1,[2,3],{"x":4}],"o":{"k":"v"},"e":""}"#)
    let root = document.root
    #expect(document.isObject)
    #expect(root.count == 10)
    #expect(root[key: "n"]?.isNull == true)
    #expect(root[key: "t"]?.bool == true)
    #expect(root[key: "f"]?.bool == false)
    #expect(root[key: "i"]?.integer == -7)
    #expect(root[key: "i"]?.double == -7)
    #expect(root[key: "i"]?.unsigned == nil)
    #expect(root[key: "u"]?.kind == .unsigned)
    #expect(root[key: "u"]?.unsigned == .max)
    #expect(root[key: "u"]?.integer == nil)
    #expect(root[key: "d"]?.kind == .double)
    #expect(root[key: "d"]?.integer == nil)
    #expect(root[key: "s"]?.string == "grüße\n")
    #expect(root[key: "e"]?.string?.isEmpty == true)
    #expect(root[key: "missing"] == nil)
    #expect(root[key: "s"]?[key: "s"] == nil)
    #expect(root[key: "a"]?[1]?[1]?.integer == 3)
    #expect(root[key: "a"]?[3] == nil)
    #expect(root[key: "a"]?[-1] == nil)
    #expect(root[key: "o"]?[0] == nil)
    #expect(root[key: "a"]?.elements.map(\.kind) == [.integer, .array, .object])
    #expect(root.pairs.map(\.key.string) == ["n", "t", "f", "i", "u", "d", "s", "a", "o", "e"])
    #expect(root[key: "s"]?.elements.map(\.kind).isEmpty == true)
  }

  @Test(
    arguments: [
      ("a", 1), ("b.c", 2), ("b.d[0]", 3), ("b.d[1].e", 4), ("b.d[2][0]", 5), ("ö", 6), ("longer than eight bytes", 7), ("x", nil),
      ("b.d[3]", nil),
      ("a.b", nil), ("b[0]", nil), ("b.d.e", nil),
    ] as [(String, Int64?)]) func paths(_ path: String, _ value: Int64?) throws
  {
    let document = try parse(#"{"a":1,"b":{"c":2,"d":[3,{"e":4},[5]]},"ö":6,"longer than eight bytes":7}"#)
    #expect(document[try #require(JSONPath(path))]?.integer == value)
  }

  @Test(arguments: ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[-1]", "[0]", "a]", "a[0]b"]) func noPath(_ path: String) {
    #expect(JSONPath(path) == nil)
  }

  @Test func textsCompareByBytes() {
    let words = ["", "a", "aa", "ab", "b", "abcdefgh", "abcdefghi", "abcdefgz", "é", "z", "\u{0}", "a\u{0}", "😀", "\u{ffff}"]
    for a in words {
      for b in words {
        #expect((JSONText(a) == JSONText(b)) == (Array(a.utf8) == Array(b.utf8)))
        #expect((JSONText(a) < JSONText(b)) == a.utf8.lexicographicallyPrecedes(b.utf8), "\(a) \(b)")
        #expect(JSONText(a).equals(b) == (a.utf8.elementsEqual(b.utf8)))
      }
    }
    #expect(JSONText("voice,chat").contains(JSONText("e,ch")))
    #expect(JSONText("aaab").contains(JSONText("aab")))
    #expect(!JSONText("ab").contains(JSONText("abc")))
    #expect(JSONText("").contains(JSONText("")))
  }
}
