import EventLoops
import Handover
import InProcessHotState
import InProcessSignalBus
import Ingress
import Journal
import Machines
import PartitionRunner
import Ports
import Projection
import Resources
import SQLiteEventLog
import Synchronization
import TaskRouting
import Terminal
import Trunkline

/// created → reserved → accepted → completed, skill-matched, durable, with the projector running; without HTTP.
enum MachineAndLog {
  static func run(seconds: Double) async throws -> [TrunklineBench.Row] {
    try await withFolder { folder in
      let log = try SQLiteEventLog(folder: folder, topics: Node.topics, clock: SystemClock())
      let loop = try EventLoop.spawn(name: "partition")
      let projection = try EventLoop.spawn(name: "projection")
      let hot = InProcessHotState(indexer: TaskRoutingIndexes.entries)
      let bus = InProcessSignalBus()
      let identifiers = Numbered()
      let handovers = (0..<NodeOptions.partitions).map { _ in Handover() }
      let runners = (0..<NodeOptions.partitions).map {
        PartitionRunner<TaskRoutingMachine>(
          options: RunnerOptions(family: "work", partition: $0, node: "bench", inputs: ["work.commands", "work.bulk"]),
          ports: RunnerPorts(log: log, hot: hot, bus: bus, clock: SystemClock(), identifiers: identifiers, handover: handovers[$0]),
          settings: TaskRoutingSettings(), queue: loop)
      }
      let projectors = (0..<NodeOptions.partitions).map {
        var options = Projector.Options(family: "work", partition: $0, hasEvents: true)
        options.packsEvents = true
        return Projector(options: options, log: log, queue: projection, handover: handovers[$0])
      }
      for runner in runners { runner.start() }
      for projector in projectors { projector.start() }
      let commander = Commander(log: log, bus: bus, clock: SystemClock(), node: "bench", first: 1, most: 100_000)
      let desk = try await Desk(commander: commander, hot: hot, identifiers: identifiers, workers: 512)
      let before = await bytes(runners)
      let start = uptime()
      let done = await desk.work(until: start + seconds, hands: 256)
      let took = uptime() - start
      let after = await bytes(runners)
      for runner in runners { await runner.finish(within: 5000) }
      for projector in projectors { await withCheckedContinuation { continuation in projector.stop { continuation.resume() } } }
      let lag = uptime() - start - took
      log.shutdown()
      loop.stop()
      projection.stop()
      return [
        .init(
          what: "lifecycles through machine and log", figure: TrunklineBench.perSecond(done, took),
          note: "3 synced decisions each, 256 in flight, one workspace; projector caught up \(HumanText.decimal(lag)) s later"),
        .init(
          what: "journal a lifecycle", figure: "\((after.bytes - before.bytes) / max(1, done)) B",
          note: "\(done * 3 / max(1, after.decisions - before.decisions)) commands a decision on average; attributes of 22 B included"),
      ]
    }
  }

  private static func bytes(_ runners: [PartitionRunner<TaskRoutingMachine>]) async -> (bytes: Int, decisions: Int) {
    var sum = (bytes: 0, decisions: 0)
    for runner in runners {
      let counters = await runner.counters
      sum.bytes += counters.bytes
      sum.decisions += counters.decisions
    }
    return sum
  }
}

/// Identifiers for measurements: cheap and different.
final class Numbered: IdentifierSource {
  private let next = Atomic<UInt64>(1)
  func identifier() -> Identifier { Identifier(high: 0xBE7C, low: next.add(1, ordering: .relaxed).newValue) }
  func seed() -> UInt64 { next.add(0x9E37_79B9, ordering: .relaxed).newValue }
}

/// A workspace with skilled workers, and hands that take tasks through their lives.
struct Desk: Sendable {
  private let commander: Commander
  private let hot: any HotReads
  private let workspace: Identifier
  private let account: Identifier
  private let workflow: Identifier
  private let skills = 8

  /// In a workspace that stands ready.
  init(commander: Commander, hot: any HotReads, workspace: Identifier, account: Identifier, workflow: Identifier) {
    (self.commander, self.hot, self.workspace, self.account, self.workflow) = (commander, hot, workspace, account, workflow)
  }

  /// In one that is made for it.
  init(commander: Commander, hot: InProcessHotState, identifiers: Numbered, workers: Int) async throws {
    self.commander = commander
    self.hot = hot
    workspace = identifiers.identifier()
    account = Identifier(high: 1, low: 1)
    let account = account
    let workspace = workspace
    func send(_ request: Request) async throws -> Identifier {
      let command = Command(scope: workspace, account: account, body: request.encoded())
      switch await commander.submit(command, to: "work.commands") {
      case .success(let verdict) where !verdict.isError: return verdict.document?.id ?? .none
      case let other: throw BenchFailure("set-up: \(other)")
      }
    }
    // The account's partition, which would answer for the directory, is not part of this measurement.
    let create = Command(scope: workspace, account: account, body: Request(.createWorkspace, arguments: [.friendlyName: "bench"]).encoded())
    let pending = Task { await commander.submit(create, to: "work.commands") }
    var available: Identifier?
    while available == nil {
      let activities = hot.documents(of: workspace).filter { $0.key.kind == Kind.activity }
      available = activities.first { (try? ActivityRecord(decoding: $0.value))?.isAvailable == true }?.key.id
      await Task.yield()
    }
    pending.cancel()
    let queue = try await send(Request(.createTaskQueue, arguments: [.friendlyName: "all"]))
    let text =
      #"{"task_routing":{"filters":[{"expression":"skill >= 0","targets":[{"queue":"\#(SIDKind.taskQueue.text(queue))","expression":"worker.skill == task.skill"}]}]}}"#
    workflow = try await send(Request(.createWorkflow, arguments: [.friendlyName: "w", .configuration: .text(text)]))
    for number in 0..<workers {
      _ = try await send(
        Request(
          .createWorker,
          arguments: [
            .friendlyName: .text("w\(number)"), .activity: .identifier(available ?? .none),
            .attributes: .bytes(Array("{\"skill\":\(number % skills)}".utf8)),
          ]))
    }
  }

  /// Lifecycles finished by the given time with so many going on at once.
  func work(until end: Double, hands: Int) async -> Int {
    await withTaskGroup(of: Int.self) { group in
      for hand in 0..<hands { group.addTask { await self.hand(hand, until: end) } }
      return await group.reduce(0, +)
    }
  }

  private func hand(_ number: Int, until end: Double) async -> Int {
    var done = 0
    while uptime() < end {
      if await lifecycle(number % skills) { done += 1 }
    }
    return done
  }

  private func ask(_ request: Request) async -> Verdict? {
    let command = Command(scope: workspace, account: account, body: request.encoded())
    if case .success(let verdict) = await commander.submit(command, to: "work.commands"), !verdict.isError { return verdict }
    return nil
  }

  private func lifecycle(_ skill: Int) async -> Bool {
    let attributes = Array("{\"skill\":\(skill),\"n\":12345}".utf8)
    let create = Request(.createTask, arguments: [.workflow: .identifier(workflow), .attributes: .bytes(attributes)])
    guard let task = await ask(create)?.document?.id else { return false }
    let range = DocumentRange(kind: Kind.reservation, index: ListIndex.creation, parent: task, limit: 1)
    guard let reservation = try? await hot.list(workspace, range).documents.first?.key.id else { return false }
    guard await ask(Request(.updateReservation, target: reservation, side: task, arguments: [.status: "accepted"])) != nil else {
      return false
    }
    return await ask(Request(.updateTask, target: task, arguments: [.status: "completed"])) != nil
  }
}

struct BenchFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
