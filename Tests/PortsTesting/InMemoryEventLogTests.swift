import Ports
import PortsTesting
import Synchronization
import Testing

@Suite("The event log in memory, held back and broken") struct InMemoryEventLogTests {
  private let topics = [TopicDeclaration("t", partitions: 1), TopicDeclaration("t.state", partitions: 1)]
  private let target = TopicPartition("t", 0)

  private final class Seen: Sendable {
    let reports = Mutex<[AppendReport]>([])
    var deliver: @Sendable ([AppendReport]) -> Void { { [self] some in reports.withLock { $0 += some } } }
    var offsets: [Int64?] { reports.withLock { $0.map { try? $0.outcome.get() } } }
  }

  private func record(_ value: UInt8) -> NewRecord { NewRecord(key: [1], value: [value]) }

  private func values(_ log: InMemoryEventLog, _ visibility: Visibility) throws -> [UInt8] {
    try log.openReader(target, from: 0, key: nil, visibility: visibility) {}.take(records: 100, bytes: 1000).map { $0.value?[0] ?? 0 }
  }

  @Test("Until it is flushed an append is visible in order, not durable, and not reported")
  func manual() throws {
    let log = InMemoryEventLog(topics: topics, manual: true)
    let seen = Seen()
    let session = log.openSession(target, durability: .synced, deliver: seen.deliver)
    for value in 0..<3 { session.append([record(UInt8(value))], tag: UInt64(value)) }
    #expect(try values(log, .ordered) == [0, 1, 2])
    #expect(try values(log, .committed) == [])
    #expect(try log.bounds(target) == (0, 0))
    log.flush(2)
    #expect(seen.offsets == [0, 1])
    #expect(try values(log, .committed) == [0, 1])
    #expect(log.pending == 1)
  }

  @Test("A failed commit ends the sessions in it, and readers that saw it are out of range even when the log grows again")
  func failedCommit() throws {
    let log = InMemoryEventLog(topics: topics, manual: true)
    let seen = Seen()
    let session = log.openSession(target, durability: .synced, deliver: seen.deliver)
    let reader = log.openReader(target, from: 0, key: nil, visibility: .ordered) {}
    session.append([record(1), record(2)], tag: 1)
    #expect(try reader.take(records: 9, bytes: 99).count == 2)
    log.failPending()
    log.setManual(false)
    session.append([record(3)], tag: 2)
    #expect(seen.offsets == [nil, nil])
    let next = log.openSession(target, durability: .synced, deliver: seen.deliver)
    for value in 4..<8 { next.append([record(UInt8(value))], tag: 3) }
    #expect(seen.offsets == [nil, nil, 0, 1, 2, 3])
    #expect(throws: LogFailure.outOfRange(start: 0, end: 4)) { try reader.take(records: 9, bytes: 99) }
  }

  @Test("Each fate does what it says")
  func fates() throws {
    let log = InMemoryEventLog(topics: topics)
    let seen = Seen()
    for fate in [AppendFate.lands, .landsTwice, .landsUnreported, .isLost, .landsLate] {
      log.setFate { _, _ in fate }
      log.openSession(target, durability: .synced, deliver: seen.deliver).append([record(UInt8(seen.offsets.count))], tag: 0)
    }
    #expect(seen.offsets == [0, 2, nil, nil, nil])
    #expect(try values(log, .committed) == [0, 1, 1, 2])
    #expect(log.landLate() == 1)
    #expect(try values(log, .committed) == [0, 1, 1, 2, 4])
  }

  @Test("A crash keeps what was committed and reports nothing")
  func crash() throws {
    let log = InMemoryEventLog(topics: topics, manual: true)
    let seen = Seen()
    let session = log.openSession(target, durability: .synced, deliver: seen.deliver)
    for value in 0..<3 { session.append([record(UInt8(value))], tag: 0) }
    log.crash(keeping: 2)
    #expect(seen.offsets == [])
    #expect(try values(log, .ordered) == [0, 1])
    session.append([record(9)], tag: 0)
    #expect(log.pending == 0)
  }

  @Test("A report that appends is not reported inside itself")
  func reentrant() {
    let log = InMemoryEventLog(topics: topics)
    let order = Mutex<[String]>([])
    let inner = log.openSession(target, durability: .synced) { _ in order.withLock { $0.append("inner") } }
    let outer = log.openSession(target, durability: .synced) { [record = record(2)] _ in
      inner.append([record], tag: 0)
      order.withLock { $0.append("outer") }
    }
    outer.append([record(1)], tag: 0)
    #expect(order.withLock { $0 } == ["outer", "inner"])
  }

  @Test("Tombstones stay until they are told to go; the last record stays in any case")
  func tombstones() throws {
    let clock = ManualClock(now: 1000)
    let log = InMemoryEventLog(topics: topics, clock: clock)
    let state = TopicPartition("t.state", 0)
    let session = log.openSession(state, durability: .synced) { _ in }
    session.append([NewRecord(key: [1], value: [1]), NewRecord(key: [1], value: nil), NewRecord(key: [2], value: nil)], tag: 0)
    func keys() throws -> [[UInt8]] {
      try log.openReader(state, from: 0, key: nil, visibility: .committed) {}.take(records: 9, bytes: 99).map(\.key)
    }
    #expect(try keys() == [[1], [2]])
    log.dropTombstones(before: 1000)
    #expect(try keys() == [[1], [2]])
    log.dropTombstones(before: 1001)
    #expect(try keys() == [[2]])
    #expect(try log.bounds(state) == (0, 3))
  }
}
