import CSQLite
import Foundation
import Ports
import PortsTesting
import SQLiteEventLog
import Testing

@Suite("The embedded log: derived topics in a file of their own") struct SQLiteSplitTests {
  private static let whole = [
    TopicDeclaration("journal", partitions: 2), TopicDeclaration("things.state", partitions: 2), TopicDeclaration("events", partitions: 1),
  ]
  private static let split = whole.map {
    TopicDeclaration($0.name, partitions: $0.partitions, isDerived: $0.name != "journal")
  }
  private let events = TopicPartition("events", 0)

  /// A folder as the first release left it: everything in one file, something trimmed.
  private func fill(_ folder: String) async throws {
    try await withLog(folder, topics: Self.whole) { (log) async throws in
      try await log.write(journal, (0..<3).map { record("j", "\($0)") })
      try await log.write(events, (0..<5).map { record("e", "\($0)") })
      try await log.write(snapshot, [record("a", "1"), record("b", nil), record("a", "2")])
      try await log.trim(events, before: 2)
      await log.maintain()
    }
  }

  private func expectAll(_ log: SQLiteEventLog) async throws {
    #expect(try await log.reader(journal).all().map(\.text) == ["j=0", "j=1", "j=2"])
    #expect(try await log.bounds(events) == (2, 5))
    #expect(try await log.reader(events).all().map(\.text) == ["e=2", "e=3", "e=4"])
    #expect(try await log.reader(snapshot).all().map(\.text) == ["b", "a=2"])
    #expect(try await log.reader(snapshot, key: "a").all().map(\.offset) == [2])
  }

  private func tables(_ file: String) throws -> Int {
    var handle: OpaquePointer?
    #expect(sqlite3_open(file, &handle) == SQLITE_OK)
    defer { sqlite3_close(handle) }
    var statement: OpaquePointer?
    #expect(sqlite3_prepare_v2(handle, "SELECT count(*) FROM partitions", -1, &statement, nil) == SQLITE_OK)
    defer { sqlite3_finalize(statement) }
    #expect(sqlite3_step(statement) == SQLITE_ROW)
    return Int(sqlite3_column_int(statement, 0))
  }

  /// What a `Handover` stands on.
  @Test("What was appended just now is read as the same memory")
  func sameMemory() async throws {
    try await withFolder { (folder) async throws in
      try await withLog(folder, topics: Self.split) { (log) async throws in
        let written = record("j", "written once")
        try await log.write(journal, [written])
        let read = try await log.reader(journal).all()
        func address(_ bytes: [UInt8]?) -> UnsafePointer<UInt8>? { bytes?.withUnsafeBufferPointer { $0.baseAddress } }
        #expect(read.count == 1 && address(read.first?.value) == address(written.value))
      }
    }
  }

  @Test("A folder of one file is taken apart at its next start, offsets and starts as they were, once")
  func takesApart() async throws {
    try await withFolder { (folder) async throws in
      try await fill(folder)
      for _ in 0..<2 {
        try await withLog(folder, topics: Self.split) { (log) async throws in
          try await expectAll(log)
          #expect(log.partitions(of: "events") == 1)
        }
        #expect(try tables(folder + "/log.sqlite") == 2)
        #expect(try tables(folder + "/derived.sqlite") == 3)
      }
      try await withLog(folder, topics: Self.split) { (log) async throws in
        #expect(try await log.write(events, [record("e", "5")]) == [5])
        #expect(
          try await log.project([ProjectedRecord(snapshot, record("c", "1")), ProjectedRecord(events, record("e", "6"))]).get() == ())
        let mixed = try await log.project([ProjectedRecord(events, record("e", "7")), ProjectedRecord(journal, record("j", "3"))])
        #expect(throws: LogFailure.self) { try mixed.get() }
      }
      let file = try LogFile(folder: folder)
      #expect(try file.read(events, from: 0, limit: 10).map(\.offset) == [2, 3, 4, 5, 6])
      #expect(try file.read(journal, from: 0, limit: 10).count == 3)
      #expect(try file.damage() == nil)
    }
  }

  @Test("Cut short after the second file was made, it begins again from the first")
  func cutShort() async throws {
    try await withFolder { (folder) async throws in
      try await fill(folder)
      try FileManager.default.copyItem(atPath: folder + "/log.sqlite", toPath: folder + "/kept")
      try await withLog(folder, topics: Self.split) { (log) async throws in try await log.write(events, [record("e", "of another life")]) }
      try FileManager.default.removeItem(atPath: folder + "/log.sqlite")
      try FileManager.default.moveItem(atPath: folder + "/kept", toPath: folder + "/log.sqlite")
      try await withLog(folder, topics: Self.split) { (log) async throws in try await expectAll(log) }
    }
  }

  @Test("Either file is missed when it is gone, and nothing is begun anew")
  func missing() async throws {
    for name in ["derived.sqlite", "log.sqlite"] {
      try await withFolder { (folder) async throws in
        try await withLog(folder, topics: Self.split) { (log) async throws in try await log.write(journal, [record("j", "0")]) }
        try FileManager.default.removeItem(atPath: folder + "/" + name)
        let failure = #expect(throws: EventLogStartFailure.self) {
          try SQLiteEventLog(folder: folder, topics: Self.split, clock: ManualClock())
        }
        guard case .corrupt(folder + "/" + name, _) = failure else {
          Issue.record("\(String(describing: failure))")
          return
        }
        #expect(!FileManager.default.fileExists(atPath: folder + "/" + name))
      }
    }
  }

  @Test("A backup is one file that becomes two again; what it lies beside must be empty")
  func backup() async throws {
    try await withFolder { (folder) async throws in
      try await fill(folder)
      let copy = folder + "-copy.sqlite"
      defer { try? FileManager.default.removeItem(atPath: copy) }
      try await withLog(folder, topics: Self.split) { _ in
        try LogBackup.write(folder: folder, to: copy, beside: [KeptFile(name: "account", content: [1])], replacing: false)
      }
      #expect(try tables(copy) == 5)
      #expect(!FileManager.default.fileExists(atPath: copy + ".part.derived"))
      #expect(throws: LogBackupFailure.folderHasLog(folder: folder)) { try LogBackup.restore(copy, to: folder) }
      try await withFolder { (other) async throws in
        #expect(try LogBackup.restore(copy, to: other) == [KeptFile(name: "account", content: [1])])
        try await withLog(other, topics: Self.split) { (log) async throws in try await expectAll(log) }
      }
    }
  }
}
