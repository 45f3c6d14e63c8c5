import Accounts
import Handover
import Machines
import PartitionRunner
import Ports
import PortsTesting
import Projection
import Resources
import TaskRouting

/// One process: owners on one queue, projectors on another, so that either may run ahead; both can be dropped at any step.
final class SimulatedNode {
  let queue = ManualQueue()
  let side = ManualQueue()
  /// Makes machines of snapshots, whenever its own queue has come to rest.
  let loader = ManualQueue()
  let life = Life()
  let work: PartitionRunner<TaskRoutingMachine>
  let accounts: PartitionRunner<AccountsMachine>
  let projectors: [Projector]

  init(name: String, world: World, seed: UInt64, poison: (any PoisonGuard)? = nil, loadsAside: Bool = false, handsOver: Bool = false) {
    let identifiers = SequentialIdentifiers(seed: seed)
    let life = life
    let loader = loadsAside ? loader : nil
    let log = MortalLog(log: world.log, life: life, archive: world.archive, transport: world.transport)
    func ports(_ hot: FragileHotState) -> RunnerPorts {
      RunnerPorts(
        log: log, hot: OwnHotState(hot), bus: world.bus, clock: world.clock, identifiers: identifiers,
        courtesy: world.courtesy, loading: loader)
    }
    let handover = handsOver ? Handover(entries: 4) : nil
    var workPorts = ports(world.hot)
    workPorts.handover = handover
    workPorts.poison = poison ?? SimulatedPoison(evidence: world.evidence, life: life)
    var options = RunnerOptions(family: "work", partition: 0, node: name, inputs: World.inputs)
    options.yieldingBatch = 1 + Int(seed / 24 % 5)
    options.courteousBatch = 1 + Int(seed / 120 % 3)
    options.mostInFlight = 1 + Int(seed % 4)
    options.worthwhile = 1 + Int(seed / 360 % 3)
    options.batch = 1 + Int(seed / 4 % 6)
    options.mostTimers = 1 + Int(seed / 1080 % 4)
    options.timersBesideCommands = Int(seed / 8640 % 2)
    options.courteousTimers = 1 + Int(seed / 1440 % 3)
    options.timerPatience = Int64(seed / 2880 % 3) * 400
    options.mostUnprojected = 2 + Int64(seed / 4320 % 3) * 10
    options.sliceDocuments = World.sliceDocuments
    options.refillDocuments = 7
    options.compareInterval = 700
    options.recordBytes = World.recordBytes
    options.rejectedBytes = 500
    options.decisionBytes = World.recordBytes / 2
    work = PartitionRunner(
      options: options, ports: workPorts, settings: world.settings, queue: queue, notify: { world.note("\(name): \($0)") })
    accounts = PartitionRunner(
      options: RunnerOptions(family: "account", partition: 0, node: name, inputs: ["account.commands"]), ports: ports(world.accountsHot),
      settings: AccountsMachine.Settings(), queue: queue)
    var projection = Projector.Options(family: "work", partition: 0, hasEvents: true)
    // Mostly by time; also by weight, which begins a transaction while the next is on the clock.
    projection.most = [2000, 2000, 30, 6][Int(seed / 4320 % 4)]
    if let retention = world.swarm.retention {
      projection.inputs = World.inputs
      projection.retention = retention
      projection.trimEvery = 5
    }
    projectors = [
      Projector(options: projection, log: log, queue: side, handover: handover),
      Projector(options: Projector.Options(family: "account", partition: 0, hasEvents: false), log: log, queue: side),
    ]
  }

  /// Goes on for some steps, unless it dies in one.
  func run(limit: Int) {
    var left = limit
    while left > 0, !life.isOver, queue.step() || loader.step() { left -= 1 }
  }

  /// The group takes the partitions away and gives them back, whatever is in flight; in order: once that is seen through, if it takes no longer than that.
  func rebalance(inOrder: Bool) {
    guard inOrder else {
      work.stop()
      accounts.stop()
      work.start()
      accounts.start()
      return
    }
    work.finish(within: 400) { [work] in work.start() }
    accounts.finish(within: 400) { [accounts] in accounts.start() }
  }

  func drop() {
    life.end()
    queue.drop()
    side.drop()
    loader.drop()
  }

  func advance(by milliseconds: Int64) {
    queue.advance(by: milliseconds)
    side.advance(by: milliseconds)
  }

  func start() {
    work.start()
    accounts.start()
    for projector in projectors { projector.start() }
  }
}
