import CSQLite
import Foundation
import Ports
import PortsTesting
import SQLiteEventLog
import Testing

@Suite("The embedded log: opening") struct SQLiteStartTests {
  private func open(_ folder: String, topics: [TopicDeclaration] = EventLogHome.topics, verify: Bool = false) throws -> SQLiteEventLog {
    var options = SQLiteEventLog.Options()
    options.verifyBytes = verify ? .max : 0
    return try SQLiteEventLog(folder: folder, topics: topics, clock: ManualClock(), options: options)
  }

  private func run(_ sql: String, in folder: String) throws {
    var handle: OpaquePointer?
    #expect(sqlite3_open(folder + "/log.sqlite", &handle) == SQLITE_OK)
    #expect(sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK)
    #expect(sqlite3_close(handle) == SQLITE_OK)
  }

  @Test("What was written is there at the next start, at the same offsets; trimmed stays trimmed")
  func reopens() async throws {
    try await withFolder { (folder) async throws in
      try await withLog(folder) { (log) async throws in
        try await log.write(journal, (0..<5).map { record("k", "\($0)") })
        try await log.write(snapshot, [record("a", "1"), record("b", nil), record("a", "2")])
        try await log.trim(journal, before: 3)
        await log.maintain()
      }
      try await withLog(folder) { (log) async throws in
        #expect(try await log.bounds(journal) == (3, 5))
        #expect(try await log.reader(journal).all().map(\.text) == ["k=3", "k=4"])
        #expect(try await log.reader(snapshot).all().map(\.text) == ["b", "a=2"])
        #expect(try await log.reader(snapshot, key: "a").all().map(\.offset) == [2])
        #expect(try await log.write(journal, [record("k", "5")]) == [5])
      }
    }
  }

  @Test("What is trimmed makes room for what comes: the file stops growing, and nothing has to be vacuumed")
  func keepsItsSize() async throws {
    try await withFolder { (folder) async throws in
      try await withLog(folder) { (log) async throws in
        func round() async throws -> Int {
          let records = (0..<400).map { _ in NewRecord(key: Array("k".utf8), value: [UInt8](repeating: 0x61, count: 2000)) }
          let offsets = try await log.write(journal, records)
          try await log.trim(journal, before: offsets.last ?? 0)
          await log.maintain()
          let size = try FileManager.default.attributesOfItem(atPath: folder + "/log.sqlite")[.size] as? Int
          return size ?? 0
        }
        var sizes: [Int] = []
        for _ in 0..<8 { sizes.append(try await round()) }
        // Two rounds: one stands in the file while the next goes through the write-ahead log.
        #expect(sizes[7] <= max(sizes[1], 2 * 400 * 2100), "\(sizes)")
        #expect(sizes[7] >= 400 * 2000)
      }
    }
  }

  @Test("A second opener is told who has the folder")
  func locked() async throws {
    try await withFolder { (folder) async throws in
      let log = try open(folder)
      let failure = #expect(throws: EventLogStartFailure.self) { try open(folder) }
      #expect(failure?.description.contains("pid \(getpid()) on host ") == true)
      log.shutdown()
    }
  }

  @Test("A folder that cannot be made is named")
  func noFolder() {
    let failure = #expect(throws: EventLogStartFailure.self) { try open("/proc/nowhere/data") }
    #expect(failure?.description.contains("/proc/nowhere/data") == true)
  }

  @Test("A caller's own lock serves, too")
  func callersLock() async throws {
    try await withFolder { (folder) async throws in
      let lock = try FolderLock(folder: folder)
      let log = try SQLiteEventLog(folder: folder, topics: [], clock: ManualClock(), lock: lock)
      log.shutdown()
    }
  }

