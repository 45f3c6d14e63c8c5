import Resources
import Testing

@Suite struct IdentifierTests {
  private static let some: [Identifier] = [
    .none, Identifier(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210), Identifier(high: .max, low: .max),
    Identifier(high: 0x0909_9090_a0a0_0a0a, low: 0x9a9a_a9a9_0f0f_f0f0), Identifier(high: 0, low: 1),
  ]

  @Test func `hexadecimal digits say what the number is`() {
    #expect(Identifier(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210).hex == "0123456789abcdeffedcba9876543210")
    for id in IdentifierTests.some {
      func padded(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
      }
      #expect(id.hex == padded(id.high) + padded(id.low))
    }
  }

  @Test(arguments: SIDKind.allCases) func `a text form is the same written into a string and into bytes, and reads back`(_ kind: SIDKind) {
    for id in IdentifierTests.some {
      let text = kind.text(id)
      var bytes = Array("x".utf8)
      kind.append(id, to: &bytes)
      #expect(text == kind.rawValue + id.hex)
      #expect(bytes == Array(("x" + text).utf8))
      #expect(kind.parse(text) == id)
      #expect(kind.parse(bytes: bytes[1...]) == id)
      #expect(kind.parse(Substring("…" + text).dropFirst()) == id)
      #expect(kind.parse(String(text.prefix(2)) + text.dropFirst(2).uppercased()) == id)
    }
  }

  @Test(arguments: [
    "", "WT", "wt0123456789abcdef0123456789abcdef", "WT0123456789abcdef0123456789abcde", "WT0123456789abcdef0123456789abcdef0",
  ])
  func `what is no text form is refused`(_ text: String) {
    #expect(SIDKind.task.parse(text) == nil)
  }

  @Test func `letters of another kind and wrong digits are refused`() {
    #expect(SIDKind.task.parse("WK0123456789abcdef0123456789abcdef") == nil)
    #expect(SIDKind.task.parse("WT0123456789abcdef0123456789abcdeg") == nil)
    #expect(SIDKind.task.parse("WT0123456789abcdef0123456789abcdé") == nil)
  }
}
