import HTTPServer
import Testing

@Suite struct FieldsTests {
  private func server() throws -> TestServer {
    var options = HTTPServerOptions.patient
    options.fields = [("X-Every", "a\r\nEvil: 1"), ("Date", "never"), ("Content-Length", "7")]
    return try TestServer(options: options) { request, response in
      switch request.path {
      case "/empty": response.send(status: 204)
      case "/stream":
        let stream = response.stream(status: 200)
        stream.write(Array("abc".utf8))
        stream.finish()
      case "/nothing": break
      default: response.send(status: 200, headers: [("X-Own", "b")], body: Array("abc".utf8))
      }
    }
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200), ("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200), ("GET / HTTP/1.0\r\n\r\n", 200),
    ("GET /empty HTTP/1.1\r\nHost: a\r\n\r\n", 204), ("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ("GET /stream HTTP/1.0\r\n\r\n", 200), ("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 500), ("GET\r\n\r\n", 400),
  ])
  func `every answer has the server's fields, once`(_ request: String, _ status: Int) async throws {
    // Given a server with fields of its own, some of which are not its owner's to say
    let server = try server()
    // When it answers
    let client = try server.client()
    await client.send(request)
    let answer = try await client.readAnswer(toHead: request.hasPrefix("HEAD"))
    // Then they are there, and harmless
    #expect(answer.status == status)
    let lines = answer.head.split(separator: "\r\n").dropFirst().map { $0.lowercased() }
    #expect(lines.filter { $0.hasPrefix("x-every:") } == ["x-every: a  evil: 1"])
    #expect(lines.filter { $0.hasPrefix("date:") }.count == 1)
    #expect(!lines.contains("date: never") && !lines.contains("content-length: 7"))
  }
}
