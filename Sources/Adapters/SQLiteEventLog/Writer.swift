import CSQLite
import Glibc
import Ports
import Synchronization

/// What the writer's thread owns: the connection and its statements. Made and used on that thread alone.
final class Writer {
  /// Bounds of one transaction, so that the first in line does not wait for a very long one.
  private static let groupItems = 4096
  private static let groupBytes = 8 << 20
  /// Derived records between two moments at which other threads may have the processor: about a quarter of a millisecond.
  private static let recordsAtOnce = 32
  /// How long what is only ordered may stay unsynced when nothing follows it.
  private static let quietMilliseconds = 5

  let core: LogCore
  var connection: Connection?
  var begin: Statement?
  var commit: Statement?
  var inserts: [Int: Statement] = [:]
  private var maintenance: Maintenance
  private var syncs = true
  /// Something written is not synced, and syncing it has not failed.
  var owesSync = false
  /// The disk has failed since everything was last known to be on it. The system tells of a failed sync once, and may have dropped what it could not write: the next sync's
  /// success says nothing about that. Before anything counts as synced again, all of it is written once more, into the file itself.
  var isInDoubt = false
  var isSpoiled = false
  /// The connection was given up: the file may hold more than this object knows.
  var isReopened = false
  /// How often a disk that failed is tried again when nobody wants to write.
  private static let probeMilliseconds = 1000

  init(_ core: LogCore) {
    self.core = core
    maintenance = Maintenance(core)
  }

  func run() {
    while true {
      let (queue, controls, stop) = core.state.withLock { s -> ([WriteItem], [@Sendable (Connection) -> Void], Bool) in
        let taken = (s.queue, s.controls)
        s.queue = []
        s.controls = []
        maintenance.collect(&s, busy: !taken.0.isEmpty)
        let idle = taken.0.isEmpty && taken.1.isEmpty
        s.writerSleeps = idle && !s.stopping
        // Nothing can come in between: whoever asks from now on is told that the log is closed.
        if s.stopping, taken.0.isEmpty { s.finished = true }
        return (taken.0, taken.1, s.finished)
      }
      if stop { return finish() }
      if let connection = connected() { for control in controls { control(connection) } }
      if !queue.isEmpty {
        write(queue)
        tidyIfLate()
      } else if controls.isEmpty {
        sleep()
      }
    }
  }

  /// Waits for work; what can wait for a quiet moment is done in one.
  private func sleep() {
    if core.health.writing != nil {
      // It fails, or not; it is over with either way.
      if maintenance.hasWork { return tidy() }
      // New work is refused meanwhile, so nobody else would find out.
      if !core.writerWakes.wait(milliseconds: Writer.probeMilliseconds), core.health.hasRoom { syncAlone() }
      return
    }
    let hasMuch = connection.map { $0.unfolded >= core.part.foldingPages.quiet } ?? false
    guard owesSync || maintenance.hasWork || hasMuch else { return core.writerWakes.wait() }
    if core.writerWakes.wait(milliseconds: Writer.quietMilliseconds) { return }
    if owesSync { return syncAlone() }
    if hasMuch { return foldIn() }
    tidy()
  }

  /// While groups come one after another there is no quiet moment.
  private func tidyIfLate() {
    if maintenance.isLate { tidy() }
    if let connection, connection.unfolded >= core.part.foldingPages.busy { foldIn() }
  }

  /// One step of what is left to be tidied up. It need not be on the disk before anything else is.
  private func tidy() {
    guard let connection = connected() else { return maintenance.giveUp() }
    try? setSync(false)
    if let error = maintenance.step(connection) {
      note(error)
      letGoIfSpoiled()
    }
    noteFolding()
  }

  private func foldIn() {
    connection?.foldIn()
    noteFolding()
  }

  /// Tells of what comes next: what was reported was synced before.
  private func noteFolding() {
    guard let failure = connection?.checkpointFailure, !isInDoubt else { return }
    note(failure)
    isInDoubt = true
    letGoIfSpoiled()
  }

  /// Syncs what earlier groups left unsynced, by a commit that changes nothing and is written all the same: a row that is set to what it is would be passed over, sync and all.
  private func syncAlone() {
    owesSync = false
    guard let connection = connected() else { return }
    do throws(SQLiteError) {
      try setSync(true)
      try removeDoubt()
      try connection.execute("BEGIN IMMEDIATE; PRAGMA user_version=\(core.version); COMMIT")
    } catch {
      // Left to the next group, whose failure tells those whom it concerns.
      if connection.isInTransaction { try? connection.execute("ROLLBACK") }
      note(error)
      return letGoIfSpoiled()
    }
    settle([], synced: true)
    noteFolding()
  }

