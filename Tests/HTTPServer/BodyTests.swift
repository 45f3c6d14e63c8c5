import HTTPServer
import PortsTesting
import Testing

@Suite struct BodyTests {
  @Test func `a client that expects it is told to continue when the body is asked for`() async throws {
    let server = try TestServer()
    let client = try server.client()
    await client.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    #expect(try await client.readAnswer().status == 100)
    await client.send("abc")
    #expect(try await client.readAnswer().body == "POST /a - abc")
    #expect(try await client.exchange("GET /b HTTP/1.1\r\nHost: a\r\n\r\n").body == "GET /b - ")
  }

  @Test func `a client that expects it and is not asked gets only the answer, and the connection ends`() async throws {
    let server = try TestServer { _, response in response.send(status: 403) }
    let client = try server.client()
    await client.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    let answer = try await client.readAnswer()
    #expect(answer.status == 403)
    #expect(answer.header("Connection") == "close")
    #expect(try await client.readToEnd() == "")
  }

  @Test func `a body announced too large is refused with 413 without being read`() async throws {
    let server = try TestServer()
    let client = try server.client()
    await client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
    let answer = try await client.readAnswer()
    #expect(answer.status == 413)
    #expect(answer.header("Connection") == "close")
    #expect(try await client.readToEnd() == "")
  }

  @Test func `a client that sends a body too large before it reads still gets its 413`() async throws {
    let server = try TestServer()
    let client = try server.client()
    await client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
    await client.send([UInt8](repeating: 0x61, count: 3_000_000))
    #expect(try await client.readAnswer().status == 413)
  }

  @Test func `a chunked body that grows too large is refused`() async throws {
    let server = try TestServer()
    let client = try server.client()
    await client.send("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in 0..<11 {
      await client.send("186A0\r\n")
      await client.send([UInt8](repeating: 0x61, count: 100_000))
      await client.send("\r\n")
    }
    #expect(try await client.readAnswer().status == 413)
  }

  @Test func `a small body nobody read is dropped and the connection kept`() async throws {
    let server = try TestServer { request, response in response.send(status: 200, body: Array(request.path.utf8)) }
    let client = try server.client()
    await client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n")
    #expect(try await client.readAnswer().body == "/a")
    await client.send([UInt8](repeating: 0x61, count: 50_000))
    await client.send("POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    #expect(try await client.readAnswer().body == "/b")
    await client.send("3\r\nabc\r\n0\r\n\r\nGET /c HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try await client.readAnswer().body == "/c")
  }

  @Test func `a chunked body nobody read is dropped up to a limit, then the connection ends`() async throws {
    let server = try TestServer { _, response in response.send(status: 200) }
    let client = try server.client()
    await client.send("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    #expect(try await client.readAnswer().status == 200)
    await client.send("186A0\r\n")
    await client.send([UInt8](repeating: 0x61, count: 100_000))
    #expect(try await client.readToEnd() == "")
  }

  @Test func `a handler that does not read slows the client down, and loses nothing`() async throws {
    let gate = Gate()
    let server = try TestServer { request, response in
      await gate.wait()
      var count = 0
      var isIntact = true
      while let part = try? await request.body.next() {
        for byte in part {
          isIntact = isIntact && byte == UInt8(truncatingIfNeeded: count)
          count += 1
        }
      }
      response.send(status: isIntact ? 200 : 500, body: Array("\(count)".utf8))
    }
    let client = try server.client()
    let total = 24_000_000
    let part = (0..<256_000).map { UInt8(truncatingIfNeeded: $0) }
    await client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: \(total)\r\n\r\n")
    await client.sendLimit(milliseconds: 300)
    var sent = await client.sendPattern(part, total: total, from: 0)
    #expect(sent < total)
    gate.open()
    await client.sendLimit(milliseconds: 20_000)
    sent += await client.sendPattern(part, total: total, from: sent)
    #expect(sent == total)
    let answer = try await client.readAnswer()
    #expect(answer.status == 200)
    #expect(answer.body == "\(total)")
  }

  @Test func `the parts of a body can be read as they come`() async throws {
    let gate = Gate()
    let server = try TestServer { request, response in
      let first = try? await request.body.next()
      gate.open()
      let second = try? await request.body.next()
      let end = try? await request.body.next()
      let isEnd = end == .some(nil)
      response.send(status: isEnd ? 200 : 500, body: (first ?? []).map { $0 } + (second ?? []))
    }
    let client = try server.client()
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
    await gate.wait()
    await client.send("def")
    #expect(try await client.readAnswer().body == "abcdef")
  }

  @Test func `a client that goes away within the body fails it`() async throws {
    let gate = Gate()
    let server = try TestServer { request, response in
      do { _ = try await request.body.collect(upTo: 100) } catch HTTPBodyError.closed { gate.open() } catch {}
    }
    let client = try server.client()
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
    await client.close()
    await gate.wait()
  }

  @Test func `a body that stalls fails, and the connection ends after the answer`() async throws {
    var options = HTTPServerOptions()
    options.bodyStallMilliseconds = 20
    let server = try TestServer(options: options)
    let client = try server.client()
    let answer = try await client.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
    #expect(answer.status == 408)
    #expect(answer.header("Connection") == "close")
    #expect(try await client.readToEnd() == "")
  }

  @Test func `a second reader is refused`() async throws {
    let server = try TestServer { request, response in
      async let one = try? request.body.collect(upTo: 100)
      async let two = try? request.body.collect(upTo: 100)
      let both = await [one, two]
      response.send(status: both.compactMap { $0 }.count >= 1 ? 200 : 500)
    }
    let client = try server.client()
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
    await client.send("abc")
    #expect(try await client.readAnswer().status == 200)
  }
}

extension RawClient {
  /// Sends bytes of a repeating pattern until `total`, or until the peer takes no more; returns how many were taken.
  func sendPattern(_ part: [UInt8], total: Int, from start: Int) -> Int {
    var sent = 0
    while start + sent < total {
      let begin = (start + sent) % 256
      let piece = Array(part[begin..<min(part.count, begin + total - start - sent)])
      let count = send(piece)
      sent += count
      if count < piece.count { break }
    }
    return sent
  }
}
