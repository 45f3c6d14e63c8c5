internal import CLibuv
internal import Glibc

/// Accepts connections on one loop. Listeners on several loops may share a port; the kernel spreads connections over them.
package final class TCPListener: LoopHandle, @unchecked Sendable {
  /// The port in use; the kernel's choice when 0 was asked for.
  package private(set) var port = 0
  private let accept: (TCPStream) -> Void

  private var stream: UnsafeMutablePointer<uv_stream_t> { pointer(as: uv_stream_t.self) }

  /// On the loop's thread. `host` is a numeric IPv4 or IPv6 address.
  ///
  /// The first listener of a port takes it alone (`joining: false`), so that a second process is refused instead of silently getting half of
  /// the connections; further ones of the same process join it.
  /// Errors: `EventLoopError`; `isAddressInUse` when another socket owns the port.
  package init(loop: EventLoop, host: String, port: Int, joining: Bool, backlog: Int32 = 4096, accept: @escaping (TCPStream) -> Void)
    throws(EventLoopError)
  {
    self.accept = accept
    super.init(loop: loop, type: UV_TCP)
    let operation = "listen on \(host.contains(":") ? "[\(host)]" : host):\(port)"
    let family = UInt32(host.contains(":") ? AF_INET6 : AF_INET)
    try EventLoopError.check(uv_tcp_init_ex(loop.uv, pointer(as: uv_tcp_t.self), family), operation)
    adopt()
    do {
      try bind(host, port, joining, operation)
      let code = uv_listen(stream, backlog) { stream, code in
        guard code == 0, let listener = TCPListener.of(stream?.pointee.data) else { return }
        listener.acceptOne()
        listener.loop.drain()
      }
      try EventLoopError.check(code, operation)
    } catch {
      close()
      throw error
    }
    self.port = boundPort()
  }

  private func bind(_ host: String, _ port: Int, _ joining: Bool, _ operation: String) throws(EventLoopError) {
    guard let number = Int32(exactly: port), (0...65535).contains(number) else {
      throw EventLoopError(operation: "\(operation) (a port is 0 to 65535)", code: UV_EINVAL.rawValue)
    }
    if joining { try sharePort(operation) }
    let code = withSocketAddress(host, number) { uv_tcp_bind(pointer(as: uv_tcp_t.self), $0, 0) }
    try EventLoopError.check(code, operation)
    if !joining { try sharePort(operation) }
  }

  /// Set after the bind it leaves the first socket exclusive against strangers and open to those that come later.
  private func sharePort(_ operation: String) throws(EventLoopError) {
    var descriptor: uv_os_fd_t = -1
    try EventLoopError.check(uv_fileno(pointer(as: uv_handle_t.self), &descriptor), operation)
    var on: Int32 = 1
    if setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, socklen_t(MemoryLayout<Int32>.size)) != 0 {
      throw EventLoopError(operation: operation, code: -errno)
    }
  }

  private func boundPort() -> Int {
    var storage = sockaddr_storage()
    var length = Int32(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutableBytes(of: &storage) { bytes in
      guard let base = bytes.baseAddress else { return 0 }
      let address = base.assumingMemoryBound(to: sockaddr.self)
      guard uv_tcp_getsockname(pointer(as: uv_tcp_t.self), address, &length) == 0 else { return 0 }
      // The port lies at the same place for both families.
      return Int(UInt16(bigEndian: base.load(fromByteOffset: 2, as: UInt16.self)))
    }
  }

  private func acceptOne() {
    guard let connection = try? TCPStream(loop: loop) else { return }
    do {
      try connection.accept(from: stream)
      accept(connection)
    } catch {
      connection.close()
    }
  }
}
