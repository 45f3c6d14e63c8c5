import Accounts
import InProcessHotState
import Journal
import Machines
import PartitionRunner
import Ports
import PortsTesting
import Projection
import Resources
import Synchronization
import TaskRouting

/// What went wrong, with the seed that shows it again.
struct Violation: Error, CustomStringConvertible {
  let description: String
}

/// The outside: logs, hot state, bus and clock that processes come and go in, all drawn from one seed.
final class World: Sendable {
  let seed: UInt64
  let clock = ManualClock()
  let log: InMemoryEventLog
  let bus = InMemorySignalBus(holding: true)
  let hot = FragileHotState(indexer: TaskRoutingIndexes.entries)
  let accountsHot = FragileHotState(indexer: AccountIndexes.entries)
  let settings: TaskRoutingSettings
  private let notes = Mutex<[String]>([])

  let swarm: Swarm
  let courtesy: SimulatedCourtesy
  let transport: Transport
  let evidence: Evidence
  /// The largest decision that the journal takes.
  static let recordBytes = 10_000
  /// Documents that one slice of a long command touches.
  static let sliceDocuments = 3
  static let inputs = ["work.commands", "work.bulk"]
  private let trace: (@Sendable (String) -> Void)?

  init(seed: UInt64, trace: (@Sendable (String) -> Void)? = nil) {
    self.seed = seed
    self.trace = trace
    swarm = Swarm(seed: seed)
    transport = Transport(seed: seed ^ 0x7265_6164)
    courtesy = SimulatedCourtesy(memory: swarm.courtesy)
    var settings = TaskRoutingSettings()
    settings.purgeAfter = 5000
    settings.assignedLimit = 30_000
    settings.placedAtOnce = 1
    self.settings = settings
    let topics = [
      "work.commands", "work.bulk", "work.journal", "work.state", "account.commands", "account.journal", "account.state", "events",
      "callouts",
      "rejects",
    ]
    log = InMemoryEventLog(topics: topics.map { TopicDeclaration($0, partitions: 1) }, clock: clock, manual: true)
    evidence = Evidence(log: log, inputs: World.inputs, isOn: swarm.hasPoison, hasDeadlyErrands: swarm.hasDeadlyErrands)
  }

  /// What was trimmed away, for the auditors.
  let archive = Archive()

  func note(_ text: String) {
    trace?("\(clock.monotonic()) \(text)")
    notes.withLock { $0.append(text) }
  }
  var history: [String] { notes.withLock { $0 } }

  /// Every record of a partition, as an auditor reads it.
  func records(_ topic: String) throws -> [LogRecord] { archive.records(topic) + (try kept(topic)) }

  /// Those from an offset on: where that is still in the log, without going through all the others.
  func records(_ topic: String, from offset: Int64) throws -> [LogRecord] {
    guard offset > 0, offset >= (try log.bounds(TopicPartition(topic, 0))).start else {
      return try records(topic).filter { $0.offset >= offset }
    }
    return try kept(topic, from: offset)
  }

  private func kept(_ topic: String, from offset: Int64 = 0) throws -> [LogRecord] {
    let reader = log.openReader(TopicPartition(topic, 0), from: offset, key: nil, visibility: .committed, wake: {})
    defer { reader.close() }
    var all: [LogRecord] = []
    while true {
      let some = try reader.take(records: 1000, bytes: .max)
      if some.isEmpty { return all }
      all += some
    }
  }
}
