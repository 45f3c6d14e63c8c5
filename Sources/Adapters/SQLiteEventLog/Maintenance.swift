import Ports
import Synchronization

/// What the writer does between its groups, in bounded steps: trimmed rows and old tombstones go.
struct Maintenance {
  /// Rows of one step: more would hold up the group behind it. How many a millisecond takes depends on their size, so it is found out.
  private static let fewest = 8
  private static let most = 1000
  private var rows = 64
  /// With so many rows to go the file grows faster than it is trimmed: whoever waits shares in that.
  private static let backlog: Int64 = 100_000
  private static let fewestBehind = 256
  /// Partitions take turns, and so do trims and sweeps.
  private var lastTrimmed = -1
  private var isSweepsTurn = false
  /// While groups come one after another a step has its turn only so often.
  private static let busyMilliseconds: Int64 = 20
  private static let sweepMilliseconds: Int64 = 60_000

  private let core: LogCore
  private var trims: [Int: Int64] = [:]
  private var sweeps: Set<Int> = []
  private var lastSweep: Int64
  private var whenDone: [@Sendable () -> Void] = []
  private var lastStep: Int64

  init(_ core: LogCore) {
    self.core = core
    // The first look is due at once: a process that is started often would never sweep otherwise.
    lastSweep = core.clock.monotonic() - Maintenance.sweepMilliseconds
    lastStep = core.clock.monotonic()
  }

  var hasWork: Bool { !trims.isEmpty || !sweeps.isEmpty || !whenDone.isEmpty }
  /// It has waited long enough for a moment in which nobody writes.
  var isLate: Bool { hasWork && core.clock.monotonic() - lastStep >= Maintenance.busyMilliseconds }

  /// Takes over what was asked for. Called under the log's lock.
  mutating func collect(_ s: inout LogState, busy: Bool) {
    trims.merge(s.trims) { max($0, $1) }
    s.trims = [:]
    whenDone += s.whenMaintained
    s.whenMaintained = []
    let due = busy && core.clock.monotonic() - lastSweep >= Maintenance.sweepMilliseconds
    guard s.sweepWanted || due else { return }
    s.sweepWanted = false
    lastSweep = core.clock.monotonic()
    for index in s.partitions.indices where s.partitions[index].compacted { sweeps.insert(index) }
  }

  /// Answers the error that ended it, if it was one that the disk or the file is to be asked about.
  mutating func step(_ connection: Connection) -> SQLiteError? {
    let begun = core.clock.monotonic()
    var removed = 0
    defer {
      lastStep = core.clock.monotonic()
      if lastStep - begun > 1 {
        rows = max(rows / 2, Maintenance.fewest)
      } else if removed >= rows {
        rows = min(rows + rows / 4, Maintenance.most)
      }
      if trims.isEmpty, sweeps.isEmpty { giveUp() }
    }
    isSweepsTurn.toggle()
    do throws(SQLiteError) {
      if !sweeps.isEmpty, isSweepsTurn || trims.isEmpty { removed = try sweep(connection) } else { removed = try trim(connection) }
      return nil
    } catch {
      if connection.isInTransaction { try? connection.execute("ROLLBACK") }
      return error.leavesDoubt || error.spoilsConnection ? error : nil
    }
  }

  /// Leaves what is left for another day: positions below a partition's start are refused whether their rows are gone or not.
  mutating func giveUp() {
    (trims, sweeps) = ([:], [])
    let done = whenDone
    whenDone = []
    for call in done { call() }
  }

  /// Rows that went. A partition that fails is left for another day.
  private mutating func trim(_ connection: Connection) throws(SQLiteError) -> Int {
    guard let (index, before) = trims.filter({ $0.key > lastTrimmed }).min(by: { $0.key < $1.key }) ?? trims.min(by: { $0.key < $1.key })
    else {
      return 0
    }
    lastTrimmed = index
    trims[index] = nil
    let table = core.state.withLock { $0.partitions[index].table }
    guard let first = try connection.integer("SELECT min(\"offset\") FROM p\(table)") else { return 0 }
    let step = before - first > Maintenance.backlog ? max(rows, Maintenance.fewestBehind) : rows
    let until = min(before, first + Int64(step))
    try connection.execute(
      """
      BEGIN IMMEDIATE;
      UPDATE partitions SET start = max(start, \(before)) WHERE id = \(table);
      DELETE FROM p\(table) WHERE "offset" < \(until);
      COMMIT
      """)
    if until < before { trims[index] = before }
    return max(0, Int(until - first))
  }

  private mutating func sweep(_ connection: Connection) throws(SQLiteError) -> Int {
    guard let index = sweeps.popFirst() else { return 0 }
    let (table, last) = core.state.withLock { ($0.partitions[index].table, $0.partitions[index].committed - 1) }
    // The append itself removed what the tombstone stands for, so its age counts from there.
    let oldest = core.clock.now() - core.options.tombstoneMilliseconds
    try connection.execute(
      """
      DELETE FROM p\(table) WHERE "offset" IN (
        SELECT "offset" FROM p\(table) WHERE value IS NULL AND appended < \(oldest) AND "offset" < \(last) ORDER BY appended LIMIT \(rows))
      """)
    if connection.changes >= rows { sweeps.insert(index) }
    return connection.changes
  }
}
