import Expressions
import JSON
import Journal
import Machines
import Resources
import Testing
import Workflows

@testable import TaskRouting

@Suite("Random histories")
struct HistoryTests {
  @Test(
    "One holder a task, capacity kept, nobody idle beside work, the best task first, documents equal to memory, and an heir decides the same",
    arguments: 1...16)
  func history(_ seed: Int) throws {
    var history = try History(seed: UInt64(seed))
    for number in 0..<220 {
      let command = history.draw()
      try history.perform(command)
      try history.check("seed \(seed), command \(number): \(command.operation)")
      if number % 55 == 30 { try history.inherit() }
    }
  }
}

/// Draws commands, gives them to the machine (and for a while to an heir that was made from the documents), and judges by the documents alone.
private struct History {
  var bench: Workbench
  var heir: TaskRoutingMachine?
  var heirLeft = 0
  var random: SeededGenerator
  var queues: [Identifier] = []
  var flows: [Identifier] = []
  var workers: [Identifier] = []
  var activities: [Identifier] = []
  var names = 0

  static let expressions = [
    "1==1", "level >= 2", "team == 'a'", "worker.channel.sms.available_capacity_percentage > 0", "activity_name != 'Lunch'", "",
  ]

  init(seed: UInt64) throws {
    random = SeededGenerator(seed: seed)
    bench = try Workbench(seed: seed &* 1_000_003, arguments: [.prioritizeQueueOrder: .text(seed % 3 == 0 ? "LIFO" : "FIFO")])
    bench.send(.createActivity, arguments: [.friendlyName: "Lunch"])
    activities = try ["Offline", "Available", "Lunch"].map { try bench.activity($0) }
    queues = (0..<4).map { n in
      bench.queue("q\(n)", Self.expressions[n], order: n == 3 ? "LIFO" : "FIFO", most: n == 2 ? 2 : 1)
    }
    flows = (0..<2).map { n in bench.workflow("f\(n)", configuration(n), reservationTimeout: 30) }
    for n in 0..<4 { workers.append(try bench.worker("w\(n)", attributes(), activity: n == 0 ? "Offline" : "Available")) }
  }

