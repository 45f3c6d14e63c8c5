package import Ports
import Synchronization

/// The event log of the embedded home: one SQLite file in a data folder, one thread that writes.
///
/// Everything that waits for the writer goes into one transaction, synced to the disk once; a transaction of `.ordered` appends alone is not synced by itself, but by the next
/// one that is, or after a few milliseconds of quiet: one write-ahead log, whose frames are valid only behind all earlier ones. Offsets are given out when an append is called; records can be read with
/// `.ordered` visibility from then on, with `.committed` once their transaction is durable. A record never survives without those that were
/// appended before it, in any partition. When a transaction fails, everything in it and behind it fails with `.sessionLost` and the log goes on from what the file holds.
package final class SQLiteEventLog: EventLog {
  package struct Options: Sendable {
    /// Bytes of key and value that one record may have; more is `.refused`.
    package var maxRecordBytes = 1 << 20
    /// Records and bytes of each partition that are kept in memory for readers at its end.
    package var tailRecords = 4096
    package var tailBytes = 4 << 20
    /// How long tombstones of compacted topics are kept, milliseconds of append time.
    package var tombstoneMilliseconds: Int64 = 3_600_000
    /// Files of up to so many bytes are looked through for damage at start (`PRAGMA quick_check`): about a second per GB.
    package var verifyBytes: Int64 = 256 << 20
    /// By which of SQLite's ways to the disk; nil: the usual one. For tests of bad disks.
    package var vfs: String?

    package init() {}
  }

  private let core: LogCore
  private let writer: WriterThread

  /// Opens the log in `folder`, or makes it. Topics that are new are added; those of earlier starts stay.
  /// Append times come from `clock`. Without `lock` the folder is locked until the log is shut down.
  package init(
    folder: String, topics: [TopicDeclaration], clock: any Clock, options: Options = Options(), lock: FolderLock? = nil
  ) throws(EventLogStartFailure) {
    let held = if let lock { lock } else { try FolderLock(folder: folder) }
    // The writer opens a connection of its own on its thread; this one only makes, checks and reads, and is closed here.
    let stored = try Schema.open(folder: folder, topics: topics, options: options).1
    core = LogCore(folder: folder, options: options, clock: clock, stored: stored, lock: held, ownsLock: lock == nil)
    writer = try WriterThread(core)
  }

  deinit { shutdown() }

  package func partitions(of topic: String) -> Int? { core.topics[topic] }

  /// What keeps it from being written or read now; nil when nothing does. It goes by itself when the reason goes.
  package var problem: LogProblem? { core.health.problem }

  package func openSession(
    _ target: TopicPartition, durability: Durability, deliver: @escaping @Sendable ([AppendReport]) -> Void
  ) -> any AppendSession {
    Session(core: core, state: SessionState(partition: core.indexes[target], target: target, durability: durability, deliver: deliver))
  }

  package func openReader(
    _ source: TopicPartition, from: Int64, key: [UInt8]?, visibility: Visibility, wake: @escaping @Sendable () -> Void
  ) -> any LogReader {
    SQLiteReader(core: core, source: source, from: from, key: key, visibility: visibility, wake: wake)
  }

  package func project(_ records: [ProjectedRecord], deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void) {
    core.project(records, deliver: deliver)
  }

  package func openProjection(_ name: String, ready: @escaping @Sendable (Result<any ProjectionSession, LogFailure>) -> Void) {
    ready(.success(Projection(log: self)))
  }

  package func bounds(_ source: TopicPartition, deliver: @escaping @Sendable (Result<(start: Int64, end: Int64), LogFailure>) -> Void) {
    deliver(Result { () throws(LogFailure) in try core.bounds(source) })
  }

  package func offset(_ source: TopicPartition, since time: Int64, deliver: @escaping @Sendable (Result<Int64, LogFailure>) -> Void) {
    deliver(Result { () throws(LogFailure) in try core.offset(source, since: time) })
  }

  package func trim(_ target: TopicPartition, before: Int64, deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void) {
    deliver(Result { () throws(LogFailure) in try core.trim(target, before: before) })
  }

  package func bounds(_ source: TopicPartition) throws(LogFailure) -> (start: Int64, end: Int64) { try core.bounds(source) }

  package func trim(_ target: TopicPartition, before: Int64) throws(LogFailure) { try core.trim(target, before: before) }

  /// Writes what waits, reports it, closes the file. Blocks until that is done (not on the writer's own thread, that is in a `deliver`); calling it again does nothing.
  package func shutdown() { writer.stop() }

  /// Finishes the trims that were asked for and drops tombstones that are old enough; the writer does both by itself too, between its groups.
  package func maintain() async {
    await withCheckedContinuation { done in
      core.change { s in
        if s.finished { return done.resume() }
        s.sweepWanted = true
        s.whenMaintained.append { done.resume() }
      }
    }
  }

  /// Lets the file grow no further than it is, or again: what a full disk does, for tests of exactly that.
  package func limitGrowth(_ limited: Bool) {
    core.change { $0.controls.append { try? $0.execute("PRAGMA max_page_count=\(limited ? 1 : 1_073_741_823)") } }
  }
}

/// One file, one process: the folder's lock is the fence.
private struct Projection: ProjectionSession {
  let log: SQLiteEventLog

  func project(
    _ records: [ProjectedRecord], source: TopicPartition, position: Int64, deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void
  ) {
    log.project(records, deliver: deliver)
  }

  func close() {}
}

private struct Session: AppendSession {
  let core: LogCore
  let state: SessionState

  func append(_ records: [NewRecord], tag: UInt64) { core.append(records, tag: tag, state) }

  func close() { state.closed.store(true, ordering: .relaxed) }
}
