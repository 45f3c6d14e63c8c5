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

/// Hot state that can be wiped, rolled back to nothing, or be away.
final class FragileHotState: HotState {
  private struct State {
    var home: InProcessHotState
    /// What a replica has that has fallen behind.
    var replica: InProcessHotState?
    var isAway = false
    var number: UInt64 = 0
    var watchers: [UInt64: @Sendable () -> Void] = [:]
  }
  private let indexer: DocumentIndexer
  private let state: Mutex<State>

  init(indexer: @escaping DocumentIndexer) {
    self.indexer = indexer
    state = Mutex(State(home: InProcessHotState(indexer: indexer)))
  }

  func wipe() { state.withLock { $0.home = InProcessHotState(indexer: indexer) } }
  /// A replica gets this far, and then no further.
  func replicate() {
    let copy = present.copy()
    state.withLock { $0.replica = copy }
  }
  /// The replica takes over, as far behind as it is. Owners are told, or find out at their next comparison.
  func failOver(told: Bool) {
    let watchers = state.withLock { state in
      if let replica = state.replica { state.home = replica }
      state.replica = nil
      return told ? state.watchers.sorted { $0.key < $1.key }.map(\.value) : []
    }
    for watcher in watchers { watcher() }
  }
  func setAway(_ away: Bool) { state.withLock { $0.isAway = away } }
  private var home: InProcessHotState? { state.withLock { $0.isAway ? nil : $0.home } }
  var present: InProcessHotState { state.withLock { $0.home } }

  func apply(_ entries: [ScopeApply], deliver: @escaping @Sendable (Result<[ApplyOutcome], HotStateFailure>) -> Void) {
    guard let home else { return deliver(.failure(.unavailable("away"))) }
    home.apply(entries, deliver: deliver)
  }
  func beginRefill(
    _ scope: Identifier, token: RefillToken, expected: Int64, deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    guard let home else { return deliver(.failure(.unavailable("away"))) }
    home.beginRefill(scope, token: token, expected: expected, deliver: deliver)
  }
  func refillChunk(
    _ scope: Identifier, token: RefillToken, number: Int, documents: [Document],
    deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    guard let home else { return deliver(.failure(.unavailable("away"))) }
    home.refillChunk(scope, token: token, number: number, documents: documents, deliver: deliver)
  }
  func endRefill(
    _ scope: Identifier, token: RefillToken, chunks: Int, mark: Int64,
    deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    guard let home else { return deliver(.failure(.unavailable("away"))) }
    home.endRefill(scope, token: token, chunks: chunks, mark: mark, deliver: deliver)
  }
  func marks(_ scopes: [Identifier], deliver: @escaping @Sendable (Result<[Int64], HotStateFailure>) -> Void) {
    guard let home else { return deliver(.failure(.unavailable("away"))) }
    home.marks(scopes, deliver: deliver)
  }
  func setComplete(_ partition: Int, token: RefillToken, deliver: @escaping @Sendable (Result<Void, HotStateFailure>) -> Void) {
    guard let home else { return deliver(.failure(.unavailable("away"))) }
    home.setComplete(partition, token: token, deliver: deliver)
  }
  func watch(_ changed: @escaping @Sendable () -> Void) -> any Cancellable {
    let number = state.withLock { state in
      state.number += 1
      state.watchers[state.number] = changed
      return state.number
    }
    return Watching { [weak self] in self?.state.withLock { _ = $0.watchers.removeValue(forKey: number) } }
  }
  func get(_ scope: Identifier, _ keys: [DocumentKey]) async throws(HotStateFailure) -> (mark: Int64, documents: [[UInt8]?]) {
    guard let home else { throw .unavailable("away") }
    return try await home.get(scope, keys)
  }
  func list(_ scope: Identifier, _ range: DocumentRange) async throws(HotStateFailure) -> (mark: Int64, documents: [Document]) {
    guard let home else { throw .unavailable("away") }
    return try await home.list(scope, range)
  }
}

private struct Watching: Cancellable {
  let end: @Sendable () -> Void
  func cancel() { end() }
}

