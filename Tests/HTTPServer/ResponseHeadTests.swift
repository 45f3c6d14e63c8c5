import Testing

@testable import HTTPServer

@Suite struct ResponseHeadTests {
  @Test(arguments: [
    (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
    (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"), (4_102_444_800, "Fri, 01 Jan 2100 00:00:00 GMT"),
  ])
  func `a date is written as RFC 9110 says`(_ seconds: Int, _ text: String) {
    #expect(String(decoding: dateLine(seconds), as: UTF8.self) == "Date: \(text)\r\n")
  }

  @Test(arguments: [(1, "1"), (15, "f"), (16, "10"), (255, "ff"), (65_536, "10000")])
  func `a chunk's size is hexadecimal`(_ count: Int, _ text: String) {
    var out: [UInt8] = []
    appendChunkSize(&out, count)
    #expect(String(decoding: out, as: UTF8.self) == text + "\r\n")
  }

  @Test(arguments: [(200, "200 OK"), (418, "418 "), (99, "500 "), (1000, "500 ")])
  func `a status without a phrase of its own keeps its number, one that is none is an error of ours`(_ status: Int, _ text: String) {
    var out: [UInt8] = []
    appendResponseHead(to: &out, status: status, headers: [], framing: .none, persistence: .silent, common: [])
    #expect(String(decoding: out, as: UTF8.self) == "HTTP/1.1 \(text)\r\n\r\n")
  }

  @Test func `a refusal's message cannot break its JSON`() {
    let refusal = HTTPRefusal(status: 400, message: "a\"b\\c\nd")
    #expect(String(decoding: refusal.json, as: UTF8.self) == #"{"code":400,"message":"a\"b\\c d","status":400}"#)
  }
}
