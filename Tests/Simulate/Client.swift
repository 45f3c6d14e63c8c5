import Accounts
import Journal
import Ports
import PortsTesting
import Resources
import Synchronization
import TaskRouting

/// Somebody outside who asks, waits, and asks again with the same key when no answer comes; reads only what hot state shows.
final class Client {
  struct Asked {
    var command: Command
    var topic: String
    var key: Identifier
    var patience: Int
    var number: UInt64
  }
  /// An answer that arrived, and how far hot state had come by then.
  struct Heard {
    var number: UInt64
    var verdict: Verdict
    var reached: [Identifier: Int64]
    var reachedAccounts: [Identifier: Int64]
  }
  let world: World
  let account = Identifier(high: 0xA, low: 0xA)
  let workspace = Identifier(high: 0xB, low: 0xB)
  /// Workspaces that are filled and deleted, one after the other.
  var neighbours = [Identifier(high: 0xC, low: 1)]
  var neighbour: Identifier { neighbours[neighbours.count - 1] }
  var random: SeededGenerator
  private var sessions: [String: any AppendSession] = [:]
  private var next: UInt64 = 0
  private(set) var open: [Asked] = []
  /// What each key was answered, first and every later time.
  private(set) var answers: [Identifier: Verdict] = [:]
  /// Every answer that ever arrived, also late and repeated ones, by the number of the request.
  private(set) var heard: [Heard] = []
  /// Workspaces in which something was said to have been made. Of the workspace itself the account's partition tells, which may be ahead of hot state.
  private(set) var known: Set<Identifier> = []
  private var subscription: (any Cancellable)?

  init(world: World, seed: UInt64) {
    self.world = world
    random = SeededGenerator(seed: seed)
    let received = received
    subscription = world.bus.subscribe("replies/client") { received.take($0) }
  }

  private let received = Box()
  final class Box: Sendable {
    private let messages = Mutex<[Reply]>([])
    private let lost = Mutex<Set<String>>([])
    func lose(_ topic: String) { lost.withLock { _ = $0.insert(topic) } }
    func drainLost() -> Set<String> {
      lost.withLock { lost in
        defer { lost = [] }
        return lost
      }
    }
    func take(_ message: [UInt8]) {
      let replies = (try? Reply.decode(message, node: "client")) ?? []
      messages.withLock { $0 += replies }
    }
    func drain() -> [Reply] {
      messages.withLock { waiting in
        defer { waiting = [] }
        return waiting
      }
    }
  }

  func ask(_ request: Request, key: Identifier? = nil, in scope: Identifier? = nil) {
    send(Command(scope: scope ?? workspace, account: account, body: request.encoded()), to: "work.commands", key: key)
  }

  /// Asks how far an import is decided, behind everything that it has sent.
  func ask(about importing: Identifier) {
    send(Command(scope: workspace, account: account, origin: .question(importing: importing), body: []), to: "work.bulk")
  }

  func send(_ command: Command, to topic: String, key: Identifier? = nil) {
    let key = key ?? random.identifier()
    var command = command
    command.idempotency = IdempotencyKey(key: key, content: key)
    next += 1
    command.replyTo = ReplyAddress(node: "client", request: next)
    open.append(Asked(command: command, topic: topic, key: key, patience: 40 + Int(random.next() % 40), number: next))
    append(command, topic)
  }

  private func append(_ command: Command, _ topic: String) {
    let session: any AppendSession
    if let known = sessions[topic] {
      session = known
    } else {
      session = world.log.openSession(TopicPartition(topic, 0), durability: .ordered) { [received] reports in
        if reports.contains(where: { (try? $0.outcome.get()) == nil }) { received.lose(topic) }
      }
      sessions[topic] = session
    }
    session.append([NewRecord(key: command.scope.keyBytes, value: command.encoded())], tag: next)
  }

  /// A crash of a process takes the log's sessions with it in this world; the client opens new ones.
  func reconnect() { sessions = [:] }

  /// Takes answers; asks again where patience is over.
  func tick() throws {
    for topic in received.drainLost() { sessions[topic] = nil }
    let (reached, reachedAccounts) = (world.hot.reached, world.accountsHot.reached)
    for reply in received.drain() {
      heard.append(Heard(number: reply.to.request, verdict: reply.verdict, reached: reached, reachedAccounts: reachedAccounts))
      if reply.verdict.status == 201, reply.verdict.scope != account, reply.verdict.document?.kind != Kind.workspace {
        known.insert(reply.verdict.scope)
      }
      guard let place = open.firstIndex(where: { $0.number == reply.to.request }) else { continue }
      let asked = open.remove(at: place)
      var verdict = reply.verdict
      verdict.replayed = false
      if let first = answers[asked.key], first != verdict {
        throw Violation(description: "key \(asked.key.hex) was answered \(first) and then \(verdict)")
      }
      answers[asked.key] = verdict
    }
    for place in open.indices {
      open[place].patience -= 1
      guard open[place].patience < 0 else { continue }
      open[place].patience = 40
      next += 1
      open[place].number = next
      open[place].command.replyTo = ReplyAddress(node: "client", request: next)
      append(open[place].command, open[place].topic)
    }
  }

