import HTTPServer
import Testing

@Suite struct RefusalTests {
  @Test(arguments: OddRequest.all)
  func `an odd request is served or refused with one error and the end of the connection`(_ request: OddRequest) async throws {
    let server = try TestServer()
    let client = try server.client()
    await client.send(request.text)
    switch request.verdict {
    case .served: #expect(try await client.readAnswer().status == 200)
    case .refused:
      let answer = try await client.readAnswer()
      #expect([400, 501, 505].contains(answer.status), "\(answer)")
      #expect(answer.header("Connection") == "close")
      #expect(answer.body.hasPrefix(#"{"code":\#(answer.status),"message":""#))
      #expect(try await client.readToEnd() == "")
    }
  }

  @Test(arguments: OddRequest.all)
  func `the verdict does not depend on how the bytes are cut`(_ request: OddRequest) async throws {
    let server = try TestServer()
    let client = try server.client()
    for scalar in request.text.unicodeScalars { await client.send([UInt8(scalar.value)]) }
    let answer = try await client.readAnswer()
    #expect((answer.status == 200) == (request.verdict == .served), "\(answer)")
  }

  @Test(arguments: [
    ("FOO / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    ("POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n", 417),
    ("\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("\u{16}\u{3}\u{1}\u{2}\u{0}", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400),
    (OddRequest.chunked + "3;" + String(repeating: "a", count: 20_000), 413),
  ])
  func `a refusal has its own status`(_ text: String, _ status: Int) async throws {
    let server = try TestServer()
    #expect(try await server.client().exchange(text).status == status)
  }

  @Test func `the owner chooses the body of refusals`() async throws {
    var options = HTTPServerOptions()
    options.errorBody = { Array(#"{"code":20001,"status":\#($0.status)}"#.utf8) }
    let server = try TestServer(options: options)
    #expect(try await server.client().exchange("GET\r\n\r\n").body == #"{"code":20001,"status":400}"#)
  }

  @Test func `a header that is too large is refused with 431, however it comes`() async throws {
    var options = HTTPServerOptions()
    options.headerBytes = 1024
    options.headerFields = 10
    let server = try TestServer(options: options)
    let start = "GET / HTTP/1.1\r\nHost: a\r\n"
    #expect(try await server.client().exchange(start + "X: " + String(repeating: "a", count: 2000)).status == 431)
    #expect(try await server.client().exchange("GET /" + String(repeating: "a", count: 2000)).status == 414)
    #expect(try await server.client().exchange(start + String(repeating: "X: a\r\n", count: 10) + "\r\n").status == 431)
    #expect(try await server.client().exchange(start + String(repeating: "X: a\r\n", count: 9) + "\r\n").status == 200)
    #expect(try await server.client().exchange(start + "X: " + String(repeating: "a", count: 900) + "\r\n\r\n").status == 200)
  }

  @Test func `a trailer that is too large is refused`() async throws {
    let server = try TestServer()
    let client = try server.client()
    await client.send(OddRequest.chunked + "3\r\nabc\r\n0\r\n" + String(repeating: "X: aaaaaaaaaaaaaaaa\r\n", count: 1000))
    #expect(try await client.readAnswer().status == 431)
  }

  @Test func `a header that is too slow is refused with 408`() async throws {
    var options = HTTPServerOptions()
    options.headerMilliseconds = 20
    let server = try TestServer(options: options)
    let client = try server.client()
    let answer = try await client.exchange("GET / HTTP/1.1\r\nHos")
    #expect(answer.status == 408)
    #expect(try await client.readToEnd() == "")
  }

  @Test func `an idle connection is closed without a word`() async throws {
    var options = HTTPServerOptions()
    options.idleMilliseconds = 20
    let server = try TestServer(options: options)
    let client = try server.client()
    #expect(try await client.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200)
    #expect(try await client.readToEnd() == "")
  }

  @Test func `connections beyond the limit get 503, and room again when one ends`() async throws {
    var options = HTTPServerOptions()
    options.connections = 2
    let server = try TestServer(options: options)
    let first = try server.client()
    let second = try server.client()
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    #expect(try await first.exchange(request).status == 200)
    #expect(try await second.exchange(request).status == 200)
    let third = try server.client()
    #expect(try await third.readAnswer().status == 503)
    #expect(try await third.readToEnd() == "")
    await third.close()
    await second.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    _ = try await second.readToEnd()
    await second.close()
    // The server learns of the ends by its loop: asks until it has.
    var status = 503
    for _ in 0..<10_000 where status == 503 { status = try await server.client().exchange(request).status }
    #expect(status == 200)
  }
}
