import Ports
import Synchronization

/// A clock that stands still until a test moves it.
package final class ManualClock: Clock {
  private struct Times {
    var wall: Int64
    var monotonic: Int64
  }
  private let times: Mutex<Times>

  /// `now` in milliseconds since 1970; the monotonic clock starts at `monotonic`.
  package init(now: Int64 = 1_700_000_000_000, monotonic: Int64 = 0) {
    times = Mutex(Times(wall: now, monotonic: monotonic))
  }

  package func now() -> Int64 { times.withLock { $0.wall } }

  package func monotonic() -> Int64 { times.withLock { $0.monotonic } }

  package func delay(until instant: Int64) -> Int64 { max(0, instant - now()) }

  /// Both clocks go on by `milliseconds`.
  package func advance(by milliseconds: Int64) {
    times.withLock {
      $0.wall += milliseconds
      $0.monotonic += milliseconds
    }
  }

  /// The wall clock steps, forwards or back; the monotonic one does not notice.
  package func step(by milliseconds: Int64) {
    times.withLock { $0.wall += milliseconds }
  }
}
