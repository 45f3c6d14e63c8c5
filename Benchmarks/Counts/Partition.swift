import Handover
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

/// One partition with its projector on a log in memory, stepped by hand on one thread: the same numbers in every run.
final class Partition {
  private let clock = ManualClock()
  private let identifiers = SequentialIdentifiers(seed: 7)
  private let bus = InMemorySignalBus()
  private let owner = ManualQueue()
  private let side = ManualQueue()
  private let log: InMemoryEventLog
  private let hot = InProcessHotState(indexer: TaskRoutingIndexes.entries)
  private let runner: PartitionRunner<TaskRoutingMachine>
  private let projector: Projector
  private let answers = Answers()
  private var subscription: (any Cancellable)?
  private let commands: any AppendSession
  private var last: UInt64 = 0

  private let workspace = Identifier(high: 1, low: 1)
  private let account = Identifier(high: 2, low: 2)
  private var workflow = Identifier.none

  private static let topics = ["work.commands", "work.bulk", "work.journal", "work.state", "rejects", "events"].map {
    TopicDeclaration($0, partitions: 1)
  }

  init() {
    log = InMemoryEventLog(topics: Self.topics, clock: clock)
    commands = log.openSession(TopicPartition("work.commands", 0), durability: .ordered) { _ in }
    let handover = Handover()
    let ports = RunnerPorts(log: log, hot: hot, bus: bus, clock: clock, identifiers: identifiers, handover: handover)
    runner = PartitionRunner(
      options: RunnerOptions(family: "work", partition: 0, node: "counts", inputs: ["work.commands", "work.bulk"]), ports: ports,
      settings: TaskRoutingSettings(), queue: owner)
    var options = Projector.Options(family: "work", partition: 0, hasEvents: true)
    options.packsEvents = true
    projector = Projector(options: options, log: log, queue: side, handover: handover)
    subscription = bus.subscribe("replies/counts") { [answers] message in answers.take(message) }
    runner.start()
    projector.start()
    settle()
  }

  /// Runs the owner until nothing is left to do; what the projector has to write waits.
  func decide() { owner.run() }

  /// Runs the projector until it has written everything.
  func project() {
    side.run()
    side.advance(by: 1000)
    side.run()
  }

  private func settle() {
    decide()
    project()
    clock.advance(by: 1)
  }

  func counters() throws -> RunnerCounters {
    let found = Mutex<RunnerCounters?>(nil)
    runner.post { runner in found.withLock { $0 = runner.counters } }
    owner.run()
    guard let counters = found.withLock({ $0 }) else { throw CountFailure.noCounters }
    return counters
  }

  // MARK: Commands

  /// So many requests at once, as a busy partition meets them; their answers.
  func send(_ requests: [Request]) throws -> [Verdict] {
    let first = last + 1
    for request in requests {
      last += 1
      let command = Command(
        scope: workspace, account: account, replyTo: ReplyAddress(node: "counts", request: last), body: request.encoded())
      commands.append([NewRecord(key: workspace.keyBytes, value: command.encoded())], tag: last)
    }
    decide()
    return try (first...last).map { number in
      guard let verdict = answers.answer(to: number), !verdict.isError else { throw CountFailure.refused(number) }
      return verdict
    }
  }

  func furnish(workers: Int, skills: Int) throws {
    // The account's partition, which would answer, is not here.
    last += 1
    let create = Command(
      scope: workspace, account: account, replyTo: ReplyAddress(node: "counts", request: last),
      body: Request(.createWorkspace, arguments: [.friendlyName: "counts"]).encoded())
    commands.append([NewRecord(key: workspace.keyBytes, value: create.encoded())], tag: last)
    decide()
    let available = hot.documents(of: workspace).first {
      $0.key.kind == Kind.activity && (try? ActivityRecord(decoding: $0.value))?.isAvailable == true
    }
    guard let available else { throw CountFailure.noActivity }
    let queue = try send([Request(.createTaskQueue, arguments: [.friendlyName: "all"])])[0].document?.id ?? .none
    let text =
      #"{"task_routing":{"filters":[{"expression":"skill >= 0","targets":[{"queue":"\#(SIDKind.taskQueue.text(queue))","expression":"worker.skill == task.skill"}]}]}}"#
    let made = try send([Request(.createWorkflow, arguments: [.friendlyName: "w", .configuration: .text(text)])])
    workflow = made[0].document?.id ?? .none
    _ = try send(
      (0..<workers).map { number in
        Request(
          .createWorker,
          arguments: [
            .friendlyName: .text("w\(number)"), .activity: .identifier(available.key.id),
            .attributes: .bytes(Array("{\"skill\":\(number % skills)}".utf8)),
          ])
      })
    settle()
  }

  /// Tasks of these skills; answers their identifiers.
  func create(_ skills: [Int]) throws -> [Identifier] {
    try send(
      skills.map { skill in
        Request(
          .createTask,
          arguments: [.workflow: .identifier(workflow), .attributes: .bytes(Array("{\"skill\":\(skill),\"n\":12345}".utf8))])
      }
    ).map { $0.document?.id ?? .none }
  }

  /// The reservations that tasks were offered with, by task.
  func offers() -> [Identifier: Identifier] {
    var found: [Identifier: Identifier] = [:]
    for (key, bytes) in hot.documents(of: workspace) where key.kind == Kind.reservation {
      if let record = try? ReservationRecord(decoding: bytes) { found[record.task] = key.id }
    }
    return found
  }

  /// Bytes of what is in a topic, keys included.
  func bytes(of topic: String) throws -> Int {
    let reader = log.openReader(TopicPartition(topic, 0), from: 0, key: nil, visibility: .committed) {}
    defer { reader.close() }
    return try reader.take(records: .max, bytes: .max).reduce(0) { $0 + $1.key.count + ($1.value?.count ?? 0) }
  }
}

/// What the partition answered, by request.
private final class Answers: Sendable {
  private let found = Mutex<[UInt64: Verdict]>([:])

  func take(_ message: [UInt8]) {
    for reply in (try? Reply.decode(message, node: "counts")) ?? [] { found.withLock { $0[reply.to.request] = reply.verdict } }
  }

  func answer(to request: UInt64) -> Verdict? { found.withLock { $0.removeValue(forKey: request) } }
}

enum CountFailure: Error {
  case noCounters
  case refused(UInt64)
  case noActivity
  case notOffered(Identifier)
  case noFile(String)
  case noConnection(Int32)
  case unexpected(String)
}
