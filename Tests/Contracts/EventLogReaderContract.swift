import Ports
import Testing

@Suite("EventLog contract: reading") struct EventLogReaderContract {
  @Test("A reader starts at its position and goes on where it stopped", arguments: EventLogHome.allCases)
  func positions(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      try await log.write(journal, (0..<10).map { record("k", "\($0)") })
      let reader = log.reader(journal, from: 6)
      #expect(reader.position == 6)
      #expect(try await reader.take(records: 2, bytes: 1000).map(\.offset) == [6, 7])
      #expect(reader.position == 8)
      #expect(try await reader.all().map(\.offset) == [8, 9])
      #expect(reader.position == 10)
      let atEnd = log.reader(journal, from: 10)
      #expect(try await atEnd.all().isEmpty)
      try await log.write(journal, [record("k", "10")])
      #expect(try await atEnd.next(1).map(\.text) == ["k=10"])
    }
  }

  @Test("A take is bounded by bytes, but gives out one record at least", arguments: EventLogHome.allCases)
  func bytes(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      try await log.write(journal, (0..<4).map { _ in record("k", String(repeating: "x", count: 100)) })
      let reader = log.reader(journal)
      #expect(try await reader.take(records: 10, bytes: 1).count == 1)
      #expect(try await reader.take(records: 10, bytes: 150).count == 2)
      #expect(try await reader.take(records: 10, bytes: 150).count == 1)
    }
  }

  @Test("A position that was trimmed, or lies beyond the end, is out of range", arguments: EventLogHome.allCases)
  func outOfRange(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      try await log.write(journal, (0..<10).map { record("k", "\($0)") })
      let slow = log.reader(journal, from: 2)
      try await log.trim(journal, before: 5)
      await #expect(throws: LogFailure.outOfRange(start: 5, end: 10)) { try await slow.take(records: 1, bytes: 1) }
      await #expect(throws: LogFailure.outOfRange(start: 5, end: 10)) { try await log.reader(journal, from: 4).take(records: 1, bytes: 1) }
      await #expect(throws: LogFailure.outOfRange(start: 5, end: 10)) { try await log.reader(journal, from: 11).take(records: 1, bytes: 1) }
      #expect(try await log.reader(journal).take(records: 1, bytes: 1).map(\.offset) == [5], "0 is the first that is kept")
    }
  }

  @Test("A key filter gives out that key's records alone", arguments: EventLogHome.allCases)
  func filter(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      try await log.write(journal, (0..<300).map { record($0 % 100 == 7 ? "mine" : "other", "\($0)") })
      let reader = log.reader(journal, key: "mine")
      #expect(try await reader.take(records: 1, bytes: 1000).map(\.text) == ["mine=7"])
      #expect(try await reader.all().map(\.text) == ["mine=107", "mine=207"])
      #expect(reader.position == 300, "what was passed over is not looked at again")
      #expect(try await log.reader(journal, from: 108, key: "mine").all().map(\.text) == ["mine=207"])
      #expect(try await log.reader(journal, key: "nobody").all().isEmpty)
    }
  }

  @Test("A compacted topic ends up with the latest record of each key", arguments: EventLogHome.allCases)
  func compaction(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      try await log.write(
        snapshot, [record("a", "1"), record("b", "1"), record("a", "2"), record("c", "1"), record("b", nil), record("a", "3")])
      // A log may show replaced records for a while; folding over the keys must give the latest, in the order of offsets.
      let read = try await log.reader(snapshot).all()
      #expect(read.map(\.offset) == read.map(\.offset).sorted())
      var latest: [[UInt8]: String] = [:]
      for one in read { latest[one.key] = one.text }
      #expect(Set(latest.values) == ["a=3", "b", "c=1"])
      #expect(try await log.bounds(snapshot) == (0, 6))
      #expect(try await log.reader(snapshot, key: "a").all().last?.text == "a=3")
    }
  }

  @Test("A tombstone is given out as a record without a value; an empty value is a value", arguments: EventLogHome.allCases)
  func tombstones(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      try await log.write(journal, [record("a", nil), record("a", ""), record("", "x")])
      let read = try await log.reader(journal).all()
      #expect(read.map(\.value) == [nil, [], [120]])
      #expect(read.map(\.key) == [[97], [97], []])
    }
  }

  @Test("A reader that came back empty is woken when there is more", arguments: EventLogHome.allCases, [Visibility.committed, .ordered])
  func wakes(_ home: EventLogHome, visibility: Visibility) async throws {
    try await home.with { (log) async throws in
      let bell = Bell()
      let reader = Reading(reader: log.openReader(commands, from: 0, key: nil, visibility: visibility, wake: bell.ring), bell: bell)
      #expect(try await reader.take(records: 1, bytes: 1).isEmpty)
      try await log.write(commands, [record("k", "1")])
      #expect(try await reader.next(1).map(\.text) == ["k=1"])
      try await log.write(commands, [record("k", "2")])
      #expect(try await reader.next(1).map(\.text) == ["k=2"])
    }
  }

  @Test("A reader that did not come back empty is not woken", arguments: EventLogHome.allCases)
  func edgeTriggered(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      let bell = Bell()
      let reader = Reading(reader: log.openReader(commands, from: 0, key: nil, visibility: .committed, wake: bell.ring), bell: bell)
      try await log.write(commands, [record("k", "1"), record("k", "2")])
      _ = try await reader.take(records: 1, bytes: 1)
      let before = bell.count
      try await log.write(commands, [record("k", "3")])
      #expect(bell.count == before)
    }
  }

  @Test("No wake is lost to a concurrent appender", arguments: EventLogHome.allCases, [Visibility.committed, .ordered])
  func noLostWake(_ home: EventLogHome, visibility: Visibility) async throws {
    try await home.with { (log) async throws in
      let bell = Bell()
      let reader = Reading(reader: log.openReader(commands, from: 0, key: nil, visibility: visibility, wake: bell.ring), bell: bell)
      async let written: Void = {
        for number in 0..<300 { try await log.write(commands, [record("k", "\(number)")]) }
      }()
      var seen: [LogRecord] = []
      while seen.count < 300 {
        seen += try await reader.all()
        if seen.count < 300 { await bell.heard() }
      }
      try await written
      #expect(seen.map(\.offset) == (0..<300).map { Int64($0) })
    }
  }

  @Test("A reader that waits for its key is not left behind by a trim", arguments: EventLogHome.allCases)
  func trimUnderFilter(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      let bell = Bell()
      let reader = Reading(
        reader: log.openReader(journal, from: 0, key: Array("mine".utf8), visibility: .committed, wake: bell.ring), bell: bell)
      #expect(try await reader.all().isEmpty)
      try await log.write(journal, (0..<10).map { record("other", "\($0)") })
      try await log.trim(journal, before: 8)
      try await log.write(journal, [record("mine", "1")])
      #expect(try await reader.next(1).map(\.text) == ["mine=1"])
    }
  }

  @Test("A closed reader is not woken and gives nothing out", arguments: EventLogHome.allCases)
  func closed(_ home: EventLogHome) async throws {
    try await home.with { (log) async throws in
      let bell = Bell()
      let reader = Reading(reader: log.openReader(commands, from: 0, key: nil, visibility: .committed, wake: bell.ring), bell: bell)
      _ = try await reader.take(records: 1, bytes: 1)
      reader.close()
      let before = bell.count
      try await log.write(commands, [record("k", "1")])
      #expect(bell.count == before)
      await #expect(throws: LogFailure.self) { try await reader.take(records: 1, bytes: 1) }
    }
  }
}
