import Journal
import PartitionRunner
import Ports
import Resources
import Synchronization

/// Whether a process lives. Its ways out go dead first, so that nothing which still runs of it can tidy the world up.
final class Life: Sendable {
  private let ended = Mutex(false)
  var isOver: Bool { ended.withLock { $0 } }
  func end() { ended.withLock { $0 = true } }
}

/// The log as one process has it: who is dead appends nothing.
struct MortalLog: EventLog {
  let log: any EventLog
  let life: Life
  let archive: Archive
  let transport: Transport

  func partitions(of topic: String) -> Int? { log.partitions(of: topic) }
  func openSession(
    _ target: TopicPartition, durability: Durability, deliver: @escaping @Sendable ([AppendReport]) -> Void
  ) -> any AppendSession {
    MortalSession(session: log.openSession(target, durability: durability, deliver: deliver), life: life)
  }
  func openReader(
    _ source: TopicPartition, from: Int64, key: [UInt8]?, visibility: Visibility, wake: @escaping @Sendable () -> Void
  ) -> any LogReader {
    DistantReader(log.openReader(source, from: from, key: key, visibility: visibility, wake: wake), transport, wake: wake)
  }
  func openProjection(_ name: String, ready: @escaping @Sendable (Result<any ProjectionSession, LogFailure>) -> Void) {
    guard !life.isOver else { return }
    log.openProjection(name) { [life, transport] outcome in
      ready(outcome.map { MortalProjection(session: $0, life: life, transport: transport) })
    }
  }
  func bounds(_ source: TopicPartition, deliver: @escaping @Sendable (Result<(start: Int64, end: Int64), LogFailure>) -> Void) {
    log.bounds(source, deliver: deliver)
  }
  func offset(_ source: TopicPartition, since time: Int64, deliver: @escaping @Sendable (Result<Int64, LogFailure>) -> Void) {
    log.offset(source, since: time, deliver: deliver)
  }
  func trim(_ target: TopicPartition, before: Int64, deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void) {
    guard !life.isOver else { return }
    archive.keep(target, before: before, of: log)
    log.trim(target, before: before, deliver: deliver)
  }
}

private struct MortalSession: AppendSession {
  let session: any AppendSession
  let life: Life

  func append(_ records: [NewRecord], tag: UInt64) {
    guard !life.isOver else { return }
    session.append(records, tag: tag)
  }
  func close() { session.close() }
}

private struct MortalProjection: ProjectionSession {
  let session: any ProjectionSession
  let life: Life
  let transport: Transport

  func project(
    _ records: [ProjectedRecord], source: TopicPartition, position: Int64, deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void
  ) {
    guard !life.isOver else { return }
    let failure = LogFailure.unavailable("the end of the transaction is not known")
    switch transport.transaction {
    case .lands: session.project(records, source: source, position: position, deliver: deliver)
    case .isLost: deliver(.failure(failure))
    case .landsUnreported: session.project(records, source: source, position: position) { _ in deliver(.failure(failure)) }
    }
  }
  func close() { session.close() }
}

/// Keeps for the auditors what is trimmed away.
final class Archive: Sendable {
  private let state = Mutex<[String: [LogRecord]]>([:])

  func records(_ topic: String) -> [LogRecord] { state.withLock { $0[topic] ?? [] } }

  /// Called before the log trims; how far it really goes it says itself (its last record stays), so what is still there is dropped here again when it is read.
  func keep(_ source: TopicPartition, before limit: Int64, of log: any EventLog) {
    let reader = log.openReader(source, from: 0, key: nil, visibility: .committed, wake: {})
    defer { reader.close() }
    guard let records = try? reader.take(records: .max, bytes: .max), let last = records.last else { return }
    let gone = records.filter { $0.offset < min(limit, last.offset) }
    state.withLock { $0[source.topic, default: []] += gone }
  }
}

/// A record of one of the owner's inputs, or what the owner does by itself.
struct Place: Hashable, Sendable {
  var input: UInt8
  var position: Int64
}

