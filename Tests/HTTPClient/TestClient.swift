import EventLoops
import HTTPClient

/// A client on a loop of its own, gone at the end of the test.
final class TestClient: Sendable {
  let loop: EventLoop
  let client: HTTPClient

  init(allowPrivateTargets: Bool = true, _ edit: (inout HTTPClientOptions) -> Void = { _ in }) throws {
    loop = try EventLoop.spawn(name: "client")
    var options = HTTPClientOptions(userAgent: "tests/1", allowPrivateTargets: allowPrivateTargets)
    edit(&options)
    client = try HTTPClient(loop: loop, options: options)
  }

  deinit { loop.stop() }

  func send(_ request: HTTPClientRequest) async throws(HTTPClientError) -> HTTPClientResponse { try await client.send(request) }

  func get(_ url: String) async throws(HTTPClientError) -> HTTPClientResponse { try await client.send(HTTPClientRequest(url: url)) }

  /// The error of a request that must fail.
  func failure(_ request: HTTPClientRequest) async -> HTTPClientError? {
    do {
      _ = try await client.send(request)
      return nil
    } catch {
      return error
    }
  }
}
