import Foundation
import Ports
import PortsTesting
import SQLiteEventLog
import Synchronization
import Testing

@Suite("The embedded log: bad days") struct SQLiteFailureTests {
  private let large = String(repeating: "x", count: 200_000)

  @Test("A commit that finds no room ends every session in it and behind it; the log goes on when there is room")
  func fullDisk() async throws {
    try await withFolder { (folder) async throws in
      try await withLog(folder) { (log) async throws in
        try await log.write(journal, [record("k", "before")])
        log.limitGrowth(true)
        let (failed, behind) = (Reports(), Reports())
        let session = log.openSession(journal, durability: .synced, deliver: failed.deliver)
        let other = log.openSession(commands, durability: .ordered, deliver: behind.deliver)
        let ahead = log.reader(journal, from: 1, .ordered)
        session.append([record("k", large)], tag: 1)
        _ = try await ahead.take(records: 1, bytes: 1)
        session.append([record("k", "small")], tag: 2)
        other.append([record("k", large)], tag: 3)
        #expect(await failed.first(2).map(\.isLost) == [true, true])
        #expect(await behind.first(1).map(\.isLost) == [true])
        #expect(try await log.bounds(journal) == (0, 1))
        #expect(try await log.reader(journal, .ordered).all().map(\.text) == ["k=before"], "the tail went back to what the file holds")

        log.limitGrowth(false)
        session.append([record("k", "dead")], tag: 4)
        #expect(await failed.first(3).map(\.isLost) == [true, true, true])
        #expect(try await log.write(journal, [record("k", "a"), record("k", "b"), record("k", "c")]) == [1, 2, 3])
        #expect(try await log.reader(journal).all().map(\.text) == ["k=before", "k=a", "k=b", "k=c"])
        if ahead.position > 1 {
          await #expect(throws: LogFailure.outOfRange(start: 0, end: 4), "it had read what is no more") {
            try await ahead.take(records: 1, bytes: 1)
          }
        }
      }
    }
  }

  @Test("A projection that finds no room leaves nothing, in any partition")
  func projectionWithoutRoom() async throws {
    try await withFolder { (folder) async throws in
      try await withLog(folder) { (log) async throws in
        try await log.write(snapshot, [record("doc", "old")])
        log.limitGrowth(true)
        let result = try await log.project([
          ProjectedRecord(snapshot, record("doc", "new")), ProjectedRecord(commands, record("k", large)),
          ProjectedRecord(snapshot, record("ledger", "1")),
        ])
        #expect(throws: LogFailure.self) { try result.get() }
        #expect(try await log.reader(snapshot).all().map(\.text) == ["doc=old"])
        #expect(try await log.reader(commands).all().isEmpty)
      }
    }
  }

  @Test("A reader in wait is woken by a rollback, to learn of it")
  func wokenByRollback() async throws {
    try await withFolder { (folder) async throws in
      try await withLog(folder) { (log) async throws in
        log.limitGrowth(true)
        let bell = Bell()
        let reader = Reading(reader: log.openReader(journal, from: 0, key: nil, visibility: .committed, wake: bell.ring), bell: bell)
        #expect(try await reader.all().isEmpty)
        let reports = Reports()
        log.openSession(journal, durability: .synced, deliver: reports.deliver).append([record("k", large)], tag: 1)
        #expect(await reports.first(1).map(\.isLost) == [true])
        await bell.heard()
        #expect(try await reader.all().isEmpty)
      }
    }
  }

  @Test("What is ordered is readable at once; what is committed only when it is durable")
  func orderedBeforeCommitted() async throws {
    try await withFolder { (folder) async throws in
      try await withLog(folder) { (log) async throws in
        let gate = DispatchSemaphore(value: 0)
        let (held, reports) = (Reports(), Reports())
        // A report that does not return holds the writer, and with it every later commit.
        let blocking = log.openSession(TopicPartition("journal", 1), durability: .synced) { some in
          held.deliver(some)
          gate.wait()
        }
        defer { gate.signal() }
        blocking.append([record("k", "0")], tag: 0)
        _ = await held.first(1)
        let session = log.openSession(commands, durability: .ordered, deliver: reports.deliver)
        let bell = Bell()
        let waiting = Reading(reader: log.openReader(commands, from: 0, key: nil, visibility: .ordered, wake: bell.ring), bell: bell)
        #expect(try await waiting.all().isEmpty)
        session.append([record("k", "1")], tag: 1)
        #expect(bell.count == 1)
        #expect(try await waiting.all().map(\.text) == ["k=1"])
        #expect(try await log.reader(commands, .committed).all().isEmpty)
        #expect(try await log.bounds(commands).end == 0)
        #expect(reports.now.isEmpty)
        let durable = Reading(reader: log.openReader(commands, from: 0, key: nil, visibility: .committed, wake: bell.ring), bell: bell)
        #expect(try await durable.all().isEmpty)
        gate.signal()
        #expect(await reports.first(1).map(\.offset) == [0])
        await bell.heard()
        while try await durable.all().isEmpty { await bell.heard() }
      }
    }
  }

  @Test("What is only ordered becomes durable with the next synced append, and by itself when nothing follows")
  func orderedBecomesCommitted() async throws {
    try await withFolder { (folder) async throws in
      try await withLog(folder) { (log) async throws in
        let reports = Reports()
        let session = log.openSession(commands, durability: .ordered, deliver: reports.deliver)
        for number in 0..<3 {
          session.append([record("k", "\(number)")], tag: UInt64(number))
          _ = await reports.first(number + 1)
        }
        try await log.write(journal, [record("k", "0")])
        #expect(try await log.bounds(commands).end == 3)
        let bell = Bell()
        let reader = Reading(
          reader: log.openReader(commands, from: 3, key: Array("k".utf8), visibility: .committed, wake: bell.ring), bell: bell)
        #expect(try await reader.all().isEmpty)
        session.append([record("k", "3")], tag: 3)
        await bell.heard()
        #expect(try await reader.all().map(\.text) == ["k=3"])
      }
    }
  }

  @Test("Tombstones go when they are old enough, except the last record")
  func tombstones() async throws {
    let clock = ManualClock()
    try await withFolder { (folder) async throws in
      try await withLog(folder, clock: clock) { (log) async throws in
        try await log.write(snapshot, [record("a", "1"), record("a", nil), record("b", "1"), record("c", nil)])
        clock.advance(by: 3_600_000)
        await log.maintain()
        #expect(try await reread(log) == ["a", "b=1", "c"])
        clock.advance(by: 1)
        await log.maintain()
        #expect(try await reread(log).contains("c"), "the last record stays")
      }
      try await withLog(folder, clock: clock) { (log) async throws in
        #expect(try await log.reader(snapshot).all().map(\.text) == ["b=1", "c"])
        #expect(try await log.bounds(snapshot).end == 4)
      }
    }
  }

  /// What a compacted partition folds to: the latest record of each key, in order of offsets.
  private func reread(_ log: SQLiteEventLog) async throws -> [String] {
    var latest: [[UInt8]: LogRecord] = [:]
    for one in try await log.reader(snapshot).all() { latest[one.key] = one }
    return latest.values.sorted { $0.offset < $1.offset }.map(\.text)
  }

  @Test("A long trim goes on in steps while appends go through")
  func longTrim() async throws {
    try await withFolder { (folder) async throws in
      try await withLog(folder) { (log) async throws in
        try await log.write(journal, (0..<5000).map { record("k", "\($0)") })
        try await log.trim(journal, before: 4500)
        #expect(try await log.write(journal, [record("k", "after")]) == [5000])
        await log.maintain()
        #expect(try await log.bounds(journal) == (4500, 5001))
        #expect(try await log.reader(journal).all().count == 501)
      }
    }
  }

  @Test("Readers at the end, in the file and with a filter agree while writers go on")
  func concurrentReaders() async throws {
    var options = SQLiteEventLog.Options()
    options.tailRecords = 16
    try await withFolder { (folder) async throws in
      try await withLog(folder, options: options) { (log) async throws in
        try await withThrowingTaskGroup(of: Void.self) { group in
          for writer in 0..<2 {
            group.addTask { try await log.write(journal, (0..<2000).map { record("w\(writer)", "\($0)") }) }
          }
          for key in [nil, "w0", "w1"] as [String?] {
            group.addTask {
              let bell = Bell()
              let filter = key.map { Array($0.utf8) }
              let reader = Reading(reader: log.openReader(journal, from: 0, key: filter, visibility: .ordered, wake: bell.ring), bell: bell)
              let wanted = key == nil ? 4000 : 2000
              var seen: [LogRecord] = []
              while seen.count < wanted {
                seen += try await reader.all(records: 50)
                if seen.count < wanted { await bell.heard() }
              }
              if key == nil {
                #expect(seen.map(\.offset) == (0..<4000).map { Int64($0) })
              } else {
                #expect(seen.map { $0.text.split(separator: "=").last.flatMap { Int($0) } } == (0..<2000).map { $0 })
              }
            }
          }
          try await group.waitForAll()
        }
      }
    }
  }
}
