import Dispatch
import EventLoops
import Glibc
import Synchronization
import Testing

/// Sends back what it reads. On the loop only.
private final class Echo: TCPStreamDelegate {
  let stream: TCPStream
  let closes: Tally
  init(_ stream: TCPStream, _ closes: Tally) {
    self.stream = stream
    self.closes = closes
    stream.delegate = self
    stream.startReading()
  }
  func received(_ bytes: RawSpan) { stream.write(bytes, bytes) }
  func ended(_ end: StreamEnd) { if end == .endOfInput { stream.shutdownOutput() } else { stream.close() } }
  func drained() {}
  func flushed() { stream.close() }
  func closed() { closes.add() }
}

private final class Tally: Sendable {
  private let count = Mutex(0)
  private let reached = DispatchSemaphore(value: 0)
  func add() {
    count.withLock { $0 += 1 }
    reached.signal()
  }
  func wait() { reached.wait() }
  var value: Int { count.withLock { $0 } }
}

@Suite struct TCPStreamTests {
  @Test func `a stream echoes, ends with its peer and is closed exactly once`() throws {
    let loop = try EventLoop.spawn(name: "test")
    let closes = Tally()
    let port = try loop.perform {
      try TCPListener(loop: loop, host: "127.0.0.1", port: 0, joining: false) { stream in _ = Echo(stream, closes) }.port
    }
    let descriptor = try connected(to: port)
    #expect(send(descriptor, "abc", 3, Int32(MSG_NOSIGNAL)) == 3)
    shutdown(descriptor, Int32(SHUT_WR))
    var bytes = [UInt8](repeating: 0, count: 16)
    var count = 0
    while count < 16 {
      let more = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress! + count, 16 - count, 0) }
      if more <= 0 { break }
      count += more
    }
    #expect(String(decoding: bytes[..<count], as: UTF8.self) == "abcabc")
    closes.wait()
    close(descriptor)
    loop.stop()
    #expect(closes.value == 1)
  }

  @Test func `stopping the loop closes what is open, once`() throws {
    let loop = try EventLoop.spawn(name: "test")
    let closes = Tally()
    let accepted = DispatchSemaphore(value: 0)
    let port = try loop.perform {
      try TCPListener(loop: loop, host: "127.0.0.1", port: 0, joining: false) { stream in
        _ = Echo(stream, closes)
        accepted.signal()
      }.port
    }
    let descriptor = try connected(to: port)
    accepted.wait()
    loop.stop()
    #expect(closes.value == 1)
    close(descriptor)
  }

  @Test func `listeners of one process share a port, a stranger is told that it is in use`() throws {
    let group = try LoopGroup(count: 2)
    let first = try group.loops[0].perform {
      try TCPListener(loop: group.loops[0], host: "127.0.0.1", port: 0, joining: false) { $0.close() }.port
    }
    let second = try group.loops[1].perform {
      try TCPListener(loop: group.loops[1], host: "127.0.0.1", port: first, joining: true) { $0.close() }.port
    }
    #expect(first == second)
    let error = #expect(throws: EventLoopError.self) {
      try group.loops[1].perform {
        try TCPListener(loop: group.loops[1], host: "127.0.0.1", port: first, joining: false) { $0.close() }.port
      }
    }
    #expect(error?.description == "listen on 127.0.0.1:\(first): address in use")
    group.stop()
  }

  @Test(arguments: ["nowhere", "300.1.1.1", "::1::"]) func `a host that is not a numeric address is an error`(_ host: String) throws {
    let loop = try EventLoop.spawn(name: "test")
    #expect(throws: EventLoopError.self) {
      try loop.perform { try TCPListener(loop: loop, host: host, port: 0, joining: false) { $0.close() }.port }
    }
    #expect(throws: EventLoopError.self) {
      try loop.perform { try TCPListener(loop: loop, host: "127.0.0.1", port: 70_000, joining: false) { $0.close() }.port }
    }
    loop.stop()
  }

  private func connected(to port: Int) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    try #require(code == 0)
    return descriptor
  }
}
