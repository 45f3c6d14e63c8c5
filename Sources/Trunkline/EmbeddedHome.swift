import Accounts
import EventLoops
import Foundation
import Handover
import InProcessHotState
import InProcessSignalBus
import Observability
import Ports
import Resources
import SQLiteEventLog
import Synchronization
import TaskRouting

extension Home {
  /// One process, one data folder, no other server.
  static func embedded(_ options: NodeOptions, clock: any Clock, lock: FolderLock, loops: LoopGroup, logger: Logger) throws -> Home {
    try LostLog.refuse(options.dataFolder)
    let log = try SQLiteEventLog(folder: options.dataFolder, topics: Node.topics, clock: clock, lock: lock)
    let partition: @Sendable (Identifier) -> Int = { Partitioner.partition(of: $0, among: NodeOptions.partitions) }
    let bus = InProcessSignalBus()
    let hot = InProcessHotState(partition: partition, indexer: TaskRoutingIndexes.entries)
    let accounts = InProcessHotState(partition: partition, indexer: AccountIndexes.entries)
    let watch = LogWatch(log: log, logger: logger)
    return Home(
      log: log, membership: SoleMember(partitions: NodeOptions.partitions), hot: hot, accounts: accounts, bus: bus, events: bus,
      lanes: loops.loops.map { Lane(loop: $0, hot: hot, accounts: accounts) },
      handovers: (0..<NodeOptions.partitions).map { _ in Handover() },
      node: "embedded", isShared: false, problems: watch.problems, connect: { _ in }, tick: {}, shutdown: { log.shutdown() })
  }
}

/// Tells the operator once when the log's file begins to fail, and once when it is well again.
private final class LogWatch: Sendable {
  private let log: SQLiteEventLog
  private let logger: Logger
  private let told = Mutex<LogProblem?>(nil)

  init(log: SQLiteEventLog, logger: Logger) { (self.log, self.logger) = (log, logger) }

  @Sendable func problems() -> [(part: String, reason: String)] {
    let found = log.problem
    let before = told.withLock { told in
      defer { told = found }
      return told
    }
    if let found, found.part != before?.part {
      logger.error("the log cannot be used: new work is refused until it can", ["part": found.part.rawValue, "reason": found.reason])
    } else if found == nil, let before {
      logger.info("the log can be used again", ["part": before.part.rawValue])
    }
    return found.map { [(part: $0.part.rawValue, reason: $0.reason)] } ?? []
  }
}

/// A folder that was served once and has lost its log: beginning an empty one there would look as if nothing had ever been accepted.
private enum LostLog {
  static func refuse(_ folder: String) throws(NodeFailure) {
    let (log, account) = (folder + "/log.sqlite", folder + "/account")
    guard !FileManager.default.fileExists(atPath: log), FileManager.default.fileExists(atPath: account) else { return }
    throw NodeFailure(
      "\(log) is missing, but \(account) is there: the folder has been served before. Restore a backup into a new folder "
        + "(`trunkline restore BACKUP --data-dir NEW`), bring the file back, or move \(account) away to begin with nothing")
  }
}
