/// Hostile and odd requests, each sent to a fresh connection.
struct OddRequest: Sendable, CustomStringConvertible {
  enum Verdict: Sendable {
    case served
    case refused
  }
  let description: String
  let verdict: Verdict
  /// Latin-1: each scalar is one byte.
  let text: String

  init(_ description: String, _ verdict: Verdict, _ text: String) {
    self.description = description
    self.verdict = verdict
    self.text = text
  }

  static let post = "POST / HTTP/1.1\r\nHost: a\r\n"
  static let chunked = post + "Transfer-Encoding: chunked\r\n\r\n"

  static let all: [OddRequest] = [
    OddRequest("plain", .served, post + "Content-Length: 3\r\n\r\nabc"),
    OddRequest("chunked", .served, chunked + "3\r\nabc\r\n0\r\n\r\n"),
    OddRequest("chunk ext", .served, chunked + "3;a=b\r\nabc\r\n0\r\n\r\n"),
    OddRequest("trailers", .served, chunked + "3\r\nabc\r\n0\r\nX: y\r\n\r\n"),
    OddRequest("two trailers", .served, chunked + "3\r\nabc\r\n0\r\nX: y\r\nZ: a\r\n\r\n"),
    OddRequest("folded trailer", .refused, chunked + "3\r\nabc\r\n0\r\nX: y\r\n z\r\n\r\n"),
    OddRequest("trailer begins with space", .refused, chunked + "3\r\nabc\r\n0\r\n X: y\r\n\r\n"),
    OddRequest("LF for the last line", .refused, chunked + "3\r\nabc\r\n0\r\n\n"),
    OddRequest("LF behind an extension", .refused, chunked + "3\r\nabc\r\n0;a\r\n\n"),
    OddRequest("LF behind a trailer", .refused, chunked + "3\r\nabc\r\n0\r\nX: y\r\n\n"),
    OddRequest("Host of an address", .served, "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n"),
    OddRequest("Host empty", .served, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    OddRequest("Host port", .refused, "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n"),
    OddRequest("Host's last port", .served, "GET / HTTP/1.1\r\nHost: a:65535\r\n\r\n"),
    OddRequest("Host port behind the last", .refused, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
    OddRequest("Host bracket", .refused, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    OddRequest("TE+CL", .refused, post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    OddRequest("CL+TE order", .refused, post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    OddRequest("two CL differ", .refused, post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    OddRequest("two CL same", .refused, post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    OddRequest("CL list", .refused, post + "Content-Length: 3, 3\r\n\r\nabc"),
    OddRequest("CL +3", .refused, post + "Content-Length: +3\r\n\r\nabc"),
    OddRequest("CL -3", .refused, post + "Content-Length: -3\r\n\r\nabc"),
    OddRequest("CL 0x3", .refused, post + "Content-Length: 0x3\r\n\r\nabc"),
    OddRequest("CL '3 3'", .refused, post + "Content-Length: 3 3\r\n\r\nabc"),
    OddRequest("CL overflow", .refused, post + "Content-Length: 18446744073709551619\r\n\r\nabc"),
    OddRequest("CL empty", .refused, post + "Content-Length: \r\n\r\nabc"),
    OddRequest("TE space colon", .refused, post + "Transfer-Encoding : chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    OddRequest("TE xchunked", .refused, post + "Transfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    OddRequest("TE chunked,identity", .refused, post + "Transfer-Encoding: chunked, identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    OddRequest("TE identity", .refused, post + "Transfer-Encoding: identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    OddRequest("TE twice", .refused, post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    OddRequest("TE folded", .refused, post + "Transfer-Encoding:\r\n chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    OddRequest("TE vtab", .refused, post + "Transfer-Encoding: \u{B}chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    OddRequest("TE 'chunked\\t '", .refused, post + "Transfer-Encoding: chunked \t\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    OddRequest("TE in 1.0", .refused, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    OddRequest("bare LF", .refused, "POST / HTTP/1.1\nHost: a\nContent-Length: 3\n\nabc"),
    OddRequest("bare LF header", .refused, post + "X: a\nContent-Length: 3\r\n\r\nabc"),
    OddRequest("bare CR header", .refused, post + "X: a\rContent-Length: 3\r\n\r\nabc"),
    OddRequest("empty hdr CR (CVE-2023-30589)", .refused, post + "X-A:\rTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    OddRequest("obs-fold", .refused, post + "X: a\r\n b\r\nContent-Length: 3\r\n\r\nabc"),
    OddRequest("NUL in value", .refused, post + "X: a\u{0}b\r\nContent-Length: 3\r\n\r\nabc"),
    OddRequest("NUL in name", .refused, post + "X\u{0}: a\r\nContent-Length: 3\r\n\r\nabc"),
    OddRequest("space in name", .refused, post + "X y: a\r\nContent-Length: 3\r\n\r\nabc"),
    OddRequest("no colon", .refused, post + "Xy\r\nContent-Length: 3\r\n\r\nabc"),
    OddRequest("empty name", .refused, post + ": a\r\nContent-Length: 3\r\n\r\nabc"),
    OddRequest("first header space", .refused, "POST / HTTP/1.1\r\n Host: a\r\nContent-Length: 3\r\n\r\nabc"),
    OddRequest("chunk size 0x", .refused, chunked + "0x3\r\nabc\r\n0\r\n\r\n"),
    OddRequest("chunk size +", .refused, chunked + "+3\r\nabc\r\n0\r\n\r\n"),
    OddRequest("chunk size space", .refused, chunked + "3 \r\nabc\r\n0\r\n\r\n"),
    OddRequest("chunk size overflow", .refused, chunked + "10000000000000003\r\nabc\r\n0\r\n\r\n"),
    OddRequest("chunk bare LF", .refused, chunked + "3\nabc\r\n0\r\n\r\n"),
    OddRequest("chunk data no CRLF", .refused, chunked + "3\r\nabcX0\r\n\r\n"),
    OddRequest("chunk ext LF", .refused, chunked + "3;\nabc\r\n0\r\n\r\n"),
    OddRequest("chunk ext CR", .refused, chunked + "3;a\rb\r\nabc\r\n0\r\n\r\n"),
    OddRequest("last chunk 00", .served, chunked + "3\r\nabc\r\n000\r\n\r\n"),
    OddRequest("HTTP/1.9", .refused, "GET / HTTP/1.9\r\nHost: a\r\n\r\n"),
    OddRequest("HTTP/2.0", .refused, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    OddRequest("http/1.1 lower", .refused, "GET / http/1.1\r\nHost: a\r\n\r\n"),
    OddRequest("HTTP/01.1", .refused, "GET / HTTP/01.1\r\nHost: a\r\n\r\n"),
    OddRequest("0.9", .refused, "GET /\r\n\r\n"),
    OddRequest("two spaces", .refused, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    OddRequest("tab sep", .refused, "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n"),
    OddRequest("space in target", .refused, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    OddRequest("ctl in target", .refused, "GET /a\u{1} HTTP/1.1\r\nHost: a\r\n\r\n"),
    OddRequest("hi byte in target", .refused, "GET /\u{E9} HTTP/1.1\r\nHost: a\r\n\r\n"),
    OddRequest("method lower", .refused, "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
    OddRequest("method unknown", .refused, "FOO / HTTP/1.1\r\nHost: a\r\n\r\n"),
    OddRequest("method NUL", .refused, "G\u{0}ET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    OddRequest("no host", .refused, "GET / HTTP/1.1\r\n\r\n"),
    OddRequest("two hosts", .refused, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    OddRequest("leading CRLF", .served, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    OddRequest("trailer with CL", .refused, chunked + "3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n"),
    OddRequest("header DEL", .refused, post + "X: a\u{7F}\r\nContent-Length: 3\r\n\r\nabc"),
    OddRequest("GET with body CL", .served, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
    OddRequest("utf8 value", .served, post + "X: \u{C3}\u{A9}\r\nContent-Length: 3\r\n\r\nabc"),
    OddRequest(
      "Connection upgrade h2c", .served,
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n\r\n"),
  ]
}
