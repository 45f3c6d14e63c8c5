package import EventLoops
internal import Synchronization

/// Requests to other people's servers: HTTP/1.1 and, over TLS, HTTP/2, on the sockets and timers of one loop.
///
/// Callable from any task. No redirects, no proxies, no cookies, no decompression. Every address is checked against
/// `HTTPClientOptions.addresses` when the socket is opened, after the name was resolved, so a name that changes its address gains nothing.
package final class HTTPClient: Sendable {
  private let engine: Engine

  /// Waits for the loop once: not from another loop's thread.
  /// Errors: `unavailable` when libcurl or the loop cannot serve.
  package init(loop: EventLoop, options: HTTPClientOptions = HTTPClientOptions()) throws(HTTPClientError) {
    let engine = Engine(loop: loop, options: options)
    do {
      try loop.perform { try engine.open() }
    } catch {
      throw error as? HTTPClientError ?? .unavailable(reason: "\(error)")
    }
    self.engine = engine
  }

  deinit {
    let engine = engine
    engine.loop.post { engine.close() }
  }

  /// Sends the request and reads the whole answer, up to the request's limit. Every status is an answer, not an error.
  /// Errors: `HTTPClientError`; `cancelled` as soon as the task is cancelled.
  package func send(_ request: HTTPClientRequest) async throws(HTTPClientError) -> HTTPClientResponse {
    let transfer = try transfer(for: request)
    let engine = engine
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { engine.start(transfer, .whole($0)) }
    } onCancel: {
      engine.cancel(transfer)
    }
    return try result.get()
  }

  /// Reads an answer as it comes, for as long as it lasts; only connecting has a time limit, and the request's body limit does not apply.
  ///
  /// Both closures run in the caller's task, one at a time, and end the stream by answering false. While they are busy, up to 256 KiB are
  /// kept and then the peer is left waiting. Chunks are as the network delivers them and mean nothing by their bounds.
  /// Returns at the end of the answer or when a closure ended it.
  /// Errors: `HTTPClientError`; `cancelled` as soon as the task is cancelled.
  package func stream(
    _ request: HTTPClientRequest, onResponse: (HTTPClientResponseHead) async -> Bool, onChunk: ([UInt8]) async -> Bool
  ) async throws(HTTPClientError) {
    let transfer = try transfer(for: request)
    let engine = engine
    let inbox = StreamInbox { engine.resume(transfer) }
    let result = await withTaskCancellationHandler {
      engine.start(transfer, .stream(inbox))
      while true {
        switch await inbox.next() {
        case .head(let head): if await onResponse(head) { continue }
        case .chunk(let bytes): if await onChunk(bytes) { continue }
        case .end(let result): return result
        }
        engine.cancel(transfer)
        return .success(())
      }
    } onCancel: {
      engine.cancel(transfer)
    }
    try result.get()
  }

  /// Cancels what is under way or waiting, closes all connections, and returns when that is done. Later requests are `cancelled`.
  /// Call it before the loop is stopped.
  package func shutdown() async {
    let engine = engine
    if engine.isOver.load(ordering: .acquiring) { return }
    await withCheckedContinuation { continuation in
      engine.loop.post {
        engine.close()
        continuation.resume()
      }
    }
  }

  /// As `shutdown`, for somebody on the client's loop who need not wait.
  package func cancelAll() {
    let engine = engine
    engine.loop.run { engine.close() }
  }

  private func transfer(for request: HTTPClientRequest) throws(HTTPClientError) -> Transfer {
    try request.check()
    return Transfer(request, try TargetURL(request.url), engine.options, startedAt: engine.loop.monotonicMilliseconds)
  }
}
