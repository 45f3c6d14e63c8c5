import Ports
import Synchronization
import Testing

/// Collects what a session reports and lets a test wait for a number of reports.
final class Reports: Sendable {
  private struct State {
    var reports: [AppendReport] = []
    var waiting: [(count: Int, resume: CheckedContinuation<Void, Never>)] = []
  }

  private let state = Mutex(State())

  var deliver: @Sendable ([AppendReport]) -> Void {
    { [self] reports in
      let ready = state.withLock { s in
        s.reports += reports
        let count = s.reports.count
        let ready = s.waiting.filter { $0.count <= count }
        s.waiting.removeAll { $0.count <= count }
        return ready
      }
      for one in ready { one.resume.resume() }
    }
  }

  var now: [AppendReport] { state.withLock { $0.reports } }

  /// The first `count` reports, once they are there.
  func first(_ count: Int) async -> [AppendReport] {
    await withCheckedContinuation { c in
      let ready = state.withLock { s in
        if s.reports.count >= count { return true }
        s.waiting.append((count, c))
        return false
      }
      if ready { c.resume() }
    }
    return Array(now.prefix(count))
  }
}

/// Counts wakes; a test waits for the next one that it has not seen.
final class Bell: Sendable {
  private struct State {
    var rung = 0
    var heard = 0
    var waiting: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())

  var ring: @Sendable () -> Void {
    { [self] in
      let waiting = state.withLock { s in
        s.rung += 1
        defer { s.waiting = nil }
        return s.waiting
      }
      waiting?.resume()
    }
  }

  var count: Int { state.withLock { $0.rung } }

  func heard() async {
    await withCheckedContinuation { c in
      let ready = state.withLock { s in
        if s.rung > s.heard { return true }
        s.waiting = c
        return false
      }
      if ready { c.resume() }
    }
    state.withLock { $0.heard = $0.rung }
  }
}

func record(_ key: String, _ value: String?) -> NewRecord {
  NewRecord(key: Array(key.utf8), value: value.map { Array($0.utf8) })
}

extension LogRecord {
  /// "key=value", or "key" for a tombstone.
  var text: String {
    let key = String(decoding: self.key, as: UTF8.self)
    return value.map { "\(key)=\(String(decoding: $0, as: UTF8.self))" } ?? key
  }
}

extension AppendReport {
  var offset: Int64? { try? outcome.get() }

  var isLost: Bool {
    if case .failure(.sessionLost) = outcome { true } else { false }
  }

  var isRefused: Bool {
    switch outcome {
    case .failure(.refused), .failure(.tooLarge): true
    default: false
    }
  }
}

/// A reader and its bell: what is on its way is waited for.
struct Reading {
  let reader: any LogReader
  let bell: Bell

  var position: Int64 { reader.position }

  /// What is there next; empty only at the end.
  func take(records: Int, bytes: Int) async throws -> [LogRecord] {
    while true {
      let some = try reader.take(records: records, bytes: bytes)
      if !some.isEmpty || reader.isAtEnd { return some }
      await bell.heard()
    }
  }

  /// Everything there is now.
  func all(records: Int = 100, bytes: Int = 1 << 20) async throws -> [LogRecord] {
    var all: [LogRecord] = []
    while true {
      let some = try await take(records: records, bytes: bytes)
      if some.isEmpty { return all }
      all += some
    }
  }

  /// Waits until there are `count`.
  func next(_ count: Int) async throws -> [LogRecord] {
    var all: [LogRecord] = []
    while all.count < count {
      let some = try reader.take(records: count - all.count, bytes: 1 << 20)
      if some.isEmpty { await bell.heard() } else { all += some }
    }
    return all
  }

  func close() { reader.close() }
}

extension EventLog {
  /// Appends each text "key=value" on its own and waits until all are reported; answers their offsets.
  @discardableResult
  func write(_ target: TopicPartition, _ records: [NewRecord]) async throws -> [Int64] {
    let reports = Reports()
    let session = openSession(target, durability: .synced, deliver: reports.deliver)
    for (index, record) in records.enumerated() { session.append([record], tag: UInt64(index)) }
    let offsets = try await reports.first(records.count).map { try $0.outcome.get() }
    session.close()
    return offsets
  }

  func projection(_ name: String = "test") async throws -> any ProjectionSession {
    try await withCheckedContinuation { c in openProjection(name) { c.resume(returning: $0) } }.get()
  }

  func project(_ records: [ProjectedRecord]) async throws -> Result<Void, LogFailure> {
    let session = try await projection()
    defer { session.close() }
    return await session.project(records)
  }

  func trim(_ target: TopicPartition, before: Int64) async throws {
    try await withCheckedContinuation { c in trim(target, before: before) { c.resume(returning: $0) } }.get()
  }

  func offset(_ source: TopicPartition, since time: Int64) async throws -> Int64 {
    try await withCheckedContinuation { c in offset(source, since: time) { c.resume(returning: $0) } }.get()
  }

  func reader(_ source: TopicPartition, from: Int64 = 0, key: String? = nil, _ visibility: Visibility = .committed) -> Reading {
    let bell = Bell()
    return Reading(
      reader: openReader(source, from: from, key: key.map { Array($0.utf8) }, visibility: visibility, wake: bell.ring), bell: bell)
  }
}

extension ProjectionSession {
  func project(_ records: [ProjectedRecord]) async -> Result<Void, LogFailure> {
    await withCheckedContinuation { c in project(records, source: journal, position: 0) { c.resume(returning: $0) } }
  }
}
