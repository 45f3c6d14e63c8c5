internal import CLibuv

/// A timer that is set again and again without a new handle. Loop's thread only. Open until `close()` or the end of the loop.
package final class LoopAlarm: LoopHandle, @unchecked Sendable {
  private let body: () -> Void
  private var closed: (() -> Void)?

  /// `body` runs on the loop each time the alarm goes off, `closed` once, when the handle is gone.
  package init(loop: EventLoop, _ body: @escaping () -> Void, closed: @escaping () -> Void) throws(EventLoopError) {
    self.body = body
    self.closed = closed
    super.init(loop: loop, type: UV_TIMER)
    try EventLoopError.check(uv_timer_init(loop.uv, pointer(as: uv_timer_t.self)), "start a timer")
    adopt()
  }

  /// Goes off once, `milliseconds` from now (0: in the next turn), in place of what was set before.
  package func set(afterMilliseconds milliseconds: Int64) {
    if isClosing { return }
    // libuv counts from the start of the turn: without this the alarm goes off early.
    uv_update_time(loop.uv)
    uv_timer_start(
      pointer(as: uv_timer_t.self),
      { timer in
        guard let alarm = LoopAlarm.of(timer?.pointee.data) else { return }
        alarm.body()
        alarm.loop.drain()
      }, UInt64(max(0, milliseconds)), 0)
  }

  /// Takes back what was set.
  package func clear() {
    if isClosing { return }
    uv_timer_stop(pointer(as: uv_timer_t.self))
  }

  override func didClose() { closed.take()?() }
}
