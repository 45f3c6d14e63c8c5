import Ports
import Synchronization

/// Folds a write-ahead log into its file beside the writer, over a connection of its own. SQLite lets both go on, so whoever waits for a commit does not wait until a few
/// megabytes are synced. What is written meanwhile is left, and the write-ahead log begins anew only once nothing is: that is the writer's.
final class Folding: Sendable {
  private struct State {
    var isUnderWay = false
    var isStopping = false
    var isOver = false
    var failure: SQLiteError?
  }
  private final class Desk: Sendable {
    let state = Mutex(State())
    let wakes = Semaphore()
    let ends = Semaphore()
  }

  private let desk = Desk()
  private let thread: OwnThread

  /// Nil when the system gives no more threads: the writer does it all, then.
  init?(_ core: LogCore) {
    guard let thread = OwnThread("trunkline-fold", { [desk] in Folding.run(desk, core) }) else { return nil }
    self.thread = thread
  }

  /// Does nothing while one is under way.
  func begin() {
    let begins = desk.state.withLock { s in
      defer { s.isUnderWay = true }
      return !s.isUnderWay
    }
    if begins { desk.wakes.signal() }
  }

  var isUnderWay: Bool { desk.state.withLock { $0.isUnderWay } }

  /// Whether one has ended since the last call, and why it cannot be trusted. The writer is woken for it.
  func takeEnd() -> (isOver: Bool, failure: SQLiteError?) {
    desk.state.withLock { s in
      defer { (s.isOver, s.failure) = (false, nil) }
      return (s.isOver, s.failure)
    }
  }

  /// Waits for the one under way: two cannot fold at once.
  func rest() { while isUnderWay { desk.ends.wait() } }

  /// Afterwards its connection is closed. Once only.
  func stop() {
    desk.state.withLock { $0.isStopping = true }
    desk.wakes.signal()
    thread.join()
  }

  private static func run(_ desk: Desk, _ core: LogCore) {
    var connection: Connection?
    while true {
      desk.wakes.wait()
      let (isUnderWay, isStopping) = desk.state.withLock { ($0.isUnderWay, $0.isStopping) }
      if isUnderWay {
        // Not opened now: nothing is folded in, and the writer does it.
        if connection == nil { connection = try? Connection(path: core.folder + "/" + core.part.fileName, vfs: core.options.vfs) }
        connection?.foldIn()
        let failure = connection?.checkpointFailure
        // The next one reads what the disk holds.
        if failure != nil { connection = nil }
        desk.state.withLock { ($0.isUnderWay, $0.isOver, $0.failure) = (false, true, failure) }
        desk.ends.signal()
        core.writerWakes.signal()
      }
      if isStopping { return }
    }
  }
}
