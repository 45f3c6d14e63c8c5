internal import CLibuv
package import Ports
import Synchronization

/// The libuv side of a timer that fires once.
private final class TimerHandle: LoopHandle, @unchecked Sendable {
  private var work: (@Sendable () -> Void)?
  /// Runs when the loop ends before the timer does.
  private var dropped: (@Sendable () -> Void)?

  init(
    loop: EventLoop, afterMilliseconds milliseconds: Int64, dropped: (@Sendable () -> Void)?, _ work: @escaping @Sendable () -> Void
  ) {
    super.init(loop: loop, type: UV_TIMER)
    self.work = work
    self.dropped = dropped
    let timer = pointer(as: uv_timer_t.self)
    guard uv_timer_init(loop.uv, timer) == 0 else { return }
    adopt()
    // libuv counts from the start of the turn and in whole milliseconds: without these two a timer fires early.
    uv_update_time(loop.uv)
    let due = milliseconds > 0 ? UInt64(milliseconds) + 1 : 0
    uv_timer_start(
      timer,
      { timer in
        guard let handle = TimerHandle.of(timer?.pointee.data) else { return }
        let work = handle.work
        handle.cancel()
        work?()
        handle.loop.drain()
      }, due, 0)
  }

  func cancel() {
    dropped = nil
    close()
  }

  override func close() {
    work = nil
    super.close()
  }

  override func didClose() { dropped.take()?() }
}

/// What `schedule` hands out. Cancelling on the loop is exact; from another thread it may lose against work that has already begun.
private final class LoopTimer: Cancellable {
  private let loop: EventLoop
  private let isCancelled = Atomic(false)
  // The loop's thread only.
  nonisolated(unsafe) private var handle: TimerHandle?

  init(loop: EventLoop) { self.loop = loop }

  func arm(afterMilliseconds milliseconds: Int64, dropped: (@Sendable () -> Void)?, _ work: @escaping @Sendable () -> Void) {
    if isCancelled.load(ordering: .acquiring) { return }
    handle = TimerHandle(loop: loop, afterMilliseconds: milliseconds, dropped: dropped) { [self] in
      handle = nil
      if !isCancelled.load(ordering: .acquiring) { work() }
    }
  }

  func cancel() {
    isCancelled.store(true, ordering: .releasing)
    loop.run { [self] in
      handle?.cancel()
      handle = nil
    }
  }
}

extension EventLoop {
  /// Runs `work` on the loop once, no earlier than `milliseconds` (negative: at once) of real time from now. Callable from anywhere.
  package func schedule(afterMilliseconds milliseconds: Int64, _ work: @escaping @Sendable () -> Void) -> any Cancellable {
    schedule(afterMilliseconds: milliseconds, dropped: nil, work)
  }

  private func schedule(afterMilliseconds milliseconds: Int64, dropped: (@Sendable () -> Void)?, _ work: @escaping @Sendable () -> Void)
    -> any Cancellable
  {
    let timer = LoopTimer(loop: self)
    let asked = isCurrent ? nil : monotonicMilliseconds
    run { [self] in
      let late = asked.map { monotonicMilliseconds - $0 } ?? 0
      timer.arm(afterMilliseconds: max(0, milliseconds - late), dropped: dropped, work)
    }
    return timer
  }

  /// Suspends for at least `milliseconds`. The timer lives on this loop; the task goes on where it belongs.
  /// Errors: `CancellationError` as soon as the task is cancelled or the loop stops.
  package func sleep(milliseconds: Int64) async throws {
    let sleeper = Sleeper()
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        sleeper.begin(continuation) {
          self.schedule(afterMilliseconds: milliseconds, dropped: { sleeper.end(cancelled: true) }) { sleeper.end(cancelled: false) }
        }
      }
    } onCancel: {
      sleeper.end(cancelled: true)
    }
  }
}

/// Settles the race of a timer and a cancellation: whoever comes first resumes the sleeper.
private final class Sleeper: Sendable {
  private enum State {
    case fresh
    case sleeping(CheckedContinuation<Void, any Error>)
    case over(cancelled: Bool)
  }
  private struct Box {
    var state = State.fresh
    var timer: (any Cancellable)?
  }
  private let box = Mutex(Box())

  func begin(_ continuation: CheckedContinuation<Void, any Error>, arm: () -> any Cancellable) {
    let isOver = box.withLock { box in
      if case .over = box.state { return true }
      box.state = .sleeping(continuation)
      return false
    }
    if isOver { return continuation.resume(throwing: CancellationError()) }
    let timer = arm()
    let isLate = box.withLock { box in
      if case .over = box.state { return true }
      box.timer = timer
      return false
    }
    if isLate { timer.cancel() }
  }

  func end(cancelled: Bool) {
    let (before, timer) = box.withLock { box in
      let before = box.state
      if case .over = before { return (before, nil as (any Cancellable)?) }
      box.state = .over(cancelled: cancelled)
      return (before, box.timer.take())
    }
    guard case .sleeping(let continuation) = before else { return }
    if !cancelled { return continuation.resume() }
    timer?.cancel()
    continuation.resume(throwing: CancellationError())
  }
}
