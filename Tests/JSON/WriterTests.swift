import JSON
import Testing

@Suite struct JSONWriting {
  @Test func commasAndNesting() {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("a")
    writer.int(-1)
    writer.key("b")
    writer.beginArray()
    writer.bool(true)
    writer.null()
    writer.beginObject()
    writer.endObject()
    writer.double(1.5)
    writer.raw(Array("{\"x\":1}".utf8))
    writer.endArray()
    writer.key("c")
    writer.string("")
    writer.endObject()
    #expect(String(decoding: writer.bytes, as: UTF8.self) == #"{"a":-1,"b":[true,null,{},1.5,{"x":1}],"c":""}"#)
    writer.removeAll()
    writer.int(7)
    #expect(writer.bytes == [0x37])
  }

  @Test(arguments: ["", "plain", "\"\\/", "\n\r\t\u{8}\u{c}", "\u{0}\u{1}\u{1f}\u{7f}", "grüße 😀", "a\nb\"c", "\u{2028}"])
  func stringsComeBack(_ text: String) throws {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key(text)
    writer.string(text)
    writer.endObject()
    let pair = try #require(Array(JSONDocument(parsing: writer.bytes).root.pairs).first)
    #expect(pair.key.string == text)
    #expect(pair.value.string == text)
  }

  @Test(arguments: [0, -0.0, 1, 0.1, 1e21, 1e-7, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 123456789.125, .pi])
  func doublesComeBack(_ value: Double) throws {
    var writer = JSONWriter()
    writer.double(value)
    #expect(try JSONDocument(parsing: writer.bytes).root.double == value)
  }

  @Test func whatJSONCannotSayIsNull() {
    for value in [Double.nan, .infinity, -.infinity] {
      var writer = JSONWriter()
      writer.double(value)
      #expect(String(decoding: writer.bytes, as: UTF8.self) == "null")
    }
  }

  @Test func integersOfAllSizes() {
    var writer = JSONWriter()
    writer.beginArray()
    writer.int(Int64.min)
    writer.int(UInt64.max)
    writer.int(UInt8(3))
    writer.endArray()
    #expect(String(decoding: writer.bytes, as: UTF8.self) == "[-9223372036854775808,18446744073709551615,3]")
  }
}
