import HTTPClient
import Synchronization
import Testing

@Suite struct ExchangeTests {
  @Test func `a GET sends the headers given, the user agent, and nothing that was not asked for`() async throws {
    let peer = try TestPeer(echo)
    let client = try TestClient()
    let request = HTTPClientRequest(url: peer.url + "/a?b=c", headers: [("X-One", "1"), ("X-None", "")])
    let response = try await client.send(request)
    #expect(response.status == 200)
    #expect(response.header("x-connection") == "1")
    #expect(response.header("X-Empty") == "")
    #expect(response.header("x-other") == nil)
    #expect(!response.isTruncated)
    #expect(response.elapsedMilliseconds >= 0)
    let host = "127.0.0.1:\(peer.port)"
    let lines = String(decoding: response.body, as: UTF8.self).split(separator: "\r\n").sorted()
    #expect(lines == ["Accept: */*", "GET /a?b=c HTTP/1.1", "Host: \(host)", "User-Agent: tests/1", "X-None:", "X-One: 1"])
  }

  @Test(arguments: ["POST", "PUT", "PATCH", "DELETE", "GET", "QUERY"])
  func `a body goes out with its length and without asking first`(method: String) async throws {
    let peer = try TestPeer(echo)
    let client = try TestClient()
    var request = HTTPClientRequest(method: method, url: peer.url, body: .bytes(Array("hello".utf8)))
    request.headers = [("Content-Type", "text/plain")]
    let text = String(decoding: try await client.send(request).body, as: UTF8.self)
    #expect(text.hasPrefix("\(method) / HTTP/1.1\r\n"))
    #expect(text.contains("\r\nContent-Length: 5\r\n"))
    #expect(text.contains("\r\nContent-Type: text/plain\r\n"))
    #expect(!text.contains("Expect") && !text.contains("Transfer-Encoding"))
    #expect(text.hasSuffix("\r\n\r\nhello"))
  }

  @Test func `a large body is sent whole and without Expect`() async throws {
    let peer = try TestPeer { connection in
      guard let request = connection.readRequest() else { return }
      connection.answer("\(request.utf8.count { $0 == UInt8(ascii: "~") }) \(request.contains("Expect"))")
    }
    let client = try TestClient()
    let body = [UInt8](repeating: UInt8(ascii: "~"), count: 3_000_000)
    let response = try await client.send(HTTPClientRequest(method: "POST", url: peer.url, body: .bytes(body)))
    #expect(String(decoding: response.body, as: UTF8.self) == "3000000 false")
  }

  @Test(arguments: [("POST", true), ("PUT", true), ("DELETE", false), ("OPTIONS", false)])
  func `a request without a body says so where one is expected`(method: String, hasLength: Bool) async throws {
    let peer = try TestPeer(echo)
    let client = try TestClient()
    let text = String(decoding: try await client.send(HTTPClientRequest(method: method, url: peer.url)).body, as: UTF8.self)
    #expect(text.hasPrefix("\(method) / HTTP/1.1\r\n"))
    #expect(text.contains("Content-Length: 0\r\n") == hasLength)
  }