  @Test(
    "A file that is no database, is empty, or lost its head is refused and left as it is",
    arguments: ["", "hello, this is no database at all; " + String(repeating: "x", count: 5000)])
  func broken(_ content: String) async throws {
    try await withFolder { (folder) async throws in
      let path = folder + "/log.sqlite"
      try content.write(toFile: path, atomically: false, encoding: .utf8)
      let failure = #expect(throws: EventLogStartFailure.self) { try open(folder) }
      guard case .corrupt(path, _) = failure else {
        Issue.record("\(String(describing: failure))")
        return
      }
      #expect(try String(contentsOfFile: path, encoding: .utf8) == content)
    }
  }

  @Test("A log that is missing beside its write-ahead log is not begun anew")
  func missingFile() async throws {
    try await withFolder { (folder) async throws in
      try "frames".write(toFile: folder + "/log.sqlite-wal", atomically: false, encoding: .utf8)
      #expect(throws: EventLogStartFailure.self) { try open(folder) }
    }
  }

  @Test("Another product's database, a later schema and other partition numbers are refused")
  func strangers() async throws {
    try await withFolder { (folder) async throws in
      try open(folder).shutdown()
      #expect(throws: EventLogStartFailure.differentPartitions(file: folder + "/log.sqlite", topic: "journal", found: 2, asked: 3)) {
        try open(folder, topics: [TopicDeclaration("journal", partitions: 3)])
      }
      try run("PRAGMA user_version=99", in: folder)
      #expect(throws: EventLogStartFailure.newerSchema(file: folder + "/log.sqlite", found: 99, known: 2)) { try open(folder) }
      try run("PRAGMA application_id=1", in: folder)
      #expect(throws: EventLogStartFailure.notOurs(file: folder + "/log.sqlite")) { try open(folder) }
    }
  }

  @Test("Damage in the middle of the file is found when asked for")
  func verifies() async throws {
    try await withFolder { (folder) async throws in
      try await withLog(folder) { (log) async throws in
        try await log.write(journal, (0..<300).map { record("k", String(repeating: "\($0)", count: 100)) })
      }
      try open(folder, verify: true).shutdown()
      let path = folder + "/log.sqlite"
      let handle = try #require(FileHandle(forUpdatingAtPath: path))
      // Past the pages of the schema, into those of the rows.
      let size = try handle.seekToEnd()
      for page in stride(from: size / 2 / 4096 * 4096, to: size, by: 4096) {
        try handle.seek(toOffset: page)
        try handle.write(contentsOf: [UInt8](repeating: 0xEE, count: 64))
      }
      try handle.close()
      #expect(throws: EventLogStartFailure.self) { try open(folder, verify: true) }
    }
  }

  @Test("New topics are added at a later start, old ones stay")
  func addsTopics() async throws {
    try await withFolder { (folder) async throws in
      try await withLog(folder) { (log) async throws in try await log.write(journal, [record("k", "1")]) }
      try await withLog(folder, topics: [TopicDeclaration("more", partitions: 1)]) { (log) async throws in
        #expect(log.partitions(of: "more") == 1)
        #expect(try await log.reader(journal).all().count == 1)
        #expect(try await log.write(TopicPartition("more", 0), [record("k", "1")]) == [0])
      }
    }
  }

  @Test("Shutting down drains, reports, and can be done twice; afterwards everything says so")
  func shutsDown() async throws {
    try await withFolder { (folder) async throws in
      let log = try open(folder)
      let reports = Reports()
      let session = log.openSession(journal, durability: .synced, deliver: reports.deliver)
      let reader = log.reader(journal)
      for tag in 0..<1000 { session.append([record("k", "v")], tag: UInt64(tag)) }
      log.shutdown()
      log.shutdown()
      #expect(reports.now.map(\.offset) == (0..<1000).map { Int64($0) })
      session.append([record("k", "v")], tag: 1000)
      #expect(reports.now.last?.isLost == true)
      await #expect(throws: LogFailure.self) { try await reader.take(records: 1, bytes: 1) }
      let projected = try await log.project([ProjectedRecord(journal, record("k", "v"))])
      #expect(throws: LogFailure.self) { try projected.get() }
      await log.maintain()
      #expect(!FileManager.default.fileExists(atPath: folder + "/log.sqlite-wal"), "the write-ahead log is folded in")
    }
  }
}
