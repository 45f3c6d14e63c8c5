package import Ports
import Synchronization

/// A work queue that runs nothing by itself: a test steps it. Its own time, for scheduled work, moves only by `advance`.
package final class ManualQueue: WorkQueue {
  private enum Item {
    case work(@Sendable () -> Void)
    case job(UnownedJob)
  }

  private struct Timer {
    var due: Int64
    var number: UInt64
    var work: @Sendable () -> Void
  }

  private struct State {
    var items: [Item] = []
    var head = 0
    var timers: [Timer] = []
    var now: Int64 = 0
    var number: UInt64 = 0
    var running = false
  }

  private let state = Mutex(State())

  package init() {}

  package func post(_ work: @escaping @Sendable () -> Void) {
    state.withLock { $0.items.append(.work(work)) }
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    state.withLock { $0.items.append(.job(job)) }
  }

  package func schedule(afterMilliseconds milliseconds: Int64, _ work: @escaping @Sendable () -> Void) -> any Cancellable {
    let number = state.withLock { s in
      s.number += 1
      s.timers.append(Timer(due: s.now + max(0, milliseconds), number: s.number, work: work))
      return s.number
    }
    return Cancellation { [self] in state.withLock { $0.timers.removeAll { $0.number == number } } }
  }

  /// Pieces of work that wait to be run; scheduled work counts only once it is due.
  package var pending: Int { state.withLock { $0.items.count - $0.head } }

  /// Scheduled work that has not come due.
  package var scheduled: Int { state.withLock { $0.timers.count } }

  /// Milliseconds until the next scheduled work is due; nil when there is none.
  package var nextDue: Int64? { state.withLock { s in s.timers.map { $0.due - s.now }.min() } }

  /// Runs one piece of work; false when none waits.
  @discardableResult
  package func step() -> Bool {
    let item: Item? = state.withLock { s in
      guard s.head < s.items.count else { return nil }
      let item = s.items[s.head]
      s.head += 1
      if s.head == s.items.count {
        s.items.removeAll(keepingCapacity: true)
        s.head = 0
      }
      s.running = true
      return item
    }
    guard let item else { return false }
    switch item {
    case .work(let work): work()
    case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
    }
    state.withLock { $0.running = false }
    return true
  }

  /// Runs until nothing waits, at most `limit` pieces; answers how many ran.
  @discardableResult
  package func run(limit: Int = .max) -> Int {
    var count = 0
    while count < limit, step() { count += 1 }
    return count
  }

  /// Moves the queue's time: what comes due is queued in order of its instant, not run.
  package func advance(by milliseconds: Int64) {
    state.withLock { s in
      s.now += milliseconds
      let now = s.now
      let due = s.timers.filter { $0.due <= now }.sorted { ($0.due, $0.number) < ($1.due, $1.number) }
      s.timers.removeAll { $0.due <= now }
      s.items += due.map { .work($0.work) }
    }
  }

  /// Forgets everything that waits: the process died.
  package func drop() {
    state.withLock {
      $0.items = []
      $0.head = 0
      $0.timers = []
    }
  }

  package func checkIsolated() {
    precondition(state.withLock { $0.running }, "not on this queue")
  }
}

/// A closure that is called once, at the first `cancel`.
final class Cancellation: Cancellable {
  private let action: Mutex<(@Sendable () -> Void)?>

  init(_ action: @escaping @Sendable () -> Void) { self.action = Mutex(action) }

  func cancel() {
    let action = action.withLock { a in
      defer { a = nil }
      return a
    }
    action?()
  }
}
