internal import CLibuv

/// What a descriptor is ready for.
package struct PollEvents: OptionSet, Sendable {
  package let rawValue: Int32
  package init(rawValue: Int32) { self.rawValue = rawValue }
  package static let readable = PollEvents(rawValue: Int32(UV_READABLE.rawValue))
  package static let writable = PollEvents(rawValue: Int32(UV_WRITABLE.rawValue))
}

/// Watches a descriptor that somebody else owns, for libraries that do their own reading and writing. Loop's thread only.
///
/// The owner closes the handle before it closes the descriptor. A descriptor has at most one open handle.
package final class PollHandle: LoopHandle, @unchecked Sendable {
  private let body: (PollEvents?) -> Void

  /// `body` runs on the loop with what the descriptor is ready for; with nil when it is broken (`EBADF` and the like).
  /// Errors: `EventLoopError` when the kernel cannot watch the descriptor (a file, a closed one).
  package init(loop: EventLoop, descriptor: Int32, _ body: @escaping (PollEvents?) -> Void) throws(EventLoopError) {
    self.body = body
    super.init(loop: loop, type: UV_POLL)
    try EventLoopError.check(uv_poll_init(loop.uv, pointer(as: uv_poll_t.self), descriptor), "watch descriptor \(descriptor)")
    adopt()
  }

  /// Watches for `events` from now on, in place of what was watched for before; level-triggered.
  package func watch(_ events: PollEvents) throws(EventLoopError) {
    if isClosing { return }
    let code = uv_poll_start(pointer(as: uv_poll_t.self), events.rawValue) { poll, status, events in
      guard let handle = PollHandle.of(poll?.pointee.data) else { return }
      handle.body(status < 0 ? nil : PollEvents(rawValue: events))
      handle.loop.drain()
    }
    try EventLoopError.check(code, "watch descriptor")
  }
}
