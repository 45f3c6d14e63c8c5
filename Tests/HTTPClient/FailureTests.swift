import HTTPClient
import Testing

@Suite struct FailureTests {
  @Test(arguments: ["http://127.0.0.1", "http://localhost", "http://0x7f.1", "http://0177.0.0.1", "http://2130706433", "http://127.1"])
  func `a host that is this machine is refused in any disguise`(prefix: String) async throws {
    let peer = try TestPeer(echo)
    let client = try TestClient(allowPrivateTargets: false)
    let failure = await client.failure(HTTPClientRequest(url: "\(prefix):\(peer.port)/"))
    guard case .refusedAddress(_, let address, let rule)? = failure else { return #expect(Bool(false), "\(failure as Any)") }
    #expect(
      (address, rule) == ("127.0.0.1", "127.0.0.0/8 (loopback)") || (address, rule) == ("::1", "::1/128 (loopback)"))
    #expect(peer.accepted == 0)
  }

  @Test(arguments: [
    ("http://[::ffff:127.0.0.1]", "127.0.0.0/8 (loopback)"), ("http://[::ffff:7f00:1]", "127.0.0.0/8 (loopback)"),
    ("http://user@127.0.0.1", "127.0.0.0/8 (loopback)"), ("http://0.0.0.0", "0.0.0.0/8 (this network)"),
    ("http://0", "0.0.0.0/8 (this network)"),
    ("http://[::1]", "::1/128 (loopback)"), ("http://[::]", "::/128 (unspecified)"),
    ("http://169.254.169.254", "169.254.0.0/16 (link-local)"),
    ("https://10.0.0.1", "10.0.0.0/8 (private)"), ("http://[fe80::1]", "fe80::/10 (link-local)"),
  ])
  func `addresses of other private places are refused with their rule`(prefix: String, rule: String) async throws {
    let peer = try TestPeer(echo)
    let client = try TestClient(allowPrivateTargets: false)
    let failure = await client.failure(HTTPClientRequest(url: "\(prefix):\(peer.port)/"))
    guard case .refusedAddress(_, _, rule)? = failure else { return #expect(Bool(false), "\(failure as Any)") }
    #expect(peer.accepted == 0)
  }

  @Test(arguments: ["http://127.0.0.1", "http://localhost", "http://0x7f.1", "http://[::ffff:127.0.0.1]"])
  func `the option opens them`(prefix: String) async throws {
    let peer = try TestPeer(echo)
    let client = try TestClient(allowPrivateTargets: true)
    #expect(try await client.get("\(prefix):\(peer.port)/").status == 200)
  }

  @Test func `an exception opens its range`() async throws {
    let peer = try TestPeer(echo)
    let client = try TestClient(allowPrivateTargets: false) { $0.addresses.exceptions = [AddressRange("127.0.0.0/8")].compactMap(\.self) }
    #expect(try await client.get(peer.url).status == 200)
  }

  @Test(arguments: ["", "nonsense", "/path", "http://", "http://a b/", "http://a:99999/", "http://[::1/", "http://a\0b/", "http://a\r\nb/"])
  func `what is no URL is refused as one`(url: String) async throws {
    let client = try TestClient()
    guard case .invalidURL? = await client.failure(HTTPClientRequest(url: url)) else { return #expect(Bool(false)) }
  }

  @Test(arguments: ["ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "unknown://127.0.0.1/", "dict://127.0.0.1:1/"])
  func `other schemes are refused`(url: String) async throws {
    let client = try TestClient()
    guard case .invalidURL(_, let reason)? = await client.failure(HTTPClientRequest(url: url)) else { return #expect(Bool(false)) }
    #expect(reason == "the scheme must be http or https")
  }

  @Test func `a password in a broken URL does not get into the message`() async throws {
    let client = try TestClient()
    let failure = await client.failure(HTTPClientRequest(url: "ftp://user:secret@host/"))
    #expect(failure == .invalidURL(url: "…@host/", reason: "the scheme must be http or https"))
  }

  @Test(arguments: [("X: a", "b"), ("X", "a\r\nY: b"), ("", "a"), ("Content-Length", "5"), ("host", "other"), ("X", "\0")])
  func `headers that would break the message are refused`(name: String, value: String) async throws {
    let client = try TestClient()
    let request = HTTPClientRequest(url: "http://127.0.0.1/", headers: [(name, value)])
    guard case .invalidRequest? = await client.failure(request) else { return #expect(Bool(false)) }
    guard case .invalidRequest? = await client.failure(HTTPClientRequest(method: "GET / HTTP/1.1\r\nX:", url: "http://127.0.0.1/"))
    else { return #expect(Bool(false)) }
  }

  @Test func `a peer that never answers costs the total time and no more`() async throws {
    let peer = try TestPeer { $0.waitForEnd() }
    let client = try TestClient()
    var request = HTTPClientRequest(url: peer.url)
    request.totalTimeoutMilliseconds = 50
    // On a machine that is busy it may not even be connected by then.
    guard case .timeout("127.0.0.1", _, 50)? = await client.failure(request) else { return #expect(Bool(false)) }
  }

  @Test func `a closed port is a failure to connect`() async throws {
    let closed = try ClosedPort()
    let client = try TestClient()
    let failure = await client.failure(HTTPClientRequest(url: "http://127.0.0.1:\(closed.port)/"))
    guard case .cannotConnect("127.0.0.1", _)? = failure else { return #expect(Bool(false), "\(failure as Any)") }
  }

  @Test func `a name that does not exist cannot be resolved`() async throws {
    let client = try TestClient()
    #expect(await client.failure(HTTPClientRequest(url: "http://nowhere.invalid/")) == .cannotResolve(host: "nowhere.invalid"))
  }

  @Test(arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
  func `a connection that ends too early is reset`(answer: String) async throws {
    let peer = try TestPeer { connection in
      guard connection.readRequest() != nil else { return }
      connection.write(answer)
      if answer.isEmpty { connection.reset() }
    }
    let client = try TestClient()
    let failure = await client.failure(HTTPClientRequest(url: peer.url))
    guard case .connectionReset("127.0.0.1", _)? = failure else { return #expect(Bool(false), "\(failure as Any)") }
  }

  @Test func `an answer that is not HTTP is invalid`() async throws {
    let peer = try TestPeer { connection in
      guard connection.readRequest() != nil else { return }
      connection.write("220 mail.example.com ESMTP\r\n\r\n")
    }
    let client = try TestClient()
    let failure = await client.failure(HTTPClientRequest(url: peer.url))
    guard case .invalidResponse? = failure else { return #expect(Bool(false), "\(failure as Any)") }
  }

  @Test func `an endless head is invalid`() async throws {
    let peer = try TestPeer { connection in
      guard connection.readRequest() != nil else { return }
      connection.write("HTTP/1.1 200 OK\r\n")
      while connection.write("X-More: and more\r\n") {}
    }
    let client = try TestClient()
    let failure = await client.failure(HTTPClientRequest(url: peer.url))
    #expect(failure == .invalidResponse(host: "127.0.0.1", reason: "the head is longer than 16384 bytes"))
  }

  @Test func `a peer that does not speak TLS is a failure of TLS`() async throws {
    let peer = try TestPeer { connection in
      _ = connection.read()
      connection.write("HTTP/1.1 400 Bad Request\r\n\r\n")
    }
    let client = try TestClient()
    let failure = await client.failure(HTTPClientRequest(url: "https://127.0.0.1:\(peer.port)/"))
    guard case .tls("127.0.0.1", _)? = failure else { return #expect(Bool(false), "\(failure as Any)") }
  }
}
