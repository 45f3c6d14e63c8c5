import Accounts
import EventLoops
import PartitionRunner
import PoisonStamp
import Ports
import Resources
import Synchronization
import TaskRouting

/// What a worker runs for one partition number: its owner of each family. They are co-partitioned, so one assignment covers them.
struct Owners: Sendable {
  let work: PartitionRunner<TaskRoutingMachine>
  let accounts: PartitionRunner<AccountsMachine>

  /// What is decided is still answered, as long as the journal takes it.
  func finish(within milliseconds: Int64) async {
    await withDiscardingTaskGroup { group in
      group.addTask { await work.finish(within: milliseconds) }
      group.addTask { await accounts.finish(within: milliseconds) }
    }
  }
}

/// Owners of partitions that the group gave to somebody else, for as long as they answer what they have decided.
private final class Leaving: Sendable {
  private struct State {
    var last = 0
    var owners: [Int: (pair: Owners, left: Int)] = [:]
  }
  private let state = Mutex(State())

  var all: [Owners] { state.withLock { $0.owners.values.map(\.pair) } }

  func see(off gone: Owners) {
    let number = state.withLock { state in
      state.last += 1
      state.owners[state.last] = (gone, 2)
      return state.last
    }
    gone.work.finish(within: 1000) { [self] in oneLess(number) }
    gone.accounts.finish(within: 1000) { [self] in oneLess(number) }
  }

  private func oneLess(_ number: Int) {
    state.withLock { state in
      state.owners[number]?.left -= 1
      if state.owners[number]?.left == 0 { state.owners[number] = nil }
    }
  }
}

/// The worker role: owners of the partitions that are assigned, spread over the home's lanes.
struct Workers: Sendable {
  static let group = "workers"
  static let topics = ["work.commands", "work.bulk", "account.commands"]

  let owners: Assignments<Owners>
  private let leaving: Leaving
  private let figures: Figures

  init(
    home: Home, options: NodeOptions, clock: any Clock, identifiers: any IdentifierSource, stamp: PoisonStamp?, watch: RunnerWatch,
    courtesy: any Courtesy, readiness: Readiness, figures: Figures, loading: LoopGroup
  ) {
    self.figures = figures
    let leaving = Leaving()
    self.leaving = leaving
    let poison: any PoisonGuard = stamp.map { StampGuard(stamp: $0) } ?? NoPoison()
    let accountsPoison: any PoisonGuard = stamp.map { StampGuard(stamp: $0, first: StampGuard.accounts) } ?? NoPoison()
    owners = Assignments(
      begin: { partition in
        readiness.set("work/\(partition)")
        readiness.set("account/\(partition)")
        let lane = home.lanes[partition % home.lanes.count]
        var work = RunnerOptions(family: "work", partition: partition, node: home.node, inputs: ["work.commands", "work.bulk"])
        var account = RunnerOptions(family: "account", partition: partition, node: home.node, inputs: ["account.commands"])
        work.patience = options.answerMilliseconds
        account.patience = work.patience
        work.compareInterval = home.isShared ? 3000 : 0
        // What is derived from a decision comes later, from the same disk, and is no part of what it took: it rests longer.
        if !home.isShared { work.courteousPause = 3 }
        account.compareInterval = work.compareInterval
        let ports = RunnerPorts(
          log: home.log, hot: lane.hot, bus: home.bus, clock: clock, identifiers: identifiers, poison: poison,
          courtesy: courtesy, meter: figures.meters["work"] ?? NoMeter(),
          loading: loading.loops[partition % loading.loops.count], handover: home.handover(partition))
        var accountPorts = ports
        accountPorts.hot = lane.accounts
        accountPorts.poison = accountsPoison
        accountPorts.loading = nil
        accountPorts.handover = nil
        accountPorts.meter = figures.meters["account"] ?? NoMeter()
        let made = Owners(
          work: PartitionRunner(
            options: work, ports: ports, settings: options.routing, queue: lane.loop, notify: { watch.take($0, "work", partition) }),
          accounts: PartitionRunner(
            options: account, ports: accountPorts, settings: AccountsMachine.Settings(), queue: lane.loop,
            notify: { watch.take($0, "account", partition) }))
        made.accounts.start()
        made.work.start()
        return made
      },
      end: { partition, gone in
        leaving.see(off: gone)
        // Behind what was asked of them before: a late answer would stand there for ever.
        @Sendable func end(_ family: String) {
          readiness.clear("\(family)/\(partition)")
          figures.owners.end(Place(family, partition))
        }
        gone.work.post { _ in end("work") }
        gone.accounts.post { _ in end("account") }
      })
  }

  func finish(within milliseconds: Int64) async {
    owners.leave()
    // All at once: where what they stand on is away, each takes the whole time.
    let all = owners.items.map(\.item) + leaving.all
    await withDiscardingTaskGroup { group in
      for pair in all { group.addTask { await pair.finish(within: milliseconds) } }
    }
  }

  func check(_ readiness: Readiness) {
    for (partition, pair) in owners.items {
      pair.work.post { take($0.standing, Place("work", partition), readiness) }
      pair.accounts.post { take($0.standing, Place("account", partition), readiness) }
    }
  }

  private func take(_ standing: RunnerStanding, _ place: Place, _ readiness: Readiness) {
    readiness.set(place.description, isReady: standing.isReady, reason: standing.trouble)
    figures.owners.set(place, standing)
  }
}
