import Glibc
import Synchronization

/// The port of a server, once there is one.
final class Started: Sendable {
  private let state = Mutex((port: Int?.none, isOver: false, waiter: CheckedContinuation<Int?, Never>?.none))

  func set(_ port: Int) { finish(port) }
  func fail() { finish(nil) }

  private func finish(_ port: Int?) {
    let waiter = state.withLock { state in
      guard !state.isOver else { return CheckedContinuation<Int?, Never>?.none }
      state.isOver = true
      state.port = port
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume(returning: port)
  }

  func wait() async -> Int? {
    await withCheckedContinuation { continuation in
      let known: (Bool, Int?) = state.withLock { state in
        if !state.isOver { state.waiter = continuation }
        return (state.isOver, state.port)
      }
      if known.0 { continuation.resume(returning: known.1) }
    }
  }
}

/// A signal that ends what goes on, or the end of it.
final class Interruption: Sendable {
  private let first = Started()
  private let wasRung = Atomic<Bool>(false)

  /// The second one does not wait for anything to be tidied up.
  func ring(_ signal: Int32) {
    if wasRung.exchange(true, ordering: .relaxed) { exit(128 + signal) }
    first.set(Int(signal))
  }

  func over() { first.fail() }

  /// The signal; nil when it is over without one.
  func wait() async -> Int32? { await first.wait().map { Int32($0) } }
}
