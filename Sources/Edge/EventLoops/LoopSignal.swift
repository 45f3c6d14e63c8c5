internal import CLibuv
internal import Glibc
package import Ports

/// Unchecked as its base class is: a handle is touched on its loop's thread only; `body` never changes.
private final class SignalHandle: LoopHandle, @unchecked Sendable {
  let body: @Sendable () -> Void

  init(loop: EventLoop, number: Int32, _ body: @escaping @Sendable () -> Void) {
    self.body = body
    super.init(loop: loop, type: UV_SIGNAL)
    let signal = pointer(as: uv_signal_t.self)
    guard uv_signal_init(loop.uv, signal) == 0 else { return }
    adopt()
    // A thread started from one of Dispatch's inherits a mask that blocks nearly everything.
    var mask = sigset_t()
    sigemptyset(&mask)
    sigaddset(&mask, number)
    pthread_sigmask(SIG_UNBLOCK, &mask, nil)
    uv_signal_start(
      signal,
      { signal, _ in
        guard let handle = SignalHandle.of(signal?.pointee.data) else { return }
        handle.body()
        handle.loop.drain()
      }, number)
  }
}

// The handle is touched on the loop's thread only.
private final class SignalSubscription: Cancellable {
  private let loop: EventLoop
  nonisolated(unsafe) private var handle: SignalHandle?

  init(loop: EventLoop, number: Int32, _ body: @escaping @Sendable () -> Void) throws {
    self.loop = loop
    try loop.perform { self.handle = SignalHandle(loop: loop, number: number, body) }
  }

  func cancel() {
    loop.run { [self] in
      handle?.close()
      handle = nil
    }
  }
}

extension EventLoop {
  /// Runs `body` on the loop each time the process receives signal `number`, instead of what the signal does by default.
  /// Listens when it returns, for which it waits like `perform`. Signals that arrive faster than the loop turns may count as one. Cancel what is
  /// returned to stop listening.
  @discardableResult
  package func onSignal(_ number: Int32, _ body: @escaping @Sendable () -> Void) throws -> any Cancellable {
    try SignalSubscription(loop: self, number: number, body)
  }
}
