import Foundation
import Ports
import PortsTesting
import SQLiteEventLog
import Testing

@Suite("The embedded log: power cut") struct SQLitePowerCutTests {
  private let topics = [TopicDeclaration("commands", partitions: 1), TopicDeclaration("journal", partitions: 1)]

  @Test(
    "Whatever unsynced sectors the disk kept, all that was acknowledged is there, and no journal record without its command",
    .timeLimit(.minutes(2)))
  func cuts() async throws {
    try await withFolder { (folder) async throws in
      let acknowledged = try run("PowerCutter", [folder, "60"]).split(separator: "\n").compactMap { Int64($0) }
      #expect(acknowledged.count == 60)
      #expect(acknowledged.last ?? 0 > 100)
      for (cut, last) in acknowledged.enumerated() {
        try await withLog(folder + "/cut-\(cut)", topics: topics) { (log) async throws in
          let journal = try await log.reader(TopicPartition("journal", 0)).all()
          let commands = try await log.reader(TopicPartition("commands", 0)).all()
          #expect(Int64(journal.count) > last, "cut \(cut)")
          #expect(journal.map(\.offset) == (0..<Int64(journal.count)).map { $0 }, "cut \(cut)")
          #expect(commands.map(\.offset) == (0..<Int64(commands.count)).map { $0 }, "cut \(cut)")
          // The n-th journal record was appended after the n-th command.
          #expect(commands.count >= journal.count, "cut \(cut)")
        }
      }
    }
  }
}
