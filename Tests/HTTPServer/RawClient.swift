import EventLoops
import Glibc

/// A blocking socket that sends exactly the bytes it is given. It waits on a thread of its own, so that no test holds up another.
actor RawClient {
  struct Answer: Equatable, Sendable {
    var status: Int
    var head: String
    var body: String

    func header(_ name: String) -> String? {
      for line in head.split(separator: "\r\n").dropFirst() {
        let parts = line.split(separator: ":", maxSplits: 1)
        if parts[0].lowercased() == name.lowercased() { return parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "" }
      }
      return nil
    }
  }
  struct Closed: Error {}

  private let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private var descriptor: Int32
  private var buffer: [UInt8] = []

  init(port: Int) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    // A test that would hang fails instead.
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var on: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    if code != 0 {
      Glibc.close(descriptor)
      throw Closed()
    }
    self.descriptor = descriptor
    loop = try EventLoop.spawn(name: "client")
  }

  deinit {
    if descriptor >= 0 { Glibc.close(descriptor) }
    loop.stop()
  }

  func close() {
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
  }

  func endOutput() { shutdown(descriptor, Int32(SHUT_WR)) }

  @discardableResult
  func send(_ bytes: [UInt8]) -> Int {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress! + done, $0.count - done, Int32(MSG_NOSIGNAL)) }
      if count <= 0 { break }
      done += count
    }
    return done
  }

  /// Latin-1, so that any byte can be written as a scalar.
  func send(_ text: String) { send(text.unicodeScalars.map { UInt8($0.value) }) }

  /// How long a send waits for the peer to take something before it gives up.
  func sendLimit(milliseconds: Int) {
    var limit = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  /// False at the end of the connection.
  private func fill() throws -> Bool {
    var chunk = [UInt8](repeating: 0, count: 65_536)
    let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress!, $0.count, 0) }
    if count < 0 && errno == EAGAIN { throw Closed() }
    if count <= 0 { return false }
    buffer += chunk[..<count]
    return true
  }

  /// Everything until the peer ends its side.
  func readToEnd() throws -> String {
    while try fill() {}
    let text = String(decoding: buffer, as: UTF8.self)
    buffer = []
    return text
  }

  private func take(_ count: Int) throws -> [UInt8] {
    while buffer.count < count { if try !fill() { throw Closed() } }
    let bytes = Array(buffer[..<count])
    buffer.removeFirst(count)
    return bytes
  }

  func readText(_ count: Int) throws -> String { String(decoding: try take(count), as: UTF8.self) }

  private func takeLine() throws -> String {
    var line: [UInt8] = []
    while true {
      line += try take(1)
      if line.suffix(2) == [13, 10] { return String(decoding: line.dropLast(2), as: UTF8.self) }
    }
  }

  func readHead() throws -> (status: Int, head: String) {
    var lines: [String] = []
    while true {
      let line = try takeLine()
      if line.isEmpty { break }
      lines.append(line)
    }
    let words = lines[0].split(separator: " ")
    return (Int(words[1])!, lines.joined(separator: "\r\n"))
  }

  /// The data of the next chunk; empty for the last.
  func readChunk() throws -> [UInt8] {
    let count = Int(try takeLine(), radix: 16)!
    let bytes = try take(count)
    _ = try take(2)
    return bytes
  }

  func readAnswer(toHead isHead: Bool = false) throws -> Answer {
    let (status, head) = try readHead()
    var answer = Answer(status: status, head: head, body: "")
    if isHead || status == 204 || status == 304 || status == 100 { return answer }
    if let length = answer.header("Content-Length") {
      answer.body = String(decoding: try take(Int(length)!), as: UTF8.self)
    } else if answer.header("Transfer-Encoding") == "chunked" {
      while true {
        let chunk = try readChunk()
        if chunk.isEmpty { break }
        answer.body += String(decoding: chunk, as: UTF8.self)
      }
    } else {
      answer.body = try readToEnd()
    }
    return answer
  }

  func exchange(_ request: String) throws -> Answer {
    send(request)
    return try readAnswer()
  }
}
