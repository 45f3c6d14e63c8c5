import CSQLite
import Foundation
import Ports
import PortsTesting
import PowerCut
import SQLiteEventLog
import Testing

/// A disk that fails as it is told to, below SQLite. What is read after `powerCut` is what the disk really had.
@Suite("The embedded log: bad disks") struct SQLiteBadDiskTests {
  private static let wal = "-wal"
  private static let everything = ""
  private static let syncError = SQLITE_IOERR | (4 << 8)

  private struct Bench {
    let folder: String
    let log: SQLiteEventLog
    private var place: String { folder + "/log" }

    func fail(_ operation: Int, _ file: String, _ code: Int32, times: Int32 = -1) {
      #expect(powercut_fail(place, file, Int32(operation), code, times) == 0)
    }

    func mend() { powercut_mend(place) }

    var met: Int32 { powercut_met(place) }

    /// A partition as it is after a power cut now, with none of what was not synced.
    func powerCut(_ partition: TopicPartition = journal) async throws -> [String] {
      let cut = folder + "/cut-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: cut, withIntermediateDirectories: false)
      #expect(powercut_copy_of(place, cut, 1, 0) == 0)
      var found: [String] = []
      try await withLog(cut) { (log) async throws in found = try await log.reader(partition).all().map(\.text) }
      return found
    }
  }

  private func withBench(tail: Int = 4096, _ body: (Bench) async throws -> Void) async throws {
    #expect(powercut_register() == 0)
    var options = SQLiteEventLog.Options()
    options.vfs = "powercut"
    options.tailRecords = tail
    try await withFolder { (folder) async throws in
      defer { powercut_mend(folder + "/log") }
      try await withLog(folder + "/log", options: options) { (log) async throws in
        try await body(Bench(folder: folder, log: log))
      }
    }
  }

  private func append(_ log: SQLiteEventLog, _ text: String, _ target: TopicPartition = journal) async -> AppendReport {
    let reports = Reports()
    let durability: Durability = target == commands ? .ordered : .synced
    log.openSession(target, durability: durability, deliver: reports.deliver).append([record("k", text)], tag: 1)
    return await reports.first(1)[0]
  }

