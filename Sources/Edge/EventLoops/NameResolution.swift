internal import CLibuv
internal import Glibc

/// One question to the system's resolver. It holds the loop: the resolver works on a thread of its own and reports to the loop's memory even after the loop has
/// stopped, so that memory stays until it has.
private final class NameRequest {
  let loop: EventLoop
  let name: String
  let port: Int
  let answer: (Result<[SocketAddress], EventLoopError>) -> Void

  init(_ loop: EventLoop, _ name: String, _ port: Int, _ answer: @escaping (Result<[SocketAddress], EventLoopError>) -> Void) {
    self.loop = loop
    self.name = name
    self.port = port
    self.answer = answer
  }

  func finish(_ code: Int32, _ first: UnsafeMutablePointer<addrinfo>?) {
    if code < 0 { return answer(.failure(EventLoopError(operation: "resolve \(name)", code: code))) }
    var found: [SocketAddress] = []
    var next = first
    while let info = next {
      if let address = info.pointee.ai_addr, let socket = SocketAddress(host: numericAddress(address), port: port), !found.contains(socket)
      {
        found.append(socket)
      }
      next = info.pointee.ai_next
    }
    answer(.success(found))
  }
}

extension EventLoop {
  /// Addresses of a host by the system's resolver, in its order; a numeric host is its own only address. On the loop's thread. `answer` is called once, on the loop,
  /// at once for a numeric host; not at all when the loop stops first.
  package func resolve(_ name: String, port: Int, _ answer: @escaping (Result<[SocketAddress], EventLoopError>) -> Void) {
    if let address = SocketAddress(host: name, port: port) { return answer(.success([address])) }
    let request = UnsafeMutablePointer<uv_getaddrinfo_t>.allocate(capacity: 1)
    let context = Unmanaged.passRetained(NameRequest(self, name, port, answer))
    request.pointee.data = context.toOpaque()
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    let code = uv_getaddrinfo(
      uv, request,
      { request, code, first in
        guard let request, let data = request.pointee.data else { return }
        let question = Unmanaged<NameRequest>.fromOpaque(data).takeRetainedValue()
        request.deallocate()
        question.finish(code, first)
        uv_freeaddrinfo(first)
        question.loop.drain()
      }, name, nil, &hints)
    if code == 0 { return }
    request.deallocate()
    context.takeRetainedValue().finish(code, nil)
  }
}
