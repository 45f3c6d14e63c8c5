import Glibc
import Ports
import PortsTesting
import SQLiteEventLog

/// Appends without end to the folder given as argument and prints each acknowledged offset of the journal on a line of its own, until it is killed. Every journal record
/// follows a command that was only ordered and names its offset.
@main
enum LogCrasher {
  static func main() throws {
    guard CommandLine.arguments.count == 2 else { exit(2) }
    let topics = [TopicDeclaration("commands", partitions: 1), TopicDeclaration("journal", partitions: 1)]
    let log = try SQLiteEventLog(folder: CommandLine.arguments[1], topics: topics, clock: ManualClock())
    let start = try log.bounds(TopicPartition("commands", 0)).end
    let commands = log.openSession(TopicPartition("commands", 0), durability: .ordered) { _ in }
    let journal = log.openSession(TopicPartition("journal", 0), durability: .synced) { reports in
      for report in reports {
        guard case .success(let offset) = report.outcome else { exit(3) }
        let line = Array("\(offset)\n".utf8)
        _ = line.withUnsafeBytes { $0.baseAddress.map { Glibc.write(1, $0, line.count) } }
      }
    }
    var number = start
    while true {
      let text = Array("\(number)".utf8)
      commands.append([NewRecord(key: text, value: [UInt8](repeating: 7, count: 300))], tag: UInt64(number))
      journal.append([NewRecord(key: [], value: text)], tag: UInt64(number))
      number += 1
      // Enough in flight to fill groups, without outrunning the disk.
      if number % 64 == 0 { usleep(500) }
    }
  }
}
