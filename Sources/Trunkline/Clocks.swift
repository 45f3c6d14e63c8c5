import Foundation
package import Ports
import Synchronization

/// The machine's clock.
package struct SystemClock: Clock {
  package init() {}

  package func now() -> Int64 { SystemClock.read(CLOCK_REALTIME) }
  /// Also runs while the machine is suspended: a wall clock that went on meanwhile has not stepped.
  package func monotonic() -> Int64 { SystemClock.read(CLOCK_BOOTTIME) }
  package func delay(until instant: Int64) -> Int64 { max(0, instant - now()) }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}

/// A jump of the wall clock forwards by more than a minute against the monotonic one is not believed: the monotonic estimate goes on until the clocks agree again
/// (journal.md, "Time"). A step backwards is: but time stands for nobody, so it runs at half its speed until the wall clock has caught up. What is due in ten seconds
/// comes twenty seconds late at most, and not as late as the step was long.
package final class TrustedClock: Clock {
  private struct State {
    var wall: Int64
    var monotonic: Int64
    var isDoubted = false
  }
  private let inner: any Clock
  private let state: Mutex<State>
  /// Milliseconds that a step forwards may have.
  package static let tolerance: Int64 = 60_000

  package init(_ inner: any Clock) {
    self.inner = inner
    state = Mutex(State(wall: inner.now(), monotonic: inner.monotonic()))
  }

  /// Whether the wall clock is being disregarded now.
  package var isDoubted: Bool { state.withLock { $0.isDoubted } }

  package func now() -> Int64 {
    let wall = inner.now()
    let monotonic = inner.monotonic()
    return state.withLock { state in
      let passed = max(0, monotonic - state.monotonic)
      let estimate = state.wall + passed
      state.isDoubted = wall - estimate > TrustedClock.tolerance
      let believed = state.isDoubted ? estimate : wall
      guard believed < estimate - passed / 2 else {
        state.wall = believed
        state.monotonic = monotonic
        return believed
      }
      // Looked at more than once a millisecond half of one must not be lost each time.
      guard passed > 1 else { return state.wall }
      state.wall += passed / 2
      state.monotonic += passed - passed % 2
      return state.wall
    }
  }

  package func monotonic() -> Int64 { inner.monotonic() }
  package func delay(until instant: Int64) -> Int64 { max(0, instant - now()) }
}

/// The machine's clock, and what a dev clock has moved a folder's time ahead of it.
struct ShiftedClock: Clock {
  private let inner = SystemClock()
  /// Milliseconds.
  let shift: Int64

  func now() -> Int64 { inner.now() + shift }
  func monotonic() -> Int64 { inner.monotonic() }
  func delay(until instant: Int64) -> Int64 { max(0, instant - now()) }
}

/// The product's time under `--dev-clock`: moved and sped up by hand, kept in the data folder so that it never goes back at a restart.
package final class DevClock: Clock {
  private struct State {
    var rate: Double = 1
    /// Where the present rate began: product time and real time.
    var anchor: Int64
    var since: Int64
  }
  private let file: String
  private let state: Mutex<State>

  /// Goes on from the later of the real time and what the folder remembers. Errors: `NodeFailure` when that is no time.
  package init(folder: String) throws(NodeFailure) {
    file = DevClock.file(folder)
    let real = SystemClock().now()
    let begin = max(real, try DevClock.kept(folder) ?? 0)
    state = Mutex(State(anchor: begin, since: real))
    save(begin)
  }

  private static func file(_ folder: String) -> String { folder + "/dev-clock" }

  /// The time that a folder has come to under a dev clock, milliseconds since 1970; nil where there never was one. Errors: `NodeFailure` when the file says no time:
  /// to go on without it would be to go back.
  static func kept(_ folder: String) throws(NodeFailure) -> Int64? {
    guard FileManager.default.fileExists(atPath: file(folder)) else { return nil }
    let text = (try? String(contentsOfFile: file(folder), encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
    // The year 9999: beyond, no date can be written.
    guard let text, let kept = Int64(text), (0...253_402_300_799_999).contains(kept) else {
      throw NodeFailure(
        "\(file(folder)) is no time in milliseconds since 1970: put it back from a backup, or remove it; then the product's time goes back to the real one, and what the dev "
          + "clock had made due is due again")
    }
    return kept
  }

  /// For a folder whose time runs ahead of the real one and that has no dev clock any more.
  static func keep(_ now: Int64, folder: String) { try? String(now).write(toFile: file(folder), atomically: true, encoding: .utf8) }

  private static func now(_ state: State) -> Int64 {
    state.anchor + Int64(Double(SystemClock().now() - state.since) * state.rate)
  }

  package func now() -> Int64 { state.withLock { DevClock.now($0) } }
  package func monotonic() -> Int64 { SystemClock().monotonic() }

  package func delay(until instant: Int64) -> Int64 {
    state.withLock { state in Int64((Double(max(0, instant - DevClock.now(state))) / state.rate).rounded(.up)) }
  }

  /// Moves the time forwards and sets how fast it runs from here on. Returns the new time.
  package func move(advance seconds: Double?, rate: Double?) -> Int64 {
    let now = state.withLock { state in
      state.anchor = DevClock.now(state) + Int64((seconds ?? 0) * 1000)
      state.since = SystemClock().now()
      if let rate { state.rate = rate }
      return state.anchor
    }
    save(now)
    return now
  }

  /// Called from time to time and at the end, so that a restart goes on from here.
  package func keep() { save(now()) }

  private func save(_ now: Int64) { try? String(now).write(toFile: file, atomically: true, encoding: .utf8) }
}
