import EventLoops
import HTTPServer
import Synchronization
import Testing

@Suite struct RequestTests {
  @Test func `a connection serves one request after the other`() async throws {
    let server = try TestServer()
    let client = try server.client()
    for number in 0..<5 {
      let answer = try await client.exchange("POST /a/\(number)?q=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
      #expect(answer.status == 200)
      #expect(answer.body == "POST /a/\(number) q=1 abc")
      #expect(answer.header("Connection") == nil)
      #expect(answer.header("Date")?.hasSuffix("GMT") == true)
    }
  }

  @Test func `pipelined requests are answered in order, one at a time`() async throws {
    let loop = try EventLoop.spawn(name: "elsewhere")
    let shared = Concurrency()
    let server = try TestServer { request, response in
      shared.enter()
      try? await loop.sleep(milliseconds: request.path == "/0" ? 20 : 0)
      shared.leave()
      response.send(status: 200, body: Array(request.path.utf8))
    }
    let client = try server.client()
    await client.send((0..<20).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
    for number in 0..<20 { #expect(try await client.readAnswer().body == "/\(number)") }
    #expect(shared.most == 1)
    loop.stop()
  }

  @Test func `a request may come byte by byte`() async throws {
    let server = try TestServer()
    let client = try server.client()
    let request = "\r\nPOST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n"
    for byte in request.utf8 { await client.send([byte]) }
    #expect(try await client.readAnswer().body == "POST /slow - abcde")
    #expect(try await client.exchange("GET /next HTTP/1.1\r\nHost: a\r\n\r\n").body == "GET /next - ")
  }

  @Test func `header names are found whatever their case, values come in order`() async throws {
    let server = try TestServer { request, response in
      let text =
        "\(request.headers.first("x-one") ?? "-")|\(request.headers.all("X-TWO").joined(separator: ","))|\(request.headers.first("x-none") ?? "-")"
      response.send(status: 200, body: Array("\(text)|\(request.headers.list.count)|\(request.remoteAddress)".utf8))
    }
    let answer = try await server.client().exchange("GET / HTTP/1.1\r\nHost: a\r\nX-One:  1 \r\nx-two: 2\r\nX-Empty:\r\nX-Two: 3\r\n\r\n")
    #expect(answer.body == "1|2,3|-|5|127.0.0.1")
  }

  @Test func `the target may be absolute`() async throws {
    let server = try TestServer()
    #expect(try await server.client().exchange("GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n").body == "GET /b c ")
  }

  @Test func `HEAD has the length and not the body`() async throws {
    let server = try TestServer()
    let client = try server.client()
    await client.send("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
    let head = try await client.readAnswer(toHead: true)
    #expect(head.header("Content-Length") == "10")
    #expect(try await client.readAnswer().body == "GET /b - ")
  }

  @Test func `Connection close ends the connection after the answer`() async throws {
    let server = try TestServer()
    let client = try server.client()
    await client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    let text = try await client.readToEnd()
    #expect(text.contains("Connection: close\r\n"))
    #expect(text.hasSuffix("GET / - "))
  }

  @Test func `HTTP 1 0 closes unless it asks to keep the connection`() async throws {
    let server = try TestServer()
    let first = try server.client()
    await first.send("GET /a HTTP/1.0\r\n\r\n")
    #expect(try await first.readToEnd().contains("Connection: close\r\n"))
    let second = try server.client()
    let kept = try await second.exchange("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    #expect(kept.header("Connection") == "keep-alive")
    #expect(try await second.exchange("GET /b HTTP/1.0\r\n\r\n").body == "GET /b - ")
  }

  @Test func `a client that ends its side still gets its answers`() async throws {
    let server = try TestServer()
    let client = try server.client()
    await client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
    await client.endOutput()
    let text = try await client.readToEnd()
    #expect(text.contains("GET /a - "))
    #expect(text.hasSuffix("GET /b - "))
  }

  @Test func `a handler that does not answer is answered for with 500`() async throws {
    let server = try TestServer { _, _ in }
    let client = try server.client()
    let answer = try await client.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(answer.status == 500)
    #expect(answer.body == #"{"code":500,"message":"The server has no answer to this request.","status":500}"#)
    #expect(try await client.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 500)
  }

  @Test func `a second answer is ignored and a line end cannot smuggle a header`() async throws {
    let server = try TestServer { _, response in
      response.send(status: 200, headers: [("X", "a\r\nEvil: 1"), ("Content-Length", "99")], body: [0x61])
      response.send(status: 500, body: [0x62])
    }
    let answer = try await server.client().exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(answer.header("X") == "a  Evil: 1")
    #expect(answer.header("Evil") == nil)
    #expect(answer.body == "a")
  }

  @Test func `handlers run on the server's loops, and stay there across a suspension`() async throws {
    let known = Loops()
    let server = try TestServer(loops: 2) { _, response in
      let before = known.isCurrent
      await Task.yield()
      response.send(status: before && known.isCurrent ? 200 : 500)
    }
    known.set(server.group.loops)
    for _ in 0..<8 { #expect(try await server.client().exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200) }
  }

  @Test func `an answer may come from any thread`() async throws {
    let elsewhere = try EventLoop.spawn(name: "elsewhere")
    defer { elsewhere.stop() }
    let server = try TestServer { _, response in
      await withCheckedContinuation { done in
        elsewhere.post {
          response.send(status: 202, body: [0x61])
          done.resume()
        }
      }
    }
    #expect(try await server.client().exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 202)
  }

  @Test func `a port that is taken says so`() async throws {
    let server = try TestServer()
    let other = HTTPServer(group: server.group, host: "127.0.0.1", port: server.port, handler: ClosureHandler(body: echo))
    let error = #expect(throws: EventLoopError.self) { try other.start() }
    #expect(error?.isAddressInUse == true)
    #expect(error?.description == "listen on 127.0.0.1:\(server.port): address in use")
  }
}

private final class Concurrency: Sendable {
  private let counts = Mutex((running: 0, most: 0))
  func enter() {
    counts.withLock {
      $0.running += 1
      $0.most = max($0.most, $0.running)
    }
  }
  func leave() { counts.withLock { $0.running -= 1 } }
  var most: Int { counts.withLock { $0.most } }
}

private final class Loops: Sendable {
  private let loops = Mutex<[EventLoop]>([])
  func set(_ new: [EventLoop]) { loops.withLock { $0 = new } }
  var isCurrent: Bool { loops.withLock { $0.contains { $0.isCurrent } } }
}
