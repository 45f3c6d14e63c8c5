import EventLoops
import HTTPServer
import PortsTesting
import Testing

@Suite struct ShutdownTests {
  private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
  private let started = Gate()
  private let release = Gate()

  /// Answers with the path; `/slow` only once it is released.
  private func slowServer() throws -> TestServer {
    try TestServer { [started, release] request, response in
      if request.path == "/slow" {
        started.open()
        await release.wait()
      }
      response.send(status: 200, headers: [("Path", request.path)])
    }
  }

  @Test func `shutting down lets a running request finish and closes idle connections`() async throws {
    let server = try slowServer()
    let idle = try server.client()
    #expect(try await idle.exchange(get).status == 200)
    let busy = try server.client()
    await busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    await started.wait()
    async let over: Void = server.server.shutdown(graceMilliseconds: 3_600_000)
    #expect(try await idle.readToEnd() == "")
    await idle.close()
    #expect(throws: RawClient.Closed.self) { try RawClient(port: server.port) }
    release.open()
    let answer = try await busy.readAnswer()
    #expect(answer.header("Connection") == "close")
    #expect(try await busy.readToEnd() == "")
    await busy.close()
    await over
  }

  @Test(.timeLimit(.minutes(1))) func `a connection that we close is read for a while, and then no more`() async throws {
    var options = HTTPServerOptions.patient
    options.lingerMilliseconds = 20
    let server = try TestServer(options: options)
    let client = try server.client()
    #expect(try await client.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").status == 200)
    #expect(try await client.readToEnd() == "")
    // The client goes on sending, and has its own side open: what arrives at a closed socket is refused.
    while await client.send([0x41]) == 1 { await Task.yield() }
    await client.close()
  }

  @Test func `a server that leaves serves on, and closes each connection behind what the client had sent`() async throws {
    let server = try slowServer()
    let known = try server.client()
    let early = try await known.exchange(get)
    #expect(early.header("Connection") == nil)
    let pipelining = try server.client()
    await pipelining.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /behind HTTP/1.1\r\nHost: a\r\n\r\n")
    await started.wait()
    server.server.leave()
    for client in [known, try server.client()] {
      let answer = try await client.exchange(get)
      #expect(answer.status == 200)
      #expect(answer.header("Connection") == "close")
      #expect(try await client.readToEnd() == "")
      await client.close()
    }
    release.open()
    let slow = try await pipelining.readAnswer()
    #expect(slow.header("Connection") == nil)
    let behind = try await pipelining.readAnswer()
    #expect(behind.header("Path") == "/behind")
    #expect(behind.header("Connection") == "close")
    #expect(try await pipelining.readToEnd() == "")
    await pipelining.close()
    await server.server.shutdown(graceMilliseconds: 3_600_000)
  }

  @Test func `what is not done after the grace is cut`() async throws {
    let gone = Gate()
    let server = try TestServer { _, response in
      let stream = response.stream(status: 200)
      stream.onClose { gone.open() }
      started.open()
      await gone.wait()
    }
    let client = try server.client()
    await client.send(get)
    await started.wait()
    await server.server.shutdown(graceMilliseconds: 10)
    await gone.wait()
    _ = try await client.readToEnd()
  }

  @Test func `a server without connections is shut down at once`() async throws {
    let server = try TestServer(loops: 2)
    await server.server.shutdown(graceMilliseconds: 3_600_000)
    #expect(throws: RawClient.Closed.self) { try RawClient(port: server.port) }
  }

  @Test func `stopping the loops under a busy server is safe`() async throws {
    let server = try TestServer { request, response in
      started.open()
      _ = try? await request.body.collect(upTo: 100)
      response.send(status: 200)
    }
    let client = try server.client()
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
    await started.wait()
    server.group.stop()
    _ = try await client.readToEnd()
  }
}
