import Foundation
import Ports
import PortsTesting
import SQLiteEventLog
import Testing

@Suite("The embedded log: kill -9") struct SQLiteKillTests {
  private let topics = [TopicDeclaration("commands", partitions: 1), TopicDeclaration("journal", partitions: 1)]

  /// Lets the crasher run until it has printed `lines` more offsets, kills it, and answers the last offset that was printed whole.
  private func crash(_ folder: String, lines: Int) throws -> Int64 {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = try builtProduct("LogCrasher")
    process.arguments = [folder]
    process.standardOutput = pipe
    try process.run()
    var printed = Data()
    while printed.count(where: { $0 == 10 }) < lines {
      let more = pipe.fileHandleForReading.availableData
      if more.isEmpty { break }
      printed += more
    }
    kill(process.processIdentifier, SIGKILL)
    printed += pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationReason == .uncaughtSignal)
    let whole = String(decoding: printed, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    return try #require(whole.last.flatMap { Int64($0) })
  }

  @Test("Every acknowledged record is there, without holes, and none without the command before it", .timeLimit(.minutes(2)))
  func kills() async throws {
    try await withFolder { (folder) async throws in
      var last: Int64 = -1
      for round in 1...5 {
        let acknowledged = try crash(folder, lines: 150 * round)
        #expect(acknowledged > last)
        last = acknowledged
        try await withLog(folder, topics: topics) { (log) async throws in
          let (journal, commands) = (
            try await log.reader(TopicPartition("journal", 0)).all(), try await log.reader(TopicPartition("commands", 0)).all()
          )
          #expect(journal.map(\.offset) == (0..<Int64(journal.count)).map { $0 })
          #expect(commands.map(\.offset) == (0..<Int64(commands.count)).map { $0 })
          #expect(Int64(journal.count) > acknowledged)
          let present = Set(commands.map(\.key))
          #expect(journal.allSatisfy { present.contains($0.value ?? []) }, "a journal record survived without its command")
        }
      }
    }
  }

  @Test("A second process is told which one has the folder")
  func namesTheHolder() async throws {
    try await withFolder { (folder) async throws in
      let process = Process()
      let pipe = Pipe()
      process.executableURL = try builtProduct("LogCrasher")
      process.arguments = [folder]
      process.standardOutput = pipe
      try process.run()
      _ = pipe.fileHandleForReading.availableData
      let failure = #expect(throws: EventLogStartFailure.self) {
        try SQLiteEventLog(folder: folder, topics: topics, clock: ManualClock())
      }
      #expect(failure?.description.contains("pid \(process.processIdentifier) ") == true)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
  }
}
