import Ports
import Testing

@Suite("EventLog contract: appending") struct EventLogAppendContract {
  @Test("Topics have the partitions that they were declared with", arguments: EventLogHome.allCases)
  func partitions(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      #expect(log.partitions(of: "commands") == 2)
      #expect(log.partitions(of: "nothing") == nil)
      #expect(try await log.bounds(journal) == (0, 0))
      await #expect(throws: LogFailure.self) { try await log.bounds(TopicPartition("journal", 2)) }
    }
  }

  @Test("Several appends in flight are reported in order, at consecutive offsets", arguments: EventLogHome.allCases)
  func inFlight(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      let reports = Reports()
      let session = log.openSession(journal, durability: .synced, deliver: reports.deliver)
      for tag in 0..<500 { session.append([record("k", "\(tag)")], tag: UInt64(tag)) }
      let settled = await reports.first(500)
      #expect(settled.map(\.tag) == Array(0..<500))
      #expect(settled.map(\.offset) == (0..<500).map { Int64($0) })
      #expect(try await log.reader(journal).all(records: 7).map(\.text) == (0..<500).map { "k=\($0)" })
      #expect(try await log.bounds(journal) == (0, 500))
    }
  }

  @Test("The records of one append stand together; its report names the last", arguments: EventLogHome.allCases)
  func severalRecords(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      let reports = Reports()
      let session = log.openSession(journal, durability: .synced, deliver: reports.deliver)
      let other = log.openSession(journal, durability: .ordered, deliver: reports.deliver)
      session.append([record("a", "1"), record("a", "2"), record("b", nil)], tag: 1)
      other.append([record("c", "4")], tag: 2)
      let settled = await reports.first(2)
      #expect(settled.map(\.offset) == [2, 3])
      // What is ordered is readable as committed a moment later.
      let read = try await log.reader(journal).next(4)
      #expect(read.map(\.text) == ["a=1", "a=2", "b", "c=4"])
      #expect(read.map(\.offset) == [0, 1, 2, 3])
    }
  }

  @Test("Partitions count for themselves", arguments: EventLogHome.allCases)
  func partitionsApart(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      #expect(try await log.write(journal, [record("k", "a"), record("k", "b")]) == [0, 1])
      #expect(try await log.write(TopicPartition("journal", 1), [record("k", "c")]) == [0])
      #expect(try await log.reader(TopicPartition("journal", 1)).all().map(\.text) == ["k=c"])
    }
  }

  @Test("A record that is too large is refused, and the session goes on", arguments: EventLogHome.allCases)
  func tooLarge(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      let reports = Reports()
      let session = log.openSession(journal, durability: .synced, deliver: reports.deliver)
      session.append([record("k", "small")], tag: 1)
      session.append([record("k", "small"), NewRecord(key: [], value: [UInt8](repeating: 0, count: 1 << 20 + 1))], tag: 2)
      session.append([], tag: 3)
      session.append([record("k", "after")], tag: 4)
      let settled = await reports.first(4)
      #expect(settled.map(\.tag) == [1, 2, 3, 4])
      #expect(settled.map(\.isRefused) == [false, true, true, false])
      #expect(try await log.reader(journal).all().map(\.text) == ["k=small", "k=after"])
    }
  }

  @Test("A topic that does not exist refuses", arguments: EventLogHome.allCases)
  func unknownTopic(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      let reports = Reports()
      log.openSession(TopicPartition("nothing", 0), durability: .synced, deliver: reports.deliver).append([record("k", "v")], tag: 1)
      #expect(await reports.first(1).map(\.isRefused) == [true])
      await #expect(throws: LogFailure.self) { try await log.reader(TopicPartition("nothing", 0)).take(records: 1, bytes: 1) }
      await #expect(throws: LogFailure.self) { try await log.trim(TopicPartition("nothing", 0), before: 1) }
    }
  }

  @Test("Append times never go back along a partition", arguments: EventLogHome.allCases)
  func appendTimes(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      try await log.write(journal, (0..<20).map { record("k", "\($0)") })
      let times = try await log.reader(journal).all().map(\.appended)
      #expect(times == times.sorted())
      #expect(times[0] > 0)
    }
  }

  @Test("A closed session reports nothing more, and another goes on behind it", arguments: EventLogHome.allCases)
  func closed(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      let reports = Reports()
      let session = log.openSession(journal, durability: .synced, deliver: reports.deliver)
      session.close()
      session.append([record("k", "never")], tag: 1)
      try await log.write(journal, [record("k", "after")])
      #expect(reports.now.isEmpty)
      #expect(try await log.reader(journal).all().last?.text == "k=after")
    }
  }

  @Test("A projection puts records into several partitions, all or none", arguments: EventLogHome.allCases)
  func projects(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      let written = try await log.project([
        ProjectedRecord(snapshot, record("doc", "1")), ProjectedRecord(commands, record("event", "1")),
        ProjectedRecord(snapshot, record("ledger", "9")),
      ])
      try written.get()
      #expect(try await log.reader(snapshot).all().map(\.text) == ["doc=1", "ledger=9"])
      let refused = try await log.project([
        ProjectedRecord(snapshot, record("doc", "2")), ProjectedRecord(TopicPartition("nothing", 0), record("event", "2")),
      ])
      #expect(throws: LogFailure.self) { try refused.get() }
      #expect(try await log.reader(snapshot).all().map(\.text) == ["doc=1", "ledger=9"])
      try await log.project([]).get()
    }
  }

  @Test("Trimming moves the start, keeps the last record, and never uses an offset twice", arguments: EventLogHome.allCases)
  func trims(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      try await log.write(journal, (0..<10).map { record("k", "\($0)") })
      try await log.trim(journal, before: 4)
      #expect(try await log.bounds(journal) == (4, 10))
      #expect(try await log.reader(journal).all().first?.text == "k=4")
      try await log.trim(journal, before: 2)
      #expect(try await log.bounds(journal).start == 4, "the start never goes back")
      try await log.trim(journal, before: 1000)
      #expect(try await log.bounds(journal) == (9, 10))
      #expect(try await log.reader(journal).all().map(\.text) == ["k=9"])
      #expect(try await log.write(journal, [record("k", "10")]) == [10])
      try await log.trim(TopicPartition("journal", 1), before: 5)
      #expect(try await log.bounds(TopicPartition("journal", 1)) == (0, 0), "an empty partition has nothing to trim")
    }
  }

  @Test("A time leads to the first record appended then or later", arguments: EventLogHome.allCases)
  func times(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      try await log.write(journal, (0..<5).map { record("k", "\($0)") })
      let appended = try await log.reader(journal).all().map(\.appended)
      #expect(try await log.offset(journal, since: 0) == 0)
      #expect(try await log.offset(journal, since: appended[4]) == Int64(appended.firstIndex(of: appended[4]) ?? 0))
      #expect(try await log.offset(journal, since: appended[4] + 1) == 5)
      #expect(try await log.offset(TopicPartition("journal", 1), since: 0) == 0)
      await #expect(throws: LogFailure.self) { try await log.offset(TopicPartition("nothing", 0), since: 0) }
    }
  }
}
