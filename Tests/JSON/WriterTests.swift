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

  @Test func `what needs an escape is found at every place of a text`() {
    // Given texts that are looked at in words of eight bytes and what is left, with one byte that is special, or next to one that is
    for length in 0...18 {
      for place in 0..<max(1, length) {
        for special: UInt8 in [0, 1, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x5b, 0x5c, 0x5d, 0x7f] {
          var bytes = [UInt8](repeating: UInt8(ascii: "~"), count: length)
          if length > 0 { bytes[place] = special }
          let text = String(decoding: bytes, as: UTF8.self)
          // When one is written
          var writer = JSONWriter()
          writer.string(text)
          // Then it is longer just where an escape belongs, and the same when read
          let isEscaped = bytes.contains { $0 < 0x20 || $0 == 0x22 || $0 == 0x5c }
          #expect((writer.bytes.count > length + 2) == isEscaped, "\(bytes)")
          #expect(JSONDocument.read(writer.bytes).root.string == text, "\(bytes)")
        }
      }
    }
  }

  @Test func `a plain text stands as it was put there, and an escaped one can be put there`() {
    var writer = JSONWriter()
    writer.beginArray()
    writer.plain { $0 += "abc".utf8 }
    writer.plain { $0 += JSONWriter.escaped("a\"\\b") }
    writer.endArray()
    #expect(String(decoding: writer.bytes, as: UTF8.self) == #"["abc","a\"\\b"]"#)
  }
}