  mutating func pick<Element>(_ from: [Element]) -> Element { from[Int.random(in: 0..<from.count, using: &random)] }
  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
  mutating func attributes() -> String { #"{"level":\#(Int.random(in: 0...4, using: &random)),"team":"\#(pick(["a", "b"]))"}"# }

  mutating func configuration(_ n: Int) -> String {
    let a = pick(queues)
    let b = pick(queues)
    return routing(
      [
        filter(
          "kind == \(n)",
          [
            step(a, #""timeout":20,"expression":"worker.level >= task.level""#),
            step(b, #""timeout":20,"priority":3,"order_by":"worker.level DESC""#),
          ]),
        filter("kind == 2", [step(b, #""skip_if":"workers.available == 0""#)]),
      ], otherwise: step(pick(queues)))
  }

  func all<Record: DocumentRecord>(_ kind: UInt8, _: Record.Type) throws -> [(id: Identifier, record: Record)] {
    var out: [(id: Identifier, record: Record)] = []
    for (key, bytes) in bench.documents[bench.workspace] ?? [:] where key.kind == kind { out.append((key.id, try Record(decoding: bytes))) }
    return out.sorted { $0.id < $1.id }
  }

  mutating func draw() -> Request {
    let tasks = ((try? all(Kind.task, TaskRecord.self)) ?? []).filter { !$0.record.status.isOver }
    let live = ((try? all(Kind.reservation, ReservationRecord.self)) ?? []).filter { $0.record.status.isLive }
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<30 where tasks.count < 40, 0..<8: return drawTask()
    case 0..<62 where !live.isEmpty:
      let wanted = pick(["accepted", "accepted", "rejected", "completed", "completed", "wrapping"])
      return Request(.updateReservation, target: pick(live).id, arguments: [.status: .text(wanted)])
    case 0..<70 where !tasks.isEmpty:
      let target = pick(tasks).id
      if chance(40) {
        return Request(.updateTask, target: target, arguments: [.status: .text(pick(["canceled", "wrapping", "completed"]))])
      }
      if chance(20) { return Request(.deleteTask, target: target) }
      return Request(
        .updateTask, target: target,
        arguments: [.priority: .integer(Int64(Int.random(in: 0...5, using: &random))), .attributes: .bytes(Array(taskAttributes().utf8))])
    case 0..<80:
      return Request(
        .updateWorker, target: pick(workers),
        arguments: [.activity: .identifier(pick(activities))].merging(chance(60) ? [.rejectPendingReservations: true] : [:]) { $1 })
    case 0..<84: return Request(.updateWorker, target: pick(workers), arguments: [.attributes: .bytes(Array(attributes().utf8))])
    case 0..<88:
      return Request(
        .updateWorkerChannel, side: pick(workers),
        arguments: [
          .taskChannel: .text(pick(["sms", "default"])), .capacity: .integer(Int64(Int.random(in: 0...3, using: &random))),
          .available: .flag(chance(85)),
        ])
    case 0..<91:
      return Request(
        .updateTaskQueue, target: pick(queues),
        arguments: [.targetWorkers: .text(pick(Self.expressions)), .taskOrder: .text(pick(["FIFO", "FIFO", "LIFO"]))])
    case 0..<94:
      let n = Int.random(in: 0...1, using: &random)
      return Request(
        .updateWorkflow, target: flows[n], arguments: [.configuration: .text(configuration(n)), .reEvaluate: .flag(chance(50))])
    case 0..<95: return Request(.updateActivity, target: activities[2], arguments: [.friendlyName: .text(pick(["Lunch", "Break"]))])
    case 0..<96:
      names += 1
      return Request(
        .createWorker,
        arguments: [
          .friendlyName: .text("n\(names)"), .attributes: .bytes(Array(attributes().utf8)), .activity: .identifier(pick(activities)),
        ])
    case 0..<97: return Request(.deleteWorker, target: pick(workers))
    default:
      bench.now += 1
      return drawTask()
    }
  }

  mutating func taskAttributes() -> String {
    #"{"kind":\#(Int.random(in: 0...3, using: &random)),"level":\#(Int.random(in: 0...3, using: &random))}"#
  }

  mutating func drawTask() -> Request {
    var arguments: [Parameter: Argument] = [
      .attributes: .bytes(Array(taskAttributes().utf8)), .workflow: .identifier(pick(flows)),
      .taskChannel: .text(pick(["sms", "default"])),
      .priority: .integer(Int64(Int.random(in: 0...3, using: &random))),
      .timeout: .integer(Int64(Int.random(in: 40...300, using: &random))),
    ]
    if chance(6) { arguments[.routingTarget] = .text(SIDKind.worker.text(pick(workers))) }
    if chance(6) { arguments[.routingTarget] = .text(SIDKind.taskQueue.text(pick(queues))) }
    if chance(50) { arguments[.ignoreCapacity] = false }
    return Request(.createTask, arguments: arguments)
  }

  // MARK: Doing

  mutating func perform(_ request: Request) throws {
    let command = Command(
      scope: bench.workspace, account: bench.account, replyTo: ReplyAddress(node: "n", request: 1), body: request.encoded())
    try both { machine, turn in machine.handle(command, &turn) }
    if let made = bench.lastEffects.replies.first?.verdict, made.status == 201, request.operation == .createWorker {
      workers.append(made.document?.id ?? .none)
    }
    if request.operation == .deleteWorker, bench.lastEffects.replies.first?.verdict.status == 204 {
      workers.removeAll { $0 == request.target }
    }
    if workers.isEmpty { workers = [Identifier(high: 1, low: 1)] }
    try judgeOffers(request)
    while bench.machine.hasSlice { try both { machine, turn in machine.slice(limit: 7, &turn) } }
    guard chance(40) else { return }
    let end = bench.now + Int64(Int.random(in: 0...25_000, using: &random))
    while let due = bench.machine.nextDue, due <= end {
      bench.now = max(bench.now, due)
      try both { machine, turn in machine.fire(&turn) }
    }
    bench.now = end
  }

  /// The machine, and its heir with the same seed, which must do the same.
  mutating func both(_ body: (inout TaskRoutingMachine, inout Turn) -> Void) throws {
    var turn = Turn(now: bench.now, seed: 0)
    bench.run { machine, own in
      turn = own
      body(&machine, &own)
    }
    guard var other = heir else { return }
    body(&other, &turn)
    other.close(&turn)
    heirLeft -= 1
    heir = heirLeft > 0 ? other : nil
    let isSame = turn.effects.scopes == bench.lastEffects.scopes && turn.effects.replies == bench.lastEffects.replies
    #expect(isSame, "an heir decides otherwise")
    #expect(other.nextDue == bench.machine.nextDue)
  }

  mutating func inherit() throws {
    heir = try TaskRoutingMachine(settings: bench.settings, documents: bench.documents)
    heirLeft = 40
  }

  // MARK: Judging

  struct View: WorkerFacts {
    let id: Identifier
    let record: WorkerRecord
    let attributes: JSONDocument
    let activityName: String
    let channelIDs: [String: Identifier]
    var sid: String { SIDKind.worker.text(id) }
    var friendlyName: String { record.friendlyName }
    var activitySid: String { SIDKind.activity.text(record.activity) }
    func channel(_ name: String) -> ChannelFacts? {
      channelIDs[name].map { id in
        let load = record.load(on: id)
        return ChannelFacts(
          configuredCapacity: load.capacity, assignedTasks: load.accepted, availableCapacityPercentage: load.availablePercentage)
      }
    }
  }

  func text(_ kind: UInt8, _ id: Identifier) -> [UInt8] { bench.documents[bench.workspace]?[DocumentKey(kind: kind, id: id)] ?? [] }

  /// Whether a worker fits a task, its room and activity apart: asked of the documents, without any index.
  func fits(_ worker: Identifier, _ task: Identifier) throws -> Bool {
    guard let taskRecord = try bench.read(task), let record = try bench.readWorker(worker) else { return false }
    if let target = taskRecord.routingTarget, target.hasPrefix("WK") { return target == SIDKind.worker.text(worker) }
    guard let queue = try bench.document(Kind.taskQueue, taskRecord.queue, TaskQueueRecord.self) else { return false }
    let activity = try bench.document(Kind.activity, record.activity, ActivityRecord.self)
    let channels = Dictionary(uniqueKeysWithValues: try all(Kind.taskChannel, TaskChannelRecord.self).map { ($0.record.uniqueName, $0.id) })
    let view = View(
      id: worker, record: record, attributes: try JSONDocument(parsing: text(Kind.workerAttributes, worker)),
      activityName: activity?.friendlyName ?? "",
      channelIDs: channels)
    guard !queue.targetWorkers.isEmpty, try Expression(parsing: queue.targetWorkers, as: .workerTarget).evaluate(task: nil, worker: view)
    else { return false }
    guard taskRecord.placement.filter >= 0, let flow = try bench.document(Kind.workflow, taskRecord.workflow, WorkflowRecord.self) else {
      return true
    }
    let isOld = taskRecord.placement.revision != flow.revision
    let key = isOld ? KeptRevision.key(taskRecord.workflow, taskRecord.placement.revision).id : taskRecord.workflow
    let document = try WorkflowDocument(parsing: text(Kind.workflowConfiguration, key))
    guard let condition = document.filters[taskRecord.placement.filter].targets[taskRecord.placement.target].expression else { return true }
    return condition.evaluate(task: try JSONDocument(parsing: text(Kind.taskAttributes, task)), worker: view)
  }

  func hasRoom(_ worker: WorkerRecord, for task: TaskRecord) throws -> Bool {
    if task.ignoresCapacity { return true }
    return try bench.document(Kind.activity, worker.activity, ActivityRecord.self)?.isAvailable == true
      && worker.load(on: task.channel).hasRoom
  }

  /// A worker that was given a task had nothing better to be given.
  func judgeOffers(_ request: Request) throws {
    guard request.operation != .updateWorker else { return }
    let preferred: TaskOrder = try bench.record().prioritizedOrder
    func rank(_ task: TaskRecord) throws -> (Int, Int64, Int64, Int64) {
      let order = try bench.document(Kind.taskQueue, task.queue, TaskQueueRecord.self)?.order ?? .fifo
      let group = order == preferred ? 0 : 1
      return order == .lifo ? (group, 0, -task.virtualStart, -task.serial) : (group, -task.priority, task.virtualStart, task.serial)
    }
    let waiting = try all(Kind.task, TaskRecord.self).filter { $0.record.status == .pending }
    for case .fact(let fact) in bench.lastEffects.scopes.flatMap(\.steps) where fact.kind == FactKind.reservationCreated.rawValue {
      guard let task = try bench.read(fact.subjects[1]), let offer = try bench.readReservation(fact.subjects[0]), offer.status == .pending
      else { continue }
      let most = try bench.document(Kind.taskQueue, task.queue, TaskQueueRecord.self)?.maxReservedWorkers ?? 1
      guard most == 1, !task.ignoresCapacity else { continue }
      for other in waiting where other.record.channel == task.channel && !other.record.ignoresCapacity {
        guard try fits(fact.subjects[2], other.id), try rank(other.record) < rank(task) else { continue }
        Issue.record(
          "\(request.operation) \(request.arguments.keys): task \(task.serial) \(try rank(task)) \(task.placement) by \(try ReservationFactDetails(fieldBytes: fact.details).ruleName ?? "") while \(other.record.serial) \(try rank(other.record)) \(other.record.placement) \(other.record.routingTarget ?? "") was better"
        )
      }
    }
  }

  func check(_ place: String) throws {
    let tasks = try all(Kind.task, TaskRecord.self)
    let workers = try all(Kind.worker, WorkerRecord.self)
    let reservations = try all(Kind.reservation, ReservationRecord.self)
    let channels = Dictionary(uniqueKeysWithValues: try all(Kind.taskChannel, TaskChannelRecord.self).map { ($0.id, $0.record) })
    for task in tasks {
      let own = reservations.filter { $0.record.task == task.id }
      let held = own.count { $0.record.status == .accepted || $0.record.status == .wrapping }
      let open = own.count { $0.record.status == .pending }
      switch task.record.status {
      case .pending, .completed, .canceled:
        #expect(held == 0 && open == 0, "\(place): \(task.record.status) with \(held) held, \(open) open")
      case .reserved: #expect(held == 0 && open > 0, "\(place)")
      case .assigned, .wrapping: #expect(held == 1 && open == 0, "\(place): \(held) hold a task")
      }
      guard task.record.status == .pending else { continue }
      for worker in workers where try hasRoom(worker.record, for: task.record) && fits(worker.id, task.id) {
        Issue.record("\(place): task \(task.record.serial) waits although worker \(worker.record.friendlyName) could have it")
      }
    }
    for worker in workers {
      for channel in channels.keys {
        let own = reservations.filter { $0.record.worker == worker.id && $0.record.channel == channel }
        let load = worker.record.load(on: channel)
        #expect(load.pending == own.count { $0.record.status == .pending }, "\(place)")
        #expect(load.accepted == own.count { $0.record.status == .accepted }, "\(place)")
        #expect(load.wrapping == own.count { $0.record.status == .wrapping }, "\(place)")
      }
    }
    for case .fact(let fact) in bench.lastEffects.scopes.flatMap(\.steps) where fact.kind == FactKind.reservationCreated.rawValue {
      guard let task = try bench.read(fact.subjects[1]), !task.ignoresCapacity, let worker = try bench.readWorker(fact.subjects[2]) else {
        continue
      }
      // Routed past all capacity, others may have filled the worker; a new offer by capacity never makes it overflow.
      let ignoring = try reservations.filter { $0.record.worker == fact.subjects[2] && $0.record.status.isLive }
        .count { try bench.read($0.record.task)?.ignoresCapacity == true }
      #expect(worker.load(on: task.channel).live - ignoring <= worker.load(on: task.channel).capacity, "\(place): over capacity")
    }
    let memory = Dictionary(uniqueKeysWithValues: bench.machine.documents(of: bench.workspace).map { ($0.key, $0.bytes) })
    let isSame = memory == bench.documents[bench.workspace]
    #expect(isSame, "\(place): memory and documents differ")
  }
}