/// One process: owners on one queue, projectors on another, so that either may run ahead; both can be dropped at any step.
final class SimulatedNode {
  let queue = ManualQueue()
  let side = ManualQueue()
  let life = Life()
  let isProjecting: Bool
  let work: PartitionRunner<TaskRoutingMachine>
  let accounts: PartitionRunner<AccountsMachine>
  let projectors: [Projector]

  init(name: String, world: World, seed: UInt64, projects: Bool = true) {
    isProjecting = projects
    let identifiers = SequentialIdentifiers(seed: seed)
    let life = life
    func ports(_ hot: FragileHotState) -> RunnerPorts {
      RunnerPorts(
        log: MortalLog(log: world.log, life: life), hot: hot, bus: world.bus, clock: world.clock, identifiers: identifiers,
        courtesy: world.courtesy)
    }
    var workPorts = ports(world.hot)
    workPorts.poison = SimulatedPoison(evidence: world.evidence, life: life)
    var options = RunnerOptions(family: "work", partition: 0, node: name, inputs: World.inputs)
    options.yieldingBatch = 1 + Int(seed / 24 % 5)
    options.courteousBatch = 1 + Int(seed / 120 % 3)
    options.mostInFlight = 1 + Int(seed % 4)
    options.batch = 1 + Int(seed / 4 % 6)
    options.sliceDocuments = 3
    options.compareInterval = 700
    work = PartitionRunner(
      options: options, ports: workPorts, settings: world.settings, queue: queue, notify: { world.note("\(name): \($0)") })
    accounts = PartitionRunner(
      options: RunnerOptions(family: "account", partition: 0, node: name, inputs: ["account.commands"]), ports: ports(world.accountsHot),
      settings: AccountsMachine.Settings(), queue: queue)
    projectors = [
      Projector(options: Projector.Options(family: "work", partition: 0, hasEvents: true), log: world.log, queue: side),
      Projector(options: Projector.Options(family: "account", partition: 0, hasEvents: false), log: world.log, queue: side),
    ]
  }

  /// Goes on for some steps, unless it dies in one.
  func run(limit: Int) {
    var left = limit
    while left > 0, !life.isOver, queue.step() { left -= 1 }
  }

  /// The group takes the partitions away and gives them back, whatever is in flight.
  func rebalance() {
    work.stop()
    accounts.stop()
    work.start()
    accounts.start()
  }

  func drop() {
    life.end()
    queue.drop()
    side.drop()
  }

  func advance(by milliseconds: Int64) {
    queue.advance(by: milliseconds)
    side.advance(by: milliseconds)
  }

  /// Only one process projects; a second owner may exist, a second projector is fenced by transactions that this log does not draw.
  func start() {
    work.start()
    accounts.start()
    if isProjecting { for projector in projectors { projector.start() } }
  }
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
  let evidence: Evidence
  static let inputs = ["work.commands", "work.bulk"]
  private let trace: (@Sendable (String) -> Void)?

  init(seed: UInt64, trace: (@Sendable (String) -> Void)? = nil) {
    self.seed = seed
    self.trace = trace
    swarm = Swarm(seed: seed)
    courtesy = SimulatedCourtesy(memory: swarm.courtesy)
    var settings = TaskRoutingSettings()
    settings.purgeAfter = 5000
    self.settings = settings
    let topics = [
      "work.commands", "work.bulk", "work.journal", "work.state", "account.commands", "account.journal", "account.state", "events",
      "callouts",
      "rejects",
    ]
    log = InMemoryEventLog(topics: topics.map { TopicDeclaration($0, partitions: 1) }, clock: clock, manual: true)
    evidence = Evidence(log: log, inputs: World.inputs, isOn: swarm.hasPoison)
  }

  func note(_ text: String) {
    trace?("\(clock.monotonic()) \(text)")
    notes.withLock { $0.append(text) }
  }
  var history: [String] { notes.withLock { $0 } }

  /// Every record of a partition, as an auditor reads it.
  func records(_ topic: String) throws -> [LogRecord] {
    let reader = log.openReader(TopicPartition(topic, 0), from: 0, key: nil, visibility: .committed, wake: {})
    defer { reader.close() }
    var all: [LogRecord] = []
    while true {
      let some = try reader.take(records: 1000, bytes: .max)
      if some.isEmpty { return all }
      all += some
    }
  }
}
