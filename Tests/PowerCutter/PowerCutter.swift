import Glibc
import Ports
import PortsTesting
import PowerCut
import SQLiteEventLog
import Synchronization

/// Appends to a log in the first argument's folder, and as many times as the second says writes down what a disk would hold if the power went at that moment: in `cut-N`
/// beside it, with the last offset acknowledged before then on standard output, a line a cut.
@main
enum PowerCutter {
  static func main() throws {
    guard CommandLine.arguments.count == 3, let cuts = Int(CommandLine.arguments[2]), powercut_install() == 0 else { exit(2) }
    let folder = CommandLine.arguments[1]
    let topics = [TopicDeclaration("commands", partitions: 1), TopicDeclaration("journal", partitions: 1)]
    let log = try SQLiteEventLog(folder: folder + "/log", topics: topics, clock: ManualClock())
    let acknowledged = Atomic<Int64>(-1)
    let commands = log.openSession(TopicPartition("commands", 0), durability: .ordered) { _ in }
    let journal = log.openSession(TopicPartition("journal", 0), durability: .synced) { reports in
      for report in reports {
        guard case .success(let offset) = report.outcome else { exit(3) }
        acknowledged.store(offset, ordering: .releasing)
      }
    }
    var number = 0
    for cut in 0..<cuts {
      // A different amount in flight at each cut, from nothing to some groups of pages.
      for _ in 0..<(cut * 37 % 200) {
        let text = Array("\(number)".utf8)
        commands.append([NewRecord(key: text, value: [UInt8](repeating: 7, count: 700))], tag: 0)
        if number % 3 != 0 { usleep(20) }
        journal.append([NewRecord(key: [], value: text)], tag: 0)
        number += 1
      }
      let known = acknowledged.load(ordering: .acquiring)
      let place = folder + "/cut-\(cut)"
      guard mkdir(place, 0o700) == 0, powercut_copy(place, UInt32(cut), [0, 30, 60, 95, 100][cut % 5]) == 0 else { exit(4) }
      print(known)
    }
    log.shutdown()
  }
}
