import EventLoops
import Glibc
import Synchronization
import Testing

@Suite struct ConnectTests {
  /// Reads until the peer ends, then settles with what came.
  private final class Reader: TCPStreamDelegate {
    private var bytes: [UInt8] = []
    private let done: CheckedContinuation<String, Never>

    init(_ done: CheckedContinuation<String, Never>) { self.done = done }

    func received(_ bytes: RawSpan) { bytes.withUnsafeBytes { self.bytes += $0 } }
    func ended(_ end: StreamEnd) { done.resume(returning: String(decoding: bytes, as: UTF8.self)) }
    func drained() {}
    func flushed() {}
    func closed() {}
  }

  private func withLoop<Value>(_ body: (EventLoop) async throws -> Value) async throws -> Value {
    let loop = try EventLoop.spawn(name: "connect")
    defer { loop.stop() }
    return try await body(loop)
  }

  private func connect(_ loop: EventLoop, _ address: SocketAddress) async -> EventLoopError? {
    await withCheckedContinuation { c in
      loop.post {
        do {
          _ = try TCPStream(loop: loop, connectingTo: address) { c.resume(returning: $0) }
        } catch {
          c.resume(returning: error as? EventLoopError)
        }
      }
    }
  }

  @Test func `a stream connects, and reads what the listener writes`() async throws {
    try await withLoop { loop in
      let port = try loop.perform {
        try TCPListener(loop: loop, host: "127.0.0.1", port: 0, joining: false) { stream in
          stream.write(Array("hello".utf8).span.bytes)
          stream.shutdownOutput()
        }.port
      }
      let address = try #require(SocketAddress(host: "127.0.0.1", port: port))
      let text = await withCheckedContinuation { c in
        loop.post {
          // Known only once the stream is made, which is before it connects.
          let place = Mutex<TCPStream?>(nil)
          let stream = try? TCPStream(loop: loop, connectingTo: address) { _ in
            let stream = place.withLock { $0 }
            stream?.delegate = Reader(c)
            stream?.startReading()
          }
          place.withLock { $0 = stream }
        }
      }
      #expect(text == "hello")
    }
  }

  @Test func `a refused connection is reported`() async throws {
    try await withLoop { loop in
      // Bound and not listening: nobody else gets it meanwhile.
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(descriptor) }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
          _ = bind(descriptor, address, length)
          _ = getsockname(descriptor, address, &length)
        }
      }
      let port = Int(in_port_t(bigEndian: address.sin_port))
      let error = await connect(loop, try #require(SocketAddress(host: "127.0.0.1", port: port)))
      #expect(error?.description == "connect: connection refused")
    }
  }

  @Test func `a stream that is closed before it has connected says nothing`() async throws {
    try await withLoop { loop in
      let isCalled = Atomic(false)
      try loop.perform {
        let address = try #require(SocketAddress(host: "127.0.0.1", port: 9))
        try TCPStream(loop: loop, connectingTo: address) { _ in isCalled.store(true, ordering: .relaxed) }.close()
      }
      loop.stop()
      let wasCalled = isCalled.load(ordering: .relaxed)
      #expect(!wasCalled)
    }
  }

  @Test func `names are resolved, digits are their own address`() async throws {
    try await withLoop { loop in
      let ask = { (name: String) async -> Result<[SocketAddress], EventLoopError> in
        await withCheckedContinuation { c in loop.post { loop.resolve(name, port: 80) { c.resume(returning: $0) } } }
      }
      #expect(try await ask("192.0.2.1").get().map(\.description) == ["192.0.2.1:80"])
      #expect(try await ask("2001:db8::1").get().map(\.description) == ["[2001:db8::1]:80"])
      let local = try await ask("localhost").get().map(\.host)
      #expect(local.contains("127.0.0.1") || local.contains("::1"))
      guard case .failure(let error) = await ask("nobody.invalid") else { return #expect(Bool(false)) }
      #expect(error.description.hasPrefix("resolve nobody.invalid: "))
    }
  }

  @Test func `a loop stops while a name is being resolved`() throws {
    for _ in 0..<20 {
      let loop = try EventLoop.spawn(name: "connect")
      try loop.perform { loop.resolve("nobody.invalid", port: 1) { _ in } }
      loop.stop()
    }
  }

  @Test(arguments: [("nowhere", 1), ("127.0.0.1", 70_000), ("127.0.0.1", -1), ("::g", 1)])
  func `what is no address in digits makes none`(_ host: String, _ port: Int) {
    #expect(SocketAddress(host: host, port: port) == nil)
  }
}
