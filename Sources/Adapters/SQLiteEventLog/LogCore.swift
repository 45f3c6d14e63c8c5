import Ports
import Synchronization

/// What log, sessions, readers and writer share. One lock gives offsets and a place in the line together: the writer's order is the order of offsets.
final class LogCore: Sendable {
  let folder: String
  let options: SQLiteEventLog.Options
  let clock: any Clock
  let topics: [String: Int]
  let indexes: [TopicPartition: Int]
  let state: Mutex<LogState>
  let writerWakes = Semaphore()
  let readConnections: ReadConnections
  let health: LogHealth
  /// Held until the writer has closed the file, whoever lets go of the log; let go of then, if it is the log's own.
  let lock: FolderLock
  let ownsLock: Bool

  init(folder: String, options: SQLiteEventLog.Options, clock: any Clock, stored: [StoredPartition], lock: FolderLock, ownsLock: Bool) {
    self.lock = lock
    self.ownsLock = ownsLock
    self.folder = folder
    self.options = options
    self.clock = clock
    topics = stored.reduce(into: [:]) { $0[$1.target.topic, default: 0] += 1 }
    indexes = Dictionary(uniqueKeysWithValues: stored.enumerated().map { ($1.target, $0) })
    state = Mutex(LogState(partitions: stored.map(PartitionState.init)))
    health = LogHealth(folder: folder)
    readConnections = ReadConnections(path: folder + "/" + Schema.fileName, vfs: options.vfs)
  }

  func append(_ records: [NewRecord], tag: UInt64, _ session: SessionState) {
    let refusal = session.partition == nil ? unknown(session.target) : refusal(records)
    let finished = enqueue { s, wakes in
      guard !session.closed.load(ordering: .relaxed) else { return nil }
      if session.dead.load(ordering: .relaxed) {
        return .report(session, AppendReport(tag: tag, outcome: .failure(.sessionLost("an earlier append failed"))))
      }
      if let refusal { return .report(session, AppendReport(tag: tag, outcome: .failure(refusal))) }
      // New work is refused at once while what is already here finds no room; journals go on trying, which shows when there is room again.
      if session.durability == .ordered, let problem = self.health.writing {
        session.dead.store(true, ordering: .relaxed)
        return .report(session, AppendReport(tag: tag, outcome: .failure(.sessionLost("\(problem)"))))
      }
      guard let partition = session.partition else { return nil }
      let now = self.clock.now()
      var taken: [LogRecord] = []
      taken.reserveCapacity(records.count)
      for record in records { taken.append(s.partitions[partition].take(record, at: now, &wakes)) }
      return .append(session, tag: tag, partition: partition, records: taken)
    }
    if finished, !session.closed.load(ordering: .relaxed) {
      session.deliver([AppendReport(tag: tag, outcome: .failure(.sessionLost("the log is closed")))])
    }
  }

  func project(_ records: [ProjectedRecord], deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void) {
    for record in records {
      let failure = indexes[record.target] == nil ? unknown(record.target) : refusal([record.record])
      if let failure { return deliver(.failure(failure)) }
    }
    let finished = enqueue { s, wakes in
      let now = self.clock.now()
      var taken: [(partition: Int, record: LogRecord)] = []
      for record in records {
        guard let partition = self.indexes[record.target] else { continue }
        taken.append((partition, s.partitions[partition].take(record.record, at: now, &wakes)))
      }
      return .project(taken, deliver)
    }
    if finished { deliver(.failure(.unavailable("the log is closed"))) }
  }

  func bounds(_ source: TopicPartition) throws(LogFailure) -> (start: Int64, end: Int64) {
    guard let index = indexes[source] else { throw unknown(source) }
    return state.withLock { ($0.partitions[index].start, $0.partitions[index].committed) }
  }

  /// Walks from the start: whoever asks is about to trim what lies before.
  func offset(_ source: TopicPartition, since time: Int64) throws(LogFailure) -> Int64 {
    guard let index = indexes[source] else { throw unknown(source) }
    let (table, start, end) = state.withLock { ($0.partitions[index].table, $0.partitions[index].start, $0.partitions[index].committed) }
    do {
      let reading = try readConnections.take()
      let found = try reading.first(table, from: start, to: end, since: time) ?? end
      readConnections.give(reading)
      return found
    } catch {
      throw .unavailable("reading \(source): \(error)")
    }
  }

  func trim(_ target: TopicPartition, before: Int64) throws(LogFailure) {
    guard let index = indexes[target] else { throw unknown(target) }
    change { s in
      // The last row stays: the next offset is read from it.
      let limit = min(before, s.partitions[index].committed - 1)
      guard limit > s.partitions[index].start else { return }
      s.partitions[index].trim(to: limit)
      s.trims[index] = limit
    }
  }

  /// Changes the state and wakes the writer, if it sleeps.
  func change(_ body: (inout LogState) -> Void) {
    let sleeps = state.withLock { s in
      body(&s)
      defer { s.writerSleeps = false }
      return s.writerSleeps
    }
    if sleeps { writerWakes.signal() }
  }

  /// Puts an item into the line; true when the log is closed and nothing was done.
  private func enqueue(_ make: (inout LogState, inout [@Sendable () -> Void]) -> WriteItem?) -> Bool {
    var wakes: [@Sendable () -> Void] = []
    var finished = false
    change { s in
      finished = s.finished
      guard !finished, let item = make(&s, &wakes) else { return }
      s.queue.append(item)
    }
    for wake in wakes { wake() }
    return finished
  }

  private func unknown(_ target: TopicPartition) -> LogFailure { .refused("there is no partition \(target)") }

  private func refusal(_ records: [NewRecord]) -> LogFailure? {
    if records.isEmpty { return .refused("an append of no records") }
    for record in records {
      let size = record.key.count + (record.value?.count ?? 0)
      if size > options.maxRecordBytes { return .tooLarge(bytes: size, limit: options.maxRecordBytes) }
    }
    return nil
  }
}