  @Test func `HEAD reads no body`() async throws {
    let peer = try TestPeer { connection in
      while connection.readRequest() != nil { connection.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") }
    }
    let client = try TestClient()
    let response = try await client.send(HTTPClientRequest(method: "HEAD", url: peer.url))
    #expect(response.header("Content-Length") == "5")
    #expect(response.body.isEmpty)
  }

  @Test func `credentials go out as basic authentication from the request and from the URL`() async throws {
    let peer = try TestPeer(echo)
    let client = try TestClient()
    var request = HTTPClientRequest(url: peer.url)
    request.username = "Aladdin"
    request.password = "open sesame"
    let expected = "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    #expect(String(decoding: try await client.send(request).body, as: UTF8.self).contains(expected))
    let inURL = try await client.get("http://Aladdin:open%20sesame@127.0.0.1:\(peer.port)/")
    #expect(String(decoding: inURL.body, as: UTF8.self).contains(expected))
  }

  @Test func `redirects are answers`() async throws {
    let peer = try TestPeer { connection in
      while connection.readRequest() != nil { connection.answer("", status: "302 Found", headers: "Location: http://127.0.0.1:1/\r\n") }
    }
    let client = try TestClient()
    let response = try await client.get(peer.url)
    #expect(response.status == 302)
    #expect(response.header("location") == "http://127.0.0.1:1/")
  }

  @Test func `interim answers are skipped and chunked ones are put together`() async throws {
    let peer = try TestPeer { connection in
      while connection.readRequest() != nil {
        connection.write("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\nHTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.write("3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n")
      }
    }
    let client = try TestClient()
    let response = try await client.get(peer.url)
    #expect(response.status == 201)
    #expect(response.headers.map(\.name) == ["Transfer-Encoding"])
    #expect(response.body == Array("abcde".utf8))
  }

  @Test(arguments: [(4, true), (5, false), (0, true)])
  func `the body is cut at the limit`(limit: Int, isTruncated: Bool) async throws {
    let peer = try TestPeer { connection in
      while connection.readRequest() != nil { connection.answer("12345") }
    }
    let client = try TestClient()
    var request = HTTPClientRequest(url: peer.url)
    request.bodyLimit = limit
    let response = try await client.send(request)
    #expect(response.body == Array("12345".utf8.prefix(limit)))
    #expect(response.isTruncated == isTruncated)
  }

  @Test func `an endless body ends at the limit`() async throws {
    let peer = try TestPeer { connection in
      guard connection.readRequest() != nil else { return }
      connection.write("HTTP/1.1 200 OK\r\n\r\n")
      while connection.write([UInt8](repeating: 1, count: 10_000)) {}
    }
    let client = try TestClient()
    let response = try await client.get(peer.url)
    #expect(response.body.count == 65_536)
    #expect(response.isTruncated)
  }

  @Test func `a connection is used again`() async throws {
    let peer = try TestPeer(echo)
    // However long a busy machine takes between two requests.
    let client = try TestClient { $0.idleSeconds = 3600 }
    for _ in 0..<5 { #expect(try await client.get(peer.url).header("X-Connection") == "1") }
    #expect(peer.accepted == 1)
  }

  @Test func `a connection that died while it waited is replaced, the body sent again`() async throws {
    let peer = try TestPeer { connection in
      guard let request = connection.readRequest() else { return }
      connection.answer(request)
      // The first connection takes a second request and closes without a word.
      if connection.number == 1 { _ = connection.readRequest() }
    }
    let client = try TestClient()
    let request = HTTPClientRequest(method: "POST", url: peer.url, body: .bytes(Array("again".utf8)))
    _ = try await client.send(request)
    #expect(String(decoding: try await client.send(request).body, as: UTF8.self).hasSuffix("again"))
    #expect(peer.accepted == 2)
  }

  @Test func `without reuse each request has its connection, and none is sent twice`() async throws {
    let requests = Mutex<[String]>([])
    let peer = try TestPeer { connection in
      // Kept open after an answer; the third is taken and closed without a word, as often as it comes.
      while let request = connection.readRequest() {
        let isThird = requests.withLock { seen in
          seen.append(request)
          return seen.count >= 3
        }
        if isThird { return }
        connection.answer("ok")
      }
    }
    let client = try TestClient { $0.reusesConnections = false }
    let request = HTTPClientRequest(method: "POST", url: peer.url, body: .bytes(Array("once".utf8)))
    for _ in 0..<2 { #expect(try await client.send(request).status == 200) }
    guard case .connectionReset? = await client.failure(request) else { return #expect(Bool(false)) }
    #expect(requests.withLock { $0.count } == 3)
    #expect(peer.accepted == 3)
    #expect(requests.withLock { $0.allSatisfy { $0.contains("\r\nConnection: close\r\n") } })
  }
}
