import EventLoops
import HTTPServer

struct ClosureHandler: HTTPHandler {
  let body: @Sendable (HTTPRequest, HTTPResponder) async -> Void
  func handle(_ request: HTTPRequest, _ response: HTTPResponder) async { await body(request, response) }
}

/// Says what it was asked: method, path, query and body.
let echo: @Sendable (HTTPRequest, HTTPResponder) async -> Void = { request, response in
  do {
    let body = try await request.body.collect(upTo: 1_000_000)
    let text = "\(request.method) \(request.path) \(request.query ?? "-") \(String(decoding: body, as: UTF8.self))"
    response.send(status: 200, headers: [("Content-Type", "text/plain")], body: Array(text.utf8))
  } catch {
    let status = (error as? HTTPBodyError)?.status ?? 500
    response.refuse(HTTPRefusal(status: status, message: "\(error)"))
  }
}

/// A server on a loop of its own, gone at the end of the test.
final class TestServer: Sendable {
  let group: LoopGroup
  let server: HTTPServer
  let port: Int

  init(
    loops: Int = 1, options: HTTPServerOptions = .patient,
    _ handler: @escaping @Sendable (HTTPRequest, HTTPResponder) async -> Void = echo
  ) throws {
    group = try LoopGroup(count: loops)
    server = HTTPServer(group: group, host: "127.0.0.1", port: 0, options: options, handler: ClosureHandler(body: handler))
    port = try server.start()
  }

  deinit { group.stop() }

  func client() throws -> RawClient { try RawClient(port: port) }
}

extension HTTPServerOptions {
  /// Limits of time that no loaded machine meets: a test that wants one sets it.
  static var patient: HTTPServerOptions {
    var options = HTTPServerOptions()
    options.headerMilliseconds = 600_000
    options.idleMilliseconds = 600_000
    options.bodyStallMilliseconds = 600_000
    return options
  }
}
