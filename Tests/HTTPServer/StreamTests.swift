import EventLoops
import HTTPServer
import PortsTesting
import Synchronization
import Testing

@Suite struct StreamTests {
  private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

  @Test func `an answer may come in chunks, and the connection goes on`() async throws {
    let server = try TestServer { _, response in
      let stream = response.stream(status: 200, headers: [("Content-Type", "text/plain")])
      stream.write(Array("abc".utf8))
      stream.write([])
      stream.write([UInt8](repeating: 0x64, count: 300))
      stream.finish()
      stream.write([0x65])
    }
    let client = try server.client()
    for _ in 0..<2 {
      let answer = try await client.exchange(get)
      #expect(answer.header("Transfer-Encoding") == "chunked")
      #expect(answer.header("Content-Length") == nil)
      #expect(answer.body == "abc" + String(repeating: "d", count: 300))
    }
  }

  @Test func `a stream may go on after its handler has returned, from any thread`() async throws {
    let elsewhere = try EventLoop.spawn(name: "elsewhere")
    defer { elsewhere.stop() }
    let server = try TestServer { _, response in
      let stream = response.stream(status: 200)
      elsewhere.post {
        for number in 0..<100 { stream.write(Array("\(number),".utf8)) }
        stream.finish()
      }
    }
    #expect(try await server.client().exchange(get).body == (0..<100).map { "\($0)," }.joined())
  }

  @Test func `an HTTP 1 0 client gets a stream that ends with its connection`() async throws {
    let server = try TestServer { _, response in
      let stream = response.stream(status: 200)
      stream.write(Array("abc".utf8))
      stream.finish()
    }
    let answer = try await server.client().exchange("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    #expect(answer.header("Transfer-Encoding") == nil)
    #expect(answer.header("Connection") == "close")
    #expect(answer.body == "abc")
  }

  @Test func `a stream to HEAD has no body`() async throws {
    let server = try TestServer { request, response in
      let stream = response.stream(status: 200)
      stream.write(Array(request.path.utf8))
      stream.finish()
    }
    let client = try server.client()
    await client.send("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try await client.readAnswer(toHead: true).status == 200)
    #expect(try await client.readAnswer().body == "/b")
  }

  @Test func `a client that disappears is noticed, even while nothing is written, once`() async throws {
    let gone = Gate()
    let calls = Counter()
    let server = try TestServer { _, response in
      let stream = response.stream(status: 200)
      stream.onClose {
        calls.add()
        let isClosed = stream.isClosed
        if isClosed { gone.open() }
      }
      await gone.wait()
      stream.write([0x61])
      stream.onClose { calls.add() }
    }
    let client = try server.client()
    await client.send(get)
    #expect(try await client.readHead().status == 200)
    await client.close()
    await gone.wait()
    await server.server.shutdown(graceMilliseconds: 10_000)
    server.group.stop()
    #expect(calls.value >= 1)
  }

  @Test func `finishing does not count as going away`() async throws {
    let calls = Counter()
    let server = try TestServer { _, response in
      let stream = response.stream(status: 200)
      stream.onClose { calls.add() }
      stream.finish()
    }
    let client = try server.client()
    _ = try await client.exchange(get)
    await client.close()
    server.group.stop()
    #expect(calls.value == 0)
  }

  @Test func `a stream that is dropped ends its connection without the last chunk`() async throws {
    let server = try TestServer { _, response in response.stream(status: 200).write([0x61]) }
    let client = try server.client()
    await client.send(get)
    _ = try await client.readHead()
    #expect(try await client.readToEnd() == "1\r\na\r\n")
  }

  @Test func `a writer sees its queue grow and can wait until the client has read`() async throws {
    let full = Gate()
    let server = try TestServer { _, response in
      let stream = response.stream(status: 200)
      var count = 0
      while stream.write([UInt8](repeating: 0x61, count: 100_000)) < 1_000_000 { count += 1 }
      full.open()
      await stream.drained()
      stream.write(stream.queuedBytes <= 65_536 ? Array("\(count + 1)".utf8) : [])
      stream.finish()
    }
    let client = try server.client()
    await client.send(get)
    await full.wait()
    let body = try await client.readAnswer().body
    let letters = body.prefix { $0 == "a" }.count
    #expect(body.dropFirst(letters) == "\(letters / 100_000)")
  }

  @Test func `waiting for a client that disappears ends`() async throws {
    let full = Gate()
    let over = Gate()
    let server = try TestServer { _, response in
      let stream = response.stream(status: 200)
      while stream.write([UInt8](repeating: 0x61, count: 100_000)) < 1_000_000 {}
      full.open()
      await stream.drained()
      if stream.isClosed { over.open() }
    }
    let client = try server.client()
    await client.send(get)
    await full.wait()
    await client.close()
    await over.wait()
  }

  @Test func `a client that does not take its answer is cut after the idle time`() async throws {
    var options = HTTPServerOptions()
    options.idleMilliseconds = 40
    let over = Gate()
    let server = try TestServer(options: options) { _, response in
      let stream = response.stream(status: 200)
      while stream.write([UInt8](repeating: 0x61, count: 100_000)) < 1_000_000 {}
      await stream.drained()
      if stream.isClosed { over.open() }
    }
    let client = try server.client()
    await client.send(get)
    await over.wait()
    await client.close()
  }

  @Test func `a client that pipelines without reading its answers is not read from`() async throws {
    let server = try TestServer { _, response in response.send(status: 200, body: [UInt8](repeating: 0x61, count: 100_000)) }
    let client = try server.client()
    await client.sendLimit(milliseconds: 300)
    let requests = Array(String(repeating: get, count: 10_000).utf8)
    var sent = 0
    while sent < 40 * requests.count {
      let count = await client.send(requests)
      sent += count
      if count < requests.count { break }
    }
    #expect(sent < 40 * requests.count)
    for _ in 0..<100 { #expect(try await client.readAnswer().body.utf8.count == 100_000) }
  }
}

final class Counter: Sendable {
  private let count = Mutex(0)
  func add() { count.withLock { $0 += 1 } }
  var value: Int { count.withLock { $0 } }
}
