import Synchronization

/// How who reads events waits for more of them: wakes one waiter; a ring that nobody waits for is remembered.
package final class Bell: Sendable {
  private struct State {
    var rung = false
    var waiter: CheckedContinuation<Void, Never>?
  }
  private let state = Mutex(State())

  package init() {}

  package func ring() {
    let waiter = state.withLock { state in
      defer { state.waiter = nil }
      if state.waiter == nil { state.rung = true }
      return state.waiter
    }
    waiter?.resume()
  }

  /// Returns at the next ring, or at once when there was one since the last wait.
  package func wait() async {
    await withCheckedContinuation { continuation in
      let passes = state.withLock { state in
        if state.rung {
          state.rung = false
          return true
        }
        state.waiter = continuation
        return false
      }
      if passes { continuation.resume() }
    }
  }
}
