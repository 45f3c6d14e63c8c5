import CSQLite
import Ports
import Synchronization

/// What the writer does when the disk fails, and before it believes it again.
extension Writer {
  func note(_ error: SQLiteError) {
    if error.leavesDoubt { isInDoubt = true }
    if error.spoilsConnection { isSpoiled = true }
    core.health.writingFailed(error)
  }

  /// A connection that met an error of the disk may keep pages that are not what the disk holds; the next one reads them anew.
  func letGoIfSpoiled() {
    guard isSpoiled else { return }
    isSpoiled = false
    letGo()
  }

  func letGo() {
    (begin, commit, inserts, connection) = (nil, nil, [:], nil)
    (isReopened, isInDoubt) = (true, true)
  }

  /// A commit that reported an error may turn up when the file is opened anew. What was taken meanwhile would have the same offsets.
  func reconcile() throws(SQLiteError) {
    guard isReopened, let connection else { return }
    try removeDoubt()
    for (table, written) in core.state.withLock({ $0.partitions.map { ($0.table, $0.written) } }) {
      guard try Schema.end(connection, table).next <= written else {
        throw SQLiteError(code: SQLITE_ABORT, description: "a commit that was reported as failed is in the file")
      }
    }
    isReopened = false
  }

  func removeDoubt() throws(SQLiteError) {
    guard isInDoubt, let connection else { return }
    try connection.checkpointAll()
    isInDoubt = false
  }

  /// Nothing of `items` is in the file, and nothing that was taken since may be: both follow one line.
  func fail(_ items: ArraySlice<WriteItem>, _ why: String) {
    if let connection, connection.isInTransaction { try? connection.execute("ROLLBACK") }
    var failed = items
    var wakes: [@Sendable () -> Void] = []
    core.state.withLock { s in
      failed += s.queue
      s.queue = []
      for item in failed {
        if case .append(let session, _, _, _) = item { session.dead.store(true, ordering: .relaxed) }
      }
      rollBack(&s, &wakes)
    }
    letGoIfSpoiled()
    report(failed, failure: .sessionLost(why))
    for wake in wakes { wake() }
  }

  func rollBack(_ s: inout LogState, _ wakes: inout [@Sendable () -> Void]) {
    let isReconciled = isReopened && !isInDoubt
    for index in s.partitions.indices where isReconciled || s.partitions[index].next > s.partitions[index].written {
      var end = s.partitions[index].written
      do {
        // A commit that reported an error may have been made all the same: the file knows.
        if let connection, isReconciled || !isReopened { end = max(end, try Schema.end(connection, s.partitions[index].table).next) }
      } catch {
        letGo()
      }
      s.partitions[index].rollBack(to: end, isForeign: isReconciled, &wakes)
      s.unsynced.insert(index)
    }
    if isReconciled, connection != nil { isReopened = false }
    owesSync = !s.unsynced.isEmpty
  }
}