  /// Nobody is ever told that a workspace in which something was made does not exist.
  func checkReadable() throws {
    for scope in known.sorted() where world.hot.saysUntouched(scope) {
      throw Violation(description: "readers are told that nobody ever wrote to \(scope.hex)")
    }
  }

  // MARK: What it asks for

  func setUp() {
    var create = AccountRequest(.create)
    create.friendlyName = "simulated"
    send(Command(scope: account, account: account, body: create.encoded()), to: "account.commands")
    ask(Request(.createWorkspace, arguments: [.friendlyName: "simulated"]))
  }

  /// One more thing that a user might do now, given the documents as a reader sees them.
  func act(_ visible: [DocumentKey: [UInt8]]) {
    func ids(_ kind: UInt8) -> [Identifier] { visible.keys.filter { $0.kind == kind }.map(\.id).sorted() }
    func pick(_ ids: [Identifier]) -> Identifier? { ids.isEmpty ? nil : ids[Int(random.next() % UInt64(ids.count))] }
    let activities = ids(Kind.activity)
    guard !activities.isEmpty else { return }
    let available = activities.filter {
      (try? ActivityRecord(decoding: visible[DocumentKey(kind: Kind.activity, id: $0)] ?? []))?.isAvailable == true
    }
    if ids(Kind.taskQueue).isEmpty {
      return ask(Request(.createTaskQueue, arguments: [.friendlyName: "q", .targetWorkers: "1==1"]), key: Identifier(high: 7, low: 1))
    }
    if ids(Kind.workflow).isEmpty, let queue = pick(ids(Kind.taskQueue)) {
      let sid = SIDKind.taskQueue.text(queue)
      let text =
        #"{"task_routing":{"filters":[{"expression":"kind == 1","targets":[{"queue":"\#(sid)","expression":"worker.level >= task.level","timeout":20},{"queue":"\#(sid)","priority":5,"timeout":30}]}],"default_filter":{"queue":"\#(sid)"}}}"#
      return ask(
        Request(.createWorkflow, arguments: [.friendlyName: "w", .configuration: .text(text), .reservationTimeout: 10]),
        key: Identifier(high: 7, low: 2))
    }
    let workers = ids(Kind.worker)
    if workers.count < 4, let activity = available.first {
      let number = Int64(workers.count)
      return ask(
        Request(
          .createWorker,
          arguments: [
            .friendlyName: .text("w\(number)-\(random.next() % 1000)"), .activity: .identifier(activity),
            .attributes: .bytes(Array("{\"level\":\(number)}".utf8)),
          ]))
    }
    switch random.next() % 20 {
    case 0..<7:
      let lethal = world.swarm.hasPoison && random.next() % 24 == 0 ? ",\"lethal!\":1" : ""
      let giant =
        world.swarm.hasGiants && random.next() % 16 == 0 ? ",\"giant\":\"\(String(repeating: "x", count: World.recordBytes))\"" : ""
      let attributes = "{\"kind\":\(random.next() % 2),\"level\":\(random.next() % 5)\(lethal)\(giant)}"
      ask(
        Request(
          .createTask,
          arguments: [.attributes: .bytes(Array(attributes.utf8)), .priority: .integer(Int64(random.next() % 3)), .timeout: 90]))
    case 7..<11: answer(visible, pick(ids(Kind.reservation)), random.next() % 4 == 0 ? "rejected" : "accepted")
    case 11..<14: answer(visible, pick(ids(Kind.reservation)), random.next() % 2 == 0 ? "wrapping" : "completed")
    case 14:
      if let task = pick(ids(Kind.task)) {
        ask(Request(.updateTask, target: task, arguments: [.status: "canceled", .reason: "no longer"]))
      }
    case 15:
      if let task = pick(ids(Kind.task)) { ask(Request(.deleteTask, target: task)) }
    case 16, 17:
      if let worker = pick(workers), let activity = pick(random.next() % 3 == 0 ? activities : available) {
        ask(
          Request(
            .updateWorker, target: worker,
            arguments: [.activity: .identifier(activity), .rejectPendingReservations: .flag(!available.contains(activity))]))
      }
    case 18:
      if let worker = pick(workers), let channel = pick(ids(Kind.taskChannel)) {
        ask(Request(.updateWorkerChannel, target: channel, side: worker, arguments: [.capacity: .integer(Int64(random.next() % 4))]))
      }
    default:
      if let workflow = pick(ids(Kind.workflow)) { ask(Request(.updateWorkflow, target: workflow, arguments: [.reEvaluate: true])) }
    }
  }

  private func answer(_ visible: [DocumentKey: [UInt8]], _ reservation: Identifier?, _ status: String) {
    guard let reservation else { return }
    ask(Request(.updateReservation, target: reservation, arguments: [.status: .text(status)]))
  }
}
