import Dispatch
package import EventLoops
import Ports

/// An HTTP/1.1 server on every loop of a group. To be shut down before it is let go, while its loops run; the loops belong to the caller.
package final class HTTPServer: Sendable {
  private let parts: [LoopServer]
  private let count = ConnectionCount()
  private let host: String
  private let port: Int

  /// `host` is a numeric address; port 0 lets the kernel choose.
  package init(group: LoopGroup, host: String, port: Int, options: HTTPServerOptions = HTTPServerOptions(), handler: any HTTPHandler) {
    let count = count
    self.host = host
    self.port = port
    parts = group.loops.map { LoopServer(loop: $0, options: options, handler: handler, count: count) }
  }

  /// Connections that are open now, those that are being refused included.
  package var openConnections: Int { count.current }

  /// Connections since the start, those that were refused included.
  package var acceptedConnections: Int { count.total }

  /// Starts to accept connections and returns the port. Blocks for a moment; not to be called on a loop.
  /// Errors: `EventLoopError`, with the address, when it cannot be taken.
  @discardableResult
  package func start() throws -> Int {
    var bound = port
    for (index, part) in parts.enumerated() {
      let asked = bound
      let host = host
      do {
        bound = try part.loop.perform { try part.listen(host: host, port: asked, joining: index > 0) }
      } catch {
        for started in parts[..<index] { started.loop.run { started.abandon() } }
        throw error
      }
    }
    return bound
  }

  /// Goes on serving, but closes each connection behind its next answer (`Connection: close`): clients that reconnect find another server
  /// where a load balancer knows of one.
  package func leave() {
    for part in parts { part.loop.run { part.isLeaving = true } }
  }

  /// Stops accepting, closes idle connections and lets running requests finish with `Connection: close`; cuts what is left after
  /// `graceMilliseconds`. Returns when every connection is gone. The loops go on.
  package func shutdown(graceMilliseconds: Int64) async {
    await withTaskGroup(of: Void.self) { group in
      for part in parts { group.addTask { await part.shutdown(graceMilliseconds) } }
    }
  }
}

extension LoopServer {
  fileprivate func shutdown(_ graceMilliseconds: Int64) async {
    await withCheckedContinuation { continuation in
      loop.run { [self] in
        let cut = loop.schedule(afterMilliseconds: graceMilliseconds) { [self] in closeAll() }
        drain { [self] in
          cut.cancel()
          stopSweeping()
          continuation.resume()
        }
      }
    }
  }
}
