import EventLoops

/// An answer in parts. Usable from any task or thread; parts written from one of them keep their order.
/// A stream that is dropped without `finish()` ends its connection, so that the client sees that something is missing.
package final class HTTPStream: Sendable {
  private let exchange: HTTPExchange

  init(_ exchange: HTTPExchange) { self.exchange = exchange }

  deinit {
    let exchange = exchange
    exchange.loop.run { exchange.abandonStream() }
  }

  /// Writes or queues `bytes`, never waits. Returns `queuedBytes` afterwards: whoever sees it grow waits for `drained()` or gives up on the peer.
  @discardableResult
  package func write(_ bytes: [UInt8]) -> Int {
    if exchange.loop.isCurrent {
      exchange.writePart(bytes)
      return queuedBytes
    }
    let exchange = exchange
    let count = exchange.addQueued(bytes.count)
    exchange.loop.post {
      exchange.writePart(bytes)
      _ = exchange.addQueued(-bytes.count)
    }
    return count
  }

  /// Bytes that the peer has not taken yet.
  package var queuedBytes: Int { exchange.queuedBytes }

  /// Suspends until the queue is small again (64 KiB) or the peer is gone.
  package func drained() async {
    await withCheckedContinuation { continuation in
      let exchange = exchange
      exchange.loop.run { exchange.whenDrained(continuation) }
    }
  }

  /// Ends the answer. Nothing can be written afterwards.
  package func finish() {
    let exchange = exchange
    exchange.loop.run { exchange.finishStream() }
  }

  /// Whether the peer has gone away or the answer has ended: what is written goes nowhere.
  package var isClosed: Bool { exchange.isOver }

  /// Runs `body` once, on the loop, when the peer goes away before `finish()`, even while nothing is written; at once if it has.
  package func onClose(_ body: @escaping @Sendable () -> Void) {
    let exchange = exchange
    exchange.loop.run { exchange.onClose(body) }
  }
}