  private func setSync(_ full: Bool) throws(SQLiteError) {
    guard full != syncs else { return }
    try connection?.execute("PRAGMA synchronous=\(full ? "FULL" : "NORMAL")")
    syncs = full
  }

  private func finish() {
    if owesSync { syncAlone() }
    maintenance.giveUp()
    core.readConnections.close()
    // Last to close, so that SQLite folds the write-ahead log into the file.
    (begin, commit, inserts) = (nil, nil, [:])
    connection = nil
    core.lock.letGo()
    var wakes: [@Sendable () -> Void] = []
    core.state.withLock { s in
      for index in s.partitions.indices {
        s.partitions[index].waitingOrdered.takeAll(into: &wakes)
        s.partitions[index].waitingCommitted.takeAll(into: &wakes)
      }
    }
    for wake in wakes { wake() }
  }

  /// The connection, opened anew if it was given up; nil while that fails.
  private func connected() -> Connection? {
    if connection == nil { try? connect() }
    return connection
  }

  private func connect() throws(SQLiteError) {
    let connection = try Connection(path: core.folder + "/" + core.part.fileName, vfs: core.options.vfs)
    try Schema.configure(connection, core.part)
    begin = try connection.prepare("BEGIN IMMEDIATE")
    commit = try connection.prepare("COMMIT")
    inserts = [:]
    syncs = true
    self.connection = connection
  }

  private func write(_ queue: [WriteItem]) {
    var rest = queue[...]
    while !rest.isEmpty {
      let group = rest.prefix(Writer.length(of: rest))
      let synced = group.contains(where: \.wantsSync)
      do throws(SQLiteError) {
        try write(group: group, synced: synced)
      } catch {
        note(error)
        return fail(rest, "\(core.health.writing?.description ?? error.description)")
      }
      settle(group, synced: synced)
      noteFolding()
      rest = rest.dropFirst(group.count)
    }
  }

  private static func length(of items: ArraySlice<WriteItem>) -> Int {
    var bytes = 0
    var count = 0
    for item in items.prefix(groupItems) {
      switch item {
      case .append(_, _, _, let records): bytes += records.reduce(0) { $0 + $1.size }
      case .project(let records, _): bytes += records.reduce(0) { $0 + $1.record.size }
      case .report: break
      }
      count += 1
      if bytes >= groupBytes { break }
    }
    return count
  }

  private func write(group: ArraySlice<WriteItem>, synced: Bool) throws(SQLiteError) {
    guard group.contains(where: \.writes) else { return }
    if connection == nil { try connect() }
    try reconcile()
    try setSync(synced)
    if synced { try removeDoubt() }
    try begin?.run()
    for item in group {
      switch item {
      case .append(_, _, let partition, let records):
        let insert = try insert(partition)
        for record in records { try insert.insert(record) }
      case .project(let records, _):
        for (number, record) in records.enumerated() {
          try insert(record.partition).insert(record.record)
          // Nobody waits for this, and the scheduler may let it go on for milliseconds while somebody waits for the processor: a loop, the journal's writer.
          if number % Writer.recordsAtOnce == 0 { sched_yield() }
        }
      case .report: break
      }
    }
    try commit?.run()
  }

  private func insert(_ partition: Int) throws(SQLiteError) -> Statement {
    if let known = inserts[partition] { return known }
    guard let connection else { throw SQLiteError(code: SQLITE_MISUSE, description: "no connection") }
    let (table, compacted) = core.state.withLock { ($0.partitions[partition].table, $0.partitions[partition].compacted) }
    // With its unique index by key, OR REPLACE removes the older record of the key: compaction at the moment of the append.
    let made = try connection.prepare(
      "INSERT \(compacted ? "OR REPLACE " : "")INTO p\(table) (\"offset\", appended, key, value) VALUES (?1, ?2, ?3, ?4)")
    inserts[partition] = made
    return made
  }

  private func settle(_ group: ArraySlice<WriteItem>, synced: Bool) {
    var wakes: [@Sendable () -> Void] = []
    core.state.withLock { s in
      for item in group {
        switch item {
        case .append(_, _, let partition, let records):
          if let last = records.last { s.partitions[partition].wrote(through: last) }
          s.unsynced.insert(partition)
        case .project(let records, _):
          for record in records {
            s.partitions[record.partition].wrote(through: record.record)
            s.unsynced.insert(record.partition)
          }
        case .report: break
        }
      }
      if synced {
        for index in s.unsynced { s.partitions[index].synced(core.options, &wakes) }
        s.unsynced = []
      }
      owesSync = !s.unsynced.isEmpty
    }
    if synced { core.health.writingSucceeded() }
    report(group, failure: nil)
    for wake in wakes { wake() }
  }

}
