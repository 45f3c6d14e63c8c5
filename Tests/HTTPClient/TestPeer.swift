import Foundation
import PortsTesting
import Synchronization

/// A server on raw sockets and threads, so that it can misbehave. Each connection gets a thread that runs `serve`.
final class TestPeer: Sendable {
  let port: Int
  private let listener: Int32
  private let state = Mutex((accepted: 0, open: Set<Int32>(), isOver: false))

  /// How many connections came so far.
  var accepted: Int { state.withLock { $0.accepted } }
  var url: String { "http://127.0.0.1:\(port)" }

  struct Connection: Sendable {
    let descriptor: Int32
    /// Counts from 1.
    let number: Int

    /// What comes next, at most `count` bytes; nil at the end of the stream.
    func read(_ count: Int = 65_536) -> [UInt8]? {
      var buffer = [UInt8](repeating: 0, count: count)
      let length = recv(descriptor, &buffer, count, 0)
      return length > 0 ? Array(buffer.prefix(length)) : nil
    }

    /// Reads a head and as much body as its Content-Length says.
    func readRequest() -> String? {
      var bytes: [UInt8] = []
      while true {
        let text = String(decoding: bytes, as: UTF8.self)
        if let end = text.range(of: "\r\n\r\n") {
          let length = text.range(of: "Content-Length: ").flatMap { Int(text[$0.upperBound...].prefix { $0.isNumber }) } ?? 0
          if text[end.upperBound...].utf8.count >= length { return text }
        }
        guard let more = read() else { return nil }
        bytes += more
      }
    }

    @discardableResult func write(_ text: String) -> Bool { write(Array(text.utf8)) }

    @discardableResult func write(_ bytes: [UInt8]) -> Bool {
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if count <= 0 { return false }
        rest = rest.dropFirst(count)
      }
      return true
    }

    func answer(_ body: String, status: String = "200 OK", headers: String = "") {
      write("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)")
    }

    /// Waits until the other side has closed.
    func waitForEnd() { while read() != nil {} }

    /// Makes the close that follows a reset.
    func reset() {
      var linger = linger(l_onoff: 1, l_linger: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
    }
  }

  init(_ serve: @escaping @Sendable (Connection) -> Void) throws {
    (listener, port) = try boundSocket()
    let descriptor = listener
    guard listen(descriptor, 64) == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
    Thread.detachNewThread { [weak self] in
      while true {
        let accepted = accept(descriptor, nil, nil)
        guard accepted >= 0, let number = self?.opened(accepted) else { break }
        Thread.detachNewThread { [weak self] in
          serve(Connection(descriptor: accepted, number: number))
          if let self { self.done(accepted) }
        }
      }
      close(descriptor)
    }
  }

  private func opened(_ descriptor: Int32) -> Int? {
    state.withLock { state in
      state.accepted += 1
      state.open.insert(descriptor)
      return state.accepted
    }
  }

  private func done(_ descriptor: Int32) {
    state.withLock { _ = $0.open.remove(descriptor) }
    close(descriptor)
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    for descriptor in state.withLock({ $0.open }) { shutdown(descriptor, Int32(SHUT_RDWR)) }
  }
}

/// A port that nobody listens on, and nobody else can: it is taken.
final class ClosedPort: Sendable {
  let port: Int
  private let descriptor: Int32

  init() throws { (descriptor, port) = try boundSocket() }

  deinit { close(descriptor) }
}

/// A socket with a port of its own on the loopback address.
private func boundSocket() throws -> (descriptor: Int32, port: Int) {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  var length = socklen_t(MemoryLayout.size(ofValue: address))
  let code = withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
    }
  }
  if code != 0 { throw POSIXError(.EADDRNOTAVAIL) }
  return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
}

/// Answers every request of a connection with what it was.
let echo: @Sendable (TestPeer.Connection) -> Void = { connection in
  while let request = connection.readRequest() { connection.answer(request, headers: "X-Connection: \(connection.number)\r\nx-empty:\r\n") }
}

/// For the threads of a peer, which may block.
func blockUntilOpen(_ gate: Gate) {
  let isOpen = DispatchSemaphore(value: 0)
  Task {
    await gate.wait()
    isOpen.signal()
  }
  isOpen.wait()
}
