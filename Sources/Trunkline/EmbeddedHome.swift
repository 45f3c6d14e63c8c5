import Accounts
import EventLoops
import InProcessHotState
import InProcessSignalBus
import Ports
import Resources
import SQLiteEventLog
import TaskRouting

extension Home {
  /// One process, one data folder, no other server.
  static func embedded(_ options: NodeOptions, clock: any Clock, lock: FolderLock, loops: LoopGroup) throws -> Home {
    let log = try SQLiteEventLog(folder: options.dataFolder, topics: Node.topics, clock: clock, lock: lock)
    let partition: @Sendable (Identifier) -> Int = { Partitioner.partition(of: $0, among: NodeOptions.partitions) }
    let bus = InProcessSignalBus()
    let hot = InProcessHotState(partition: partition, indexer: TaskRoutingIndexes.entries)
    let accounts = InProcessHotState(partition: partition, indexer: AccountIndexes.entries)
    return Home(
      log: log, membership: SoleMember(partitions: NodeOptions.partitions), hot: hot, accounts: accounts, bus: bus, events: bus,
      lanes: loops.loops.map { Lane(loop: $0, hot: hot, accounts: accounts) },
      node: "embedded", isShared: false, problems: { [] }, connect: { _ in }, tick: {}, shutdown: { log.shutdown() })
  }
}
