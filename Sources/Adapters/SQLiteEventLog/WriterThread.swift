import Ports
import Synchronization

/// The thread that writes, and its end.
final class WriterThread: Sendable {
  private let core: LogCore
  private let thread: OwnThread
  private let joined = Mutex(false)

  init(_ core: LogCore) throws(EventLogStartFailure) {
    self.core = core
    guard let thread = OwnThread("trunkline-log", { Writer(core).run() }) else {
      throw .unreadable(file: core.folder, reason: "the system gives no more threads")
    }
    self.thread = thread
  }

  func stop() {
    core.change { $0.stopping = true }
    // From inside a report the thread cannot wait for itself; it ends when it has drained.
    if thread.isCurrent { return }
    joined.withLock { joined in
      if !joined { thread.join() }
      joined = true
    }
  }
}

extension Writer {
  /// Tells every session about its appends, in their order, in one call each.
  func report(_ items: ArraySlice<WriteItem>, failure: LogFailure?) {
    var sessions: [(state: SessionState, reports: [AppendReport])] = []
    var places: [ObjectIdentifier: Int] = [:]
    func add(_ session: SessionState, _ report: AppendReport) {
      let place = places[ObjectIdentifier(session)] ?? sessions.count
      if place == sessions.count {
        sessions.append((session, []))
        places[ObjectIdentifier(session)] = place
      }
      sessions[place].reports.append(report)
    }
    for item in items {
      switch item {
      case .append(let session, let tag, _, let records):
        add(session, AppendReport(tag: tag, outcome: failure.map { .failure($0) } ?? .success(records.last?.offset ?? -1)))
      case .project(_, let deliver): deliver(failure.map { .failure($0) } ?? .success(()))
      case .report(let session, let report): add(session, report)
      }
    }
    for (session, reports) in sessions where !session.closed.load(ordering: .relaxed) { session.deliver(reports) }
  }
}

extension WriteItem {
  var writes: Bool {
    switch self {
    case .append: true
    case .project(let records, _): !records.isEmpty
    case .report: false
    }
  }

  var wantsSync: Bool {
    switch self {
    case .append(let session, _, _, _): session.durability == .synced
    case .project: true
    case .report: false
    }
  }
}
