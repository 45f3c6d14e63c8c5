package import Ports
import Synchronization

/// What befalls one append, as a test or a simulation decides.
package enum AppendFate: Sendable {
  case lands
  /// Two copies of it land, one after the other; the report names the second (a resend after a lost acknowledgement).
  case landsTwice
  /// It lands, but is reported as lost, and the session is over.
  case landsUnreported
  /// It never lands; the session is over.
  case isLost
  /// It is reported as lost and the session is over, but it lands at the next `landLate()`.
  case landsLate
  /// It lands, or never does, and is reported as taken, but without an offset; the session goes on.
  case landsWithoutOffset
  case isLostWithoutOffset
}

/// The event log in memory. Appends are committed and reported at once, or (`manual`) stay visible-but-not-durable until `flush` commits them in the order in which they
/// came. Reports and wakes are called outside the lock, one at a time over the whole log, on the thread of whoever appended or flushed.
package final class InMemoryEventLog: EventLog {
  package static let standardRecordLimit = 1 << 20

  struct Pending {
    var session: UInt64
    var tag: UInt64
    var ends: [(partition: TopicPartition, end: Int64)]
    var failure: LogFailure?
    var hidesOffset = false
    var project: (@Sendable (Result<Void, LogFailure>) -> Void)?
  }

  struct Session {
    var dead = false
    let target: TopicPartition
    let deliver: @Sendable ([AppendReport]) -> Void
  }

  struct State {
    var partitions: [TopicPartition: MemoryPartition] = [:]
    var sessions: [UInt64: Session] = [:]
    var pending: [Pending] = []
    var late: [(target: TopicPartition, records: [NewRecord])] = []
    var fate: (@Sendable (TopicPartition, [NewRecord]) -> AppendFate)?
    /// Partitions that somebody may wait for.
    var waiting: Set<TopicPartition> = []
    var number: UInt64 = 0
    /// Who holds each projector's name now.
    var projections: [String: UInt64] = [:]
    var calls: [@Sendable () -> Void] = []
    var calling = false
    var manual: Bool
  }

  let state: Mutex<State>
  let topics: [String: TopicDeclaration]
  let clock: any Clock
  let maxRecordBytes: Int

  package init(
    topics: [TopicDeclaration], clock: any Clock = ManualClock(), manual: Bool = false,
    maxRecordBytes: Int = InMemoryEventLog.standardRecordLimit
  ) {
    var partitions: [TopicPartition: MemoryPartition] = [:]
    for topic in topics {
      for number in 0..<topic.partitions { partitions[TopicPartition(topic.name, number)] = MemoryPartition(compacted: topic.compacted) }
    }
    self.topics = Dictionary(topics.map { ($0.name, $0) }) { first, _ in first }
    self.clock = clock
    self.maxRecordBytes = maxRecordBytes
    state = Mutex(State(partitions: partitions, manual: manual))
  }

  package func partitions(of topic: String) -> Int? { topics[topic]?.partitions }

  package func openSession(
    _ target: TopicPartition, durability: Durability, deliver: @escaping @Sendable ([AppendReport]) -> Void
  ) -> any AppendSession {
    let id = state.withLock { s in
      s.number += 1
      s.sessions[s.number] = Session(target: target, deliver: deliver)
      return s.number
    }
    return MemorySession(log: self, id: id)
  }

  package func openReader(
    _ source: TopicPartition, from: Int64, key: [UInt8]?, visibility: Visibility, wake: @escaping @Sendable () -> Void
  ) -> any LogReader {
    let id = state.withLock { s in
      s.number += 1
      // 0 asks for what there is; any other position is meant.
      let position = from == 0 ? s.partitions[source]?.start ?? 0 : from
      s.partitions[source]?.readers[s.number] = MemoryReaderState(position: position, key: key, visibility: visibility, wake: wake)
      return s.number
    }
    return MemoryReader(log: self, source: source, id: id)
  }

  package func project(_ records: [ProjectedRecord], deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void) {
    project(records, as: nil, deliver: deliver)
  }

  func project(
    _ records: [ProjectedRecord], as holder: (name: String, number: UInt64)?,
    deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void
  ) {
    change { s in
      var pending = Pending(session: 0, tag: 0, ends: [], project: deliver)
      pending.failure = refusal(records, s)
      if let holder, s.projections[holder.name] != holder.number { pending.failure = .sessionLost("another projector has the name") }
      if pending.failure == nil {
        for record in records {
          s.partitions[record.target]?.append([record.record], at: clock.now())
          pending.ends.append((record.target, s.partitions[record.target]?.next ?? 0))
        }
      }
      s.pending.append(pending)
    }
  }

  /// Ready once everything is committed that whoever had the name before has written; from now on that one writes nothing more.
  package func openProjection(_ name: String, ready: @escaping @Sendable (Result<any ProjectionSession, LogFailure>) -> Void) {
    change { s in
      s.number += 1
      s.projections[name] = s.number
      let session = MemoryProjection(log: self, name: name, number: s.number)
      s.pending.append(Pending(session: 0, tag: 0, ends: [], project: { ready($0.map { _ in session }) }))
    }
  }

  package func bounds(_ source: TopicPartition, deliver: @escaping @Sendable (Result<(start: Int64, end: Int64), LogFailure>) -> Void) {
    deliver(Result { () throws(LogFailure) in try bounds(source) })
  }

  package func offset(_ source: TopicPartition, since time: Int64, deliver: @escaping @Sendable (Result<Int64, LogFailure>) -> Void) {
    guard let found = state.withLock({ $0.partitions[source]?.offset(since: time) }) else {
      return deliver(.failure(.refused("there is no partition \(source)")))
    }
    deliver(.success(found))
  }

  package func trim(_ target: TopicPartition, before: Int64, deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void) {
    deliver(Result { () throws(LogFailure) in try trim(target, before: before) })
  }

  package func bounds(_ source: TopicPartition) throws(LogFailure) -> (start: Int64, end: Int64) {
    let bounds = state.withLock { s in s.partitions[source].map { ($0.start, $0.committed) } }
    guard let bounds else { throw .refused("there is no partition \(source)") }
    return bounds
  }

  package func trim(_ target: TopicPartition, before: Int64) throws(LogFailure) {
    let known = state.withLock { $0.partitions[target]?.trim(before: before) != nil }
    guard known else { throw .refused("there is no partition \(target)") }
  }

  /// Does something under the lock, commits what is to be committed at once, wakes whom it concerns, and makes the calls that follow from it.
  func change(_ body: (inout State) -> Void) {
    state.withLock { s in
      body(&s)
      wakeReaders(&s)
      if !s.manual { settle(&s, count: s.pending.count) }
    }
    makeCalls()
  }

  /// Commits the `count` oldest pending appends.
  func settle(_ s: inout State, count: Int) {
    for pending in s.pending.prefix(count) {
      for (partition, end) in pending.ends { s.partitions[partition]?.commit(through: end) }
      report(pending, pending.failure, &s)
    }
    s.pending.removeFirst(min(count, s.pending.count))
    wakeReaders(&s)
  }

  func report(_ pending: Pending, _ failure: LogFailure?, _ s: inout State) {
    if let project = pending.project {
      s.calls.append { project(failure.map { .failure($0) } ?? .success(())) }
      return
    }
    guard let session = s.sessions[pending.session] else { return }
    let offset = pending.hidesOffset ? -1 : (pending.ends.last?.end ?? 0) - 1
    let report = AppendReport(tag: pending.tag, outcome: failure.map { .failure($0) } ?? .success(offset))
    s.calls.append { session.deliver([report]) }
  }

  func refusal(_ target: TopicPartition, _ records: [NewRecord], _ s: State) -> LogFailure? {
    guard s.partitions[target] != nil else { return .refused("there is no partition \(target)") }
    guard !records.isEmpty else { return .refused("an append of no records") }
    for record in records where record.key.count + (record.value?.count ?? 0) > maxRecordBytes {
      return .tooLarge(bytes: record.key.count + (record.value?.count ?? 0), limit: maxRecordBytes)
    }
    return nil
  }

  private func refusal(_ records: [ProjectedRecord], _ s: State) -> LogFailure? {
    for record in records {
      if let failure = refusal(record.target, [record.record], s) { return failure }
    }
    return nil
  }

  func wakeReaders(_ s: inout State) {
    // In a fixed order, so that a run can be repeated.
    for name in s.waiting.sorted() {
      guard let partition = s.partitions[name] else { continue }
      var left = false
      for (id, reader) in partition.readers.sorted(by: { $0.key < $1.key }) where reader.waiting != nil {
        guard partition.concerns(reader) else {
          left = true
          continue
        }
        s.partitions[name]?.readers[id]?.waiting = nil
        s.calls.append(reader.wake)
      }
      if !left { s.waiting.remove(name) }
    }
  }

  /// Only one thread makes calls at a time, so that they come in order; a call that appends leaves its own calls to the loop that it was made from.
  func makeCalls() {
    var first = true
    while true {
      let call: (@Sendable () -> Void)? = state.withLock { s in
        if first, s.calling { return nil }
        first = false
        s.calling = !s.calls.isEmpty
        return s.calls.isEmpty ? nil : s.calls.removeFirst()
      }
      guard let call else { return }
      call()
    }
  }
}

private struct MemoryProjection: ProjectionSession {
  let log: InMemoryEventLog
  let name: String
  let number: UInt64

  func project(
    _ records: [ProjectedRecord], source: TopicPartition, position: Int64, deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void
  ) {
    log.project(records, as: (name, number), deliver: deliver)
  }

  func close() {}
}
