import Ports
import Synchronization

/// What the writer does between its groups, in bounded steps: trimmed rows and old tombstones go.
struct Maintenance {
  /// Rows of one step: more would hold up the group behind it. How many a millisecond takes depends on their size, so it is found out.
  private static let fewest = 8
  private static let most = 1000
  private var rows = 64
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

  mutating func step(_ connection: Connection) {
    let begun = core.clock.monotonic()
    defer {
      lastStep = core.clock.monotonic()
      rows = lastStep - begun > 1 ? max(rows / 2, Maintenance.fewest) : min(rows + rows / 4, Maintenance.most)
    }
    if let (index, before) = trims.first {
      if trim(index, before, connection) { trims[index] = nil }
    } else if let index = sweeps.first {
      if sweep(index, connection) { sweeps.remove(index) }
    }
    if trims.isEmpty, sweeps.isEmpty { giveUp() }
  }

  /// Leaves what is left for another day: positions below a partition's start are refused whether their rows are gone or not.
  mutating func giveUp() {
    (trims, sweeps) = ([:], [])
    let done = whenDone
    whenDone = []
    for call in done { call() }
  }

  /// One step; true when there is no more to do, or it cannot be done now.
  private func trim(_ index: Int, _ before: Int64, _ connection: Connection) -> Bool {
    let table = core.state.withLock { $0.partitions[index].table }
    do {
      guard let first = try connection.integer("SELECT min(\"offset\") FROM p\(table)") else { return true }
      let until = min(before, first + Int64(rows))
      try connection.execute(
        """
        BEGIN IMMEDIATE;
        UPDATE partitions SET start = max(start, \(before)) WHERE id = \(table);
        DELETE FROM p\(table) WHERE "offset" < \(until);
        COMMIT
        """)
      return until == before
    } catch {
      if connection.isInTransaction { try? connection.execute("ROLLBACK") }
      return true
    }
  }

  private func sweep(_ index: Int, _ connection: Connection) -> Bool {
    let (table, last) = core.state.withLock { ($0.partitions[index].table, $0.partitions[index].committed - 1) }
    // The append itself removed what the tombstone stands for, so its age counts from there.
    let oldest = core.clock.now() - core.options.tombstoneMilliseconds
    do {
      try connection.execute(
        """
        DELETE FROM p\(table) WHERE "offset" IN (
          SELECT "offset" FROM p\(table) WHERE value IS NULL AND appended < \(oldest) AND "offset" < \(last) ORDER BY appended LIMIT \(rows))
        """)
      return connection.changes < rows
    } catch {
      return true
    }
  }
}