/// What the data folder keeps of commands that ended their process, and which ones do so.
final class Evidence: Sendable {
  private struct State {
    var deaths: [Place: Int] = [:]
    /// Kills of innocents that are still to come, at the next commands handled.
    var kills = 0
    /// Timers and long commands that have ended nobody yet will not do so any more.
    var spares = false
    /// Where requests stand that are rejected when they are met again, by their keys.
    var rejected: [IdempotencyKey: Int64] = [:]
  }
  /// Who handles a record that holds this dies of it.
  static let mark = Array("lethal!".utf8)
  private let state = Mutex(State())
  private let log: any EventLog
  private let inputs: [String]
  private let isOn: Bool
  private let hasDeadlyErrands: Bool
  /// One in so many timers and long commands ends whoever does it.
  static let deadlyErrands: UInt64 = 16

  init(log: any EventLog, inputs: [String], isOn: Bool, hasDeadlyErrands: Bool) {
    self.log = log
    self.inputs = inputs
    self.isOn = isOn
    self.hasDeadlyErrands = hasDeadlyErrands
  }

  func killNext() { state.withLock { $0.kills += 1 } }
  func forgive() { state.withLock { $0.kills = 0 } }
  func spareErrands() { state.withLock { $0.spares = true } }
  func deaths(_ place: Place) -> Int { state.withLock { $0.deaths[place] ?? 0 } }
  var all: [Place: Int] { state.withLock { $0.deaths } }

  /// Whether handling this ends the process now. What it did itself is stamped; a kill from outside is not.
  func ends(_ place: Place) -> Bool {
    if isLethal(place) {
      let key = place.input < ErrandInput.slice ? record(at: place).flatMap(key(of:)) : nil
      state.withLock { s in
        s.deaths[place, default: 0] += 1
        if let key, s.deaths[place] == 3 { s.rejected[key] = place.position }
      }
      return true
    }
    return state.withLock { s in
      defer { s.kills = max(0, s.kills - 1) }
      return s.kills > 0
    }
  }

  private func isLethal(_ place: Place) -> Bool {
    if place.input >= ErrandInput.slice {
      guard hasDeadlyErrands, UInt64(bitPattern: place.position) % Evidence.deadlyErrands == 0 else { return false }
      return state.withLock { !$0.spares || $0.deaths[place] != nil }
    }
    guard isOn, let record = record(at: place), record.value?.firstRange(of: Evidence.mark) != nil else { return false }
    // Whoever comes as far as a repeat has rejected the first one before, and answers from its key without doing anything.
    guard let key = key(of: record), let first = state.withLock({ $0.rejected[key] }) else { return true }
    return place.position <= first
  }

  private func record(at place: Place) -> LogRecord? {
    guard Int(place.input) < inputs.count else { return nil }
    let source = TopicPartition(inputs[Int(place.input)], 0)
    let reader = log.openReader(source, from: place.position, key: nil, visibility: .ordered, wake: {})
    defer { reader.close() }
    guard let record = try? reader.take(records: 1, bytes: 1).first, record.offset == place.position else { return nil }
    return record
  }

  private func key(of record: LogRecord) -> IdempotencyKey? { (try? Command(decoding: record.value ?? []))?.idempotency }
}

/// The page that a process notes its commands in.
struct SimulatedPoison: PoisonGuard {
  let evidence: Evidence
  let life: Life

  func note(input: UInt8, partition: Int, position: Int64) {
    guard !life.isOver, evidence.ends(Place(input: input, position: position)) else { return }
    life.end()
  }
  func clear() {}
  func isPoisoned(input: UInt8, partition: Int, position: Int64) -> Bool { evidence.deaths(Place(input: input, position: position)) >= 3 }
}

/// Due for a while after each request, and as long as the history says so.
final class SimulatedCourtesy: Courtesy {
  private let until = Mutex<Int64>(.min)
  private let memory: Int64

  init(memory: Int64) { self.memory = memory }

  func note(_ now: Int64) {
    guard memory > 0 else { return }
    hold(until: now + memory)
  }
  func hold(until instant: Int64) { until.withLock { $0 = max($0, instant) } }
  func isDue(_ now: Int64) -> Bool { until.withLock { now < $0 } }
}
