internal import Synchronization

/// Where the reader of the event stream leaves what has come, and the engine takes it. One taker.
package final class EventInbox: Sendable {
  private struct State {
    var events: [DemoEvent] = []
    var isRung = false
    var waiter: CheckedContinuation<Void, Never>?
  }
  private let state = Mutex(State())

  package init() {}

  package func add(_ events: [DemoEvent]) {
    guard !events.isEmpty else { return }
    state.withLock { $0.events += events }
    ring()
  }

  /// Wakes the taker although nothing came: so that it sees how long it has been waiting.
  package func ring() {
    let waiter = state.withLock { state in
      defer { state.waiter = nil }
      state.isRung = state.waiter == nil
      return state.waiter
    }
    waiter?.resume()
  }

  /// What came since the last call, in its order.
  package func take() -> [DemoEvent] {
    state.withLock { state in
      defer { state.events = [] }
      return state.events
    }
  }

  /// Returns at the next `add` or `ring`, at once when there was one since the last wait.
  package func wait() async {
    await withCheckedContinuation { continuation in
      let passes = state.withLock { state in
        if state.isRung || !state.events.isEmpty {
          state.isRung = false
          return true
        }
        state.waiter = continuation
        return false
      }
      if passes { continuation.resume() }
    }
  }
}