  @Test("While syncs fail nothing is reported as taken, and the log says why; afterwards it goes on, and what it reports is on the disk")
  func syncFails() async throws {
    try await withBench { (bench) async throws in
      // Given
      try await bench.log.write(journal, [record("k", "before")])
      // When
      bench.fail(POWERCUT_SYNC, SQLiteBadDiskTests.everything, SQLiteBadDiskTests.syncError)
      for number in 0..<3 { #expect(await append(bench.log, "failed \(number)").isLost) }
      // Then
      #expect(bench.log.problem?.part == .log)
      #expect(try await bench.log.bounds(journal).end == 1)
      #expect(await append(bench.log, "new work", commands).isLost, "what is only ordered is refused, too")
      // When
      bench.mend()
      // Then
      #expect(await append(bench.log, "after").offset == 1)
      #expect(bench.log.problem == nil)
      #expect(try await bench.powerCut() == ["k=before", "k=after"])
    }
  }

  @Test("A sync that failed once has dropped what was only ordered before it: that is written again before anything counts as synced")
  func dropsWhatWasOrdered() async throws {
    try await withBench { (bench) async throws in
      // Given a command in the write-ahead log whose sync fails, by itself or in the group behind it
      try await bench.log.write(journal, [record("k", "before")])
      bench.fail(POWERCUT_SYNC, SQLiteBadDiskTests.wal, SQLiteBadDiskTests.syncError, times: 1)
      _ = await append(bench.log, "command", commands)
      if bench.met == 0 { _ = await append(bench.log, "maybe lost") }
      while bench.met == 0 { await Task.yield() }
      // When the next append is reported as synced
      #expect(await append(bench.log, "after").offset != nil)
      // Then it survives the power cut, with the command before it
      #expect(try await bench.powerCut().last == "k=after")
    }
  }

  @Test("A sync that fails while the write-ahead log is folded in is not passed over")
  func foldingInFails() async throws {
    try await withBench { (bench) async throws in
      // Given so many commands, not synced one by one, that the log folds itself in, which fails once
      try await bench.log.write(journal, [record("k", "before")])
      bench.fail(POWERCUT_SYNC, SQLiteBadDiskTests.everything, SQLiteBadDiskTests.syncError, times: 1)
      let reports = Reports()
      let session = bench.log.openSession(commands, durability: .ordered, deliver: reports.deliver)
      for tag in 0..<40 { session.append([record("k", String(repeating: "x", count: 100_000))], tag: UInt64(tag)) }
      _ = await reports.first(40)
      while bench.met == 0 { await Task.yield() }
      // When
      #expect(await append(bench.log, "after").offset != nil)
      // Then
      #expect(try await bench.powerCut() == ["k=before", "k=after"])
    }
  }

  @Test("Errors of writing and a full disk are named, and leave nothing behind", arguments: [SQLITE_IOERR | (3 << 8), SQLITE_FULL])
  func writeFails(_ code: Int32) async throws {
    try await withBench { (bench) async throws in
      try await bench.log.write(journal, [record("k", "before")])
      bench.fail(POWERCUT_WRITE, SQLiteBadDiskTests.everything, code)
      let report = await append(bench.log, "failed")
      #expect(report.isLost)
      #expect("\(report.outcome)".contains(code == SQLITE_FULL ? "the disk is full" : "the log's file fails"))
      #expect(bench.log.problem?.part == (code == SQLITE_FULL ? .disk : .log))
      #expect(try await bench.log.reader(journal).all().map(\.text) == ["k=before"])
      bench.mend()
      #expect(await append(bench.log, "after").offset == 1)
      #expect(bench.log.problem == nil)
      #expect(try await bench.powerCut() == ["k=before", "k=after"])
    }
  }

  @Test("A disk that is well again is found out without anybody who writes")
  func recoversByItself() async throws {
    try await withBench { (bench) async throws in
      bench.fail(POWERCUT_WRITE, SQLiteBadDiskTests.everything, SQLITE_FULL)
      #expect(await append(bench.log, "failed").isLost)
      #expect(bench.log.problem?.part == .disk)
      bench.mend()
      while bench.log.problem != nil { await Task.yield() }
      #expect(await append(bench.log, "command", commands).offset == 0)
    }
  }

  @Test(
    "Errors of reading and reads that come back short are named; reading goes on when they are over",
    arguments: [SQLITE_IOERR | (1 << 8), SQLITE_IOERR | (2 << 8)])
  func readFails(_ code: Int32) async throws {
    try await withBench(tail: 0) { (bench) async throws in
      // Given records that are no longer in memory
      try await bench.log.write(journal, (0..<50).map { record("k", "\($0)") })
      // When
      bench.fail(POWERCUT_READ, SQLiteBadDiskTests.everything, code)
      let failure = await #expect(throws: LogFailure.self) { try await bench.log.reader(journal).all() }
      // Then
      guard case .unavailable = failure else {
        Issue.record("\(String(describing: failure))")
        return
      }
      #expect(bench.log.problem?.part == .log)
      bench.mend()
      #expect(try await bench.log.reader(journal).all().count == 50)
      #expect(bench.log.problem == nil)
    }
  }

  @Test("What is only ordered is shown as durable when it is on the disk, also when nothing follows it")
  func quietMakesDurable() async throws {
    try await withBench { (bench) async throws in
      // Given
      try await bench.log.write(journal, [record("k", "before")])
      // When
      #expect(await append(bench.log, "command", commands).offset == 0)
      while try await bench.log.bounds(commands).end == 0 { await Task.yield() }
      // Then
      #expect(try await bench.powerCut(commands) == ["k=command"])
    }
  }

  @Test("Commits that failed and turn up when a spoiled connection is replaced take nobody's place")
  func turnsUpAgain() async throws {
    try await withBench { (bench) async throws in
      // Given an append whose sync fails, and after it reads that come back damaged, so that the file is opened anew
      try await bench.log.write(journal, [record("k", "before")])
      bench.fail(POWERCUT_SYNC, SQLiteBadDiskTests.everything, SQLiteBadDiskTests.syncError)
      #expect(await append(bench.log, "failed").isLost)
      bench.fail(POWERCUT_READ, SQLiteBadDiskTests.everything, SQLITE_CORRUPT)
      bench.fail(POWERCUT_WRITE, SQLiteBadDiskTests.everything, SQLITE_CORRUPT)
      #expect(await append(bench.log, "damaged").isLost)
      // When the disk is well again
      bench.mend()
      var offset: Int64?
      while offset == nil { offset = await append(bench.log, "after").offset }
      // Then every reader sees one story, and it is the one on the disk
      let told = try await bench.log.reader(journal).all()
      #expect(told.first?.text == "k=before" && told.last?.text == "k=after")
      #expect(told.map(\.offset) == (0..<Int64(told.count)).map { $0 })
      #expect(told.last?.offset == offset)
      let cut = try await bench.powerCut()
      #expect(cut == told.map(\.text))
    }
  }

  @Test(
    "A file that cannot be read at the start is named, and is left as it is", arguments: [SQLITE_IOERR | (1 << 8), SQLITE_IOERR | (2 << 8)])
  func startFails(_ code: Int32) async throws {
    #expect(powercut_register() == 0)
    try await withFolder { (folder) async throws in
      try await withLog(folder) { (log) async throws in try await log.write(journal, [record("k", "before")]) }
      var options = SQLiteEventLog.Options()
      options.vfs = "powercut"
      #expect(powercut_fail(folder, ".sqlite", Int32(POWERCUT_READ), code, -1) == 0)
      let failure = #expect(throws: EventLogStartFailure.self) {
        try SQLiteEventLog(folder: folder, topics: EventLogHome.topics, clock: ManualClock(), options: options)
      }
      #expect(failure?.description.contains(folder + "/log.sqlite") == true)
      powercut_mend(folder)
      try await withLog(folder) { (log) async throws in #expect(try await log.reader(journal).all().map(\.text) == ["k=before"]) }
    }
  }
}
