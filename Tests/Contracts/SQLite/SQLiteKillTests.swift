import ChildProcess
import Foundation
import Ports
import PortsTesting
import SQLiteEventLog
import Testing

@Suite("The embedded log: kill -9") struct SQLiteKillTests {
  private let topics = [TopicDeclaration("commands", partitions: 1), TopicDeclaration("journal", partitions: 1)]

  /// Lets the crasher run until it has printed `lines` more offsets, kills it, and answers the last offset that was printed whole.
  private func crash(_ folder: String, lines: Int) throws -> Int64 {
    let child = try Child(builtProduct("LogCrasher").path, [folder])
    var printed: [UInt8] = []
    while printed.count(where: { $0 == 10 }) < lines {
      let more = child.read()
      if more.isEmpty { break }
      printed += more
    }
    child.signal(SIGKILL)
    printed += child.readToEnd()
    #expect(child.end().signal == SIGKILL)
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
      let child = try Child(builtProduct("LogCrasher").path, [folder])
      _ = child.read()
      let failure = #expect(throws: EventLogStartFailure.self) {
        try SQLiteEventLog(folder: folder, topics: topics, clock: ManualClock())
      }
      #expect(failure?.description.contains("pid \(child.pid) ") == true)
      child.signal(SIGKILL)
      _ = child.end()
    }
  }
}
