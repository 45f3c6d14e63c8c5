package import Ports
import Synchronization

/// The event log of the embedded home: SQLite files in a data folder, one for journals and what they follow from, one for what projectors derive from them; each has one thread
/// that writes. What is said here holds within each of them.
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

  private let journals: LogCore
  /// Nil where no topic is declared as derived.
  private let derived: LogCore?
  private let writers: [WriterThread]
  private var cores: [LogCore] { [journals] + (derived.map { [$0] } ?? []) }

  /// Opens the log in `folder`, or makes it. Topics that are new are added; those of earlier starts stay.
  /// Append times come from `clock`. Without `lock` the folder is locked until the log is shut down.
  package init(
    folder: String, topics: [TopicDeclaration], clock: any Clock, options: Options = Options(), lock: FolderLock? = nil
  ) throws(EventLogStartFailure) {
    let held = try HeldLock(folder: folder, lock: lock)
    let apart = topics.filter(\.isDerived)
    try Split.make(folder: folder, derived: apart, options: options)
    // Writers open connections of their own on their threads; what is opened here only checks and reads.
    func core(_ part: LogPart, _ topics: [TopicDeclaration]) throws(EventLogStartFailure) -> LogCore {
      let (version, stored) = try Schema.open(part, folder: folder, topics: topics, options: options)
      return LogCore(part, folder: folder, options: options, clock: clock, version: version, stored: stored, lock: held)
    }
    journals = try core(.journals, topics.filter { !$0.isDerived })
    derived = apart.isEmpty ? nil : try core(.derived, apart)
    var writers = [try WriterThread(journals)]
    if let derived { writers.append(try WriterThread(derived)) }
    self.writers = writers
  }

  deinit { shutdown() }

  private func core(of topic: String) -> LogCore {
    if let derived, derived.topics[topic] != nil { return derived }
    return journals
  }

  package func partitions(of topic: String) -> Int? { core(of: topic).topics[topic] }

  /// What keeps it from being written or read now; nil when nothing does. It goes by itself when the reason goes.
  package var problem: LogProblem? {
    // Each is asked once: a lazy sequence asks for what it has found again, and meanwhile it may be gone.
    for core in cores { if let problem = core.health.problem { return problem } }
    return nil
  }

  package func openSession(
    _ target: TopicPartition, durability: Durability, deliver: @escaping @Sendable ([AppendReport]) -> Void
  ) -> any AppendSession {
    let core = core(of: target.topic)
    return Session(
      core: core, state: SessionState(partition: core.indexes[target], target: target, durability: durability, deliver: deliver))
  }

  package func openReader(
    _ source: TopicPartition, from: Int64, key: [UInt8]?, visibility: Visibility, wake: @escaping @Sendable () -> Void
  ) -> any LogReader {
    SQLiteReader(core: core(of: source.topic), source: source, from: from, key: key, visibility: visibility, wake: wake)
  }

  /// All of `records` belong into one of the files.
  package func project(_ records: [ProjectedRecord], deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void) {
    core(of: records.first?.target.topic ?? "").project(records, deliver: deliver)
  }

  package func openProjection(_ name: String, ready: @escaping @Sendable (Result<any ProjectionSession, LogFailure>) -> Void) {
    ready(.success(Projection(log: self)))
  }

  package func bounds(_ source: TopicPartition, deliver: @escaping @Sendable (Result<(start: Int64, end: Int64), LogFailure>) -> Void) {
    deliver(Result { () throws(LogFailure) in try bounds(source) })
  }

  package func offset(_ source: TopicPartition, since time: Int64, deliver: @escaping @Sendable (Result<Int64, LogFailure>) -> Void) {
    deliver(Result { () throws(LogFailure) in try core(of: source.topic).offset(source, since: time) })
  }

  package func trim(_ target: TopicPartition, before: Int64, deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void) {
    deliver(Result { () throws(LogFailure) in try trim(target, before: before) })
  }

  package func bounds(_ source: TopicPartition) throws(LogFailure) -> (start: Int64, end: Int64) {
    try core(of: source.topic).bounds(source)
  }

  package func trim(_ target: TopicPartition, before: Int64) throws(LogFailure) { try core(of: target.topic).trim(target, before: before) }

  /// Writes what waits, reports it, closes the file. Blocks until that is done (not on the writer's own thread, that is in a `deliver`); calling it again does nothing.
  package func shutdown() {
    for writer in writers { writer.stop() }
  }

  /// Finishes the trims that were asked for and drops tombstones that are old enough; the writer does both by itself too, between its groups.
  package func maintain() async {
    for core in cores {
      await withCheckedContinuation { done in
        core.change { s in
          if s.finished { return done.resume() }
          s.sweepWanted = true
          s.whenMaintained.append { done.resume() }
        }
      }
    }
  }

  /// Lets the file grow no further than it is, or again: what a full disk does, for tests of exactly that.
  package func limitGrowth(_ limited: Bool) {
    for core in cores { core.change { $0.controls.append { try? $0.execute("PRAGMA max_page_count=\(limited ? 1 : 1_073_741_823)") } } }
  }
}

/// One folder, one process: the folder's lock is the fence.
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
