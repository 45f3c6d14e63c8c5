package import Ports
import Synchronization

struct MemorySession: AppendSession {
  let log: InMemoryEventLog
  let id: UInt64

  func append(_ records: [NewRecord], tag: UInt64) { log.append(records, tag: tag, session: id) }

  func close() { log.state.withLock { $0.sessions[id] = nil } }
}

extension InMemoryEventLog {
  func append(_ records: [NewRecord], tag: UInt64, session id: UInt64) {
    change { s in
      guard let session = s.sessions[id] else { return }
      var pending = Pending(session: id, tag: tag, ends: [])
      defer { s.pending.append(pending) }
      if session.dead {
        pending.failure = .sessionLost("an earlier append failed")
        return
      }
      pending.failure = refusal(session.target, records, s)
      guard pending.failure == nil else { return }
      let fate = s.fate?(session.target, records) ?? .lands
      switch fate {
      case .lands, .landsTwice, .landsUnreported, .landsWithoutOffset:
        s.partitions[session.target]?.append(records, at: clock.now())
        if case .landsTwice = fate { s.partitions[session.target]?.append(records, at: clock.now()) }
        pending.ends = [(session.target, s.partitions[session.target]?.next ?? 0)]
      case .landsLate: s.late.append((session.target, records))
      case .isLost, .isLostWithoutOffset: break
      }
      switch fate {
      case .lands, .landsTwice: break
      case .landsWithoutOffset, .isLostWithoutOffset: pending.hidesOffset = true
      case .landsUnreported, .isLost, .landsLate:
        pending.failure = .sessionLost("no acknowledgement came")
        s.sessions[id]?.dead = true
      }
    }
  }

  /// Asks `fate` about every append from now on (nil: all land).
  package func setFate(_ fate: (@Sendable (TopicPartition, [NewRecord]) -> AppendFate)?) { state.withLock { $0.fate = fate } }

  /// Appends, projections among them, that `flush` has not committed.
  package var pending: Int { state.withLock { $0.pending.count } }

  /// Commits and reports the oldest pending appends, at most `count`.
  package func flush(_ count: Int = .max) {
    state.withLock { settle(&$0, count: min(count, $0.pending.count)) }
    makeCalls()
  }

  /// Changes between committing at once and waiting for `flush`; what waits is committed when it is switched off.
  package func setManual(_ manual: Bool) {
    state.withLock { $0.manual = manual }
    if !manual { flush() }
  }

  /// What a failed commit does: everything pending is gone, its sessions are over, readers that saw it are out of range.
  package func failPending(_ why: String = "the commit failed") {
    state.withLock { s in
      for pending in s.pending {
        if pending.project == nil { s.sessions[pending.session]?.dead = true }
        report(pending, pending.failure ?? .sessionLost(why), &s)
      }
      s.pending = []
      for name in s.partitions.keys { s.partitions[name]?.rollBack() }
      wakeReaders(&s)
    }
    makeCalls()
  }

  /// What the death of a process does to its sessions: no report reaches anybody any more. `keeping` of the pending appends had been committed.
  package func crash(keeping count: Int = 0) {
    state.withLock { s in
      s.sessions = [:]
      settle(&s, count: min(count, s.pending.count))
      s.pending = []
      for name in s.partitions.keys {
        s.partitions[name]?.rollBack()
        s.partitions[name]?.readers = [:]
      }
      s.calls = []
    }
  }

  /// Appends what `.landsLate` held back; answers how many.
  @discardableResult
  package func landLate() -> Int {
    let late = state.withLock { s in
      defer { s.late = [] }
      return s.late
    }
    change { s in
      for (target, records) in late {
        s.partitions[target]?.append(records, at: clock.now())
        s.pending.append(Pending(session: 0, tag: 0, ends: [(target, s.partitions[target]?.next ?? 0)]))
      }
    }
    return late.count
  }

  /// Drops tombstones of compacted topics that were appended before `instant`, as a cleaner would.
  package func dropTombstones(before instant: Int64) {
    state.withLock { s in
      for (name, partition) in s.partitions where partition.compacted { s.partitions[name]?.dropTombstones(before: instant) }
    }
  }
}

final class MemoryReader: LogReader {
  private let log: InMemoryEventLog
  private let source: TopicPartition
  private let id: UInt64

  init(log: InMemoryEventLog, source: TopicPartition, id: UInt64) {
    self.log = log
    self.source = source
    self.id = id
  }

  deinit { close() }

  func take(records: Int, bytes: Int) throws(LogFailure) -> [LogRecord] {
    try log.state.withLock { (s: inout InMemoryEventLog.State) throws(LogFailure) -> [LogRecord] in
      guard let partition = s.partitions[source] else { throw .refused("there is no partition \(source)") }
      guard let reader = partition.readers[id] else { throw .unavailable("the reader is closed") }
      let end = partition.end(reader.visibility)
      if reader.broken || reader.position < partition.start || reader.position > partition.next {
        throw .outOfRange(start: partition.start, end: end)
      }
      let (found, position) = partition.read(
        from: reader.position, key: reader.key, visibility: reader.visibility, records: max(1, records), bytes: bytes)
      s.partitions[source]?.readers[id]?.position = position
      s.partitions[source]?.readers[id]?.waiting = found.isEmpty ? end : nil
      if found.isEmpty { s.waiting.insert(source) }
      return found
    }
  }

  var isAtEnd: Bool { true }
  var position: Int64 { log.state.withLock { $0.partitions[source]?.readers[id]?.position ?? 0 } }

  func close() { log.state.withLock { $0.partitions[source]?.readers[id] = nil } }
}
