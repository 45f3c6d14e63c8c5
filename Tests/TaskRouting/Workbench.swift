import Journal
import Machines
import Resources

@testable import TaskRouting

/// One machine with one workspace in it, and hands to work it: every verb is one command; what the effects say is folded beside it as any reader would.
struct Workbench {
  var machine: TaskRoutingMachine
  let settings: TaskRoutingSettings
  var workspace = Identifier(high: 0xA, low: 1)
  var account = Identifier(high: 0xC, low: 1)
  /// Milliseconds.
  var now: Int64 = 1_700_000_000_000
  private(set) var documents: [Identifier: [DocumentKey: [UInt8]]] = [:]
  private(set) var facts: [Fact] = []
  private(set) var outgoing: [Outgoing] = []
  private(set) var lastEffects = Effects()
  private var seed: UInt64
  private var ofTask: [Identifier: [Identifier]] = [:]

  init(
    settings: TaskRoutingSettings = TaskRoutingSettings(), seed: UInt64 = 1, multiTask: Bool = true, arguments: [Parameter: Argument] = [:]
  ) throws {
    self.settings = settings
    self.seed = seed
    machine = try TaskRoutingMachine(settings: settings, documents: [:])
    var all = arguments
    all[.friendlyName] = "Desk"
    all[.multiTask] = .flag(multiTask)
    send(.createWorkspace, arguments: all)
  }

  // MARK: Commands and time

  /// The verdict; nil when somebody else answers (a new workspace is answered by the account's directory).
  @discardableResult
  mutating func command(_ command: Command) -> Verdict? {
    run { machine, turn in machine.handle(command, &turn) }
    return lastEffects.replies.first?.verdict
  }

  @discardableResult
  mutating func send(
    _ operation: Operation, target: Identifier = .none, side: Identifier = .none, ifMatch: Int64? = nil, key: IdempotencyKey? = nil,
    arguments: [Parameter: Argument] = [:]
  ) -> Verdict {
    let request = Request(operation, target: target, side: side, ifMatch: ifMatch, arguments: arguments)
    let verdict = command(
      Command(scope: workspace, account: account, replyTo: ReplyAddress(node: "n", request: 1), idempotency: key, body: request.encoded()))
    return verdict ?? Verdict(status: 0)
  }

  mutating func run(_ body: (inout TaskRoutingMachine, inout Turn) -> Void) {
    seed &+= 1
    var turn = Turn(now: now, seed: seed)
    body(&machine, &turn)
    machine.close(&turn)
    lastEffects = turn.effects
    for scope in turn.effects.scopes {
      for step in scope.steps {
        switch step {
        case .put(let key, let bytes):
          if key.kind == Kind.reservation, documents[scope.scope]?[key] == nil, let record = try? ReservationRecord(decoding: bytes) {
            ofTask[record.task, default: []].append(key.id)
          }
          documents[scope.scope, default: [:]][key] = bytes
        case .delete(let key): documents[scope.scope]?[key] = nil
        case .fact(let fact): facts.append(fact)
        }
      }
    }
    outgoing += turn.effects.outgoing
  }

  /// Lets time pass: every timer fires at its own instant, in order.
  mutating func pass(seconds: Double) {
    let end = now + Int64(seconds * 1000)
    while let due = machine.nextDue, due <= end {
      now = max(now, due)
      run { machine, turn in machine.fire(&turn) }
    }
    now = end
  }

  mutating func finishSlices(limit: Int = 100) {
    while machine.hasSlice { run { machine, turn in machine.slice(limit: limit, &turn) } }
  }

  /// Names of what happened since the last time this was asked.
  mutating func happened() -> [String] {
    defer { facts = [] }
    return facts.map { FactKind(rawValue: $0.kind)?.name ?? "?" }
  }

  /// The latest fact of a kind.
  func fact(_ kind: FactKind) -> Fact? { facts.last { $0.kind == kind.rawValue } }

  // MARK: Configuration

  func document<Record: DocumentRecord>(_ kind: UInt8, _ id: Identifier, _: Record.Type) throws -> Record? {
    try documents[workspace]?[DocumentKey(kind: kind, id: id)].map { try Record(decoding: $0) }
  }

  func record() throws -> WorkspaceRecord { try document(Kind.workspace, workspace, WorkspaceRecord.self) ?? WorkspaceRecord() }

  func activity(_ name: String) throws -> Identifier {
    for (key, bytes) in documents[workspace] ?? [:] where key.kind == Kind.activity {
      if try ActivityRecord(decoding: bytes).friendlyName == name { return key.id }
    }
    return .none
  }

  func channel(_ name: String) throws -> Identifier {
    for (key, bytes) in documents[workspace] ?? [:] where key.kind == Kind.taskChannel {
      if try TaskChannelRecord(decoding: bytes).uniqueName == name { return key.id }
    }
    return .none
  }

  private func made(_ verdict: Verdict) -> Identifier { verdict.document?.id ?? .none }

  mutating func queue(
    _ name: String, _ workers: String = "1==1", order: String = "FIFO", most: Int64 = 1, arguments: [Parameter: Argument] = [:]
  )
    -> Identifier
  {
    var all: [Parameter: Argument] = [
      .friendlyName: .text(name), .targetWorkers: .text(workers), .taskOrder: .text(order), .maxReservedWorkers: .integer(most),
    ]
    all.merge(arguments) { _, new in new }
    return made(send(.createTaskQueue, arguments: all))
  }

  mutating func workflow(_ name: String, _ configuration: String, reservationTimeout: Int64 = 120, callback: String = "") -> Identifier {
    made(
      send(
        .createWorkflow,
        arguments: [
          .friendlyName: .text(name), .configuration: .text(configuration), .reservationTimeout: .integer(reservationTimeout),
          .assignmentCallbackURL: .text(callback),
        ]))
  }

  /// A workflow that puts everything into one queue.
  mutating func simpleFlow(_ queue: Identifier, reservationTimeout: Int64 = 120) -> Identifier {
    workflow("flow", simple(queue), reservationTimeout: reservationTimeout)
  }

  mutating func worker(_ name: String, _ attributes: String = "{}", activity: String = "Available") throws -> Identifier {
    let activity = try self.activity(activity)
    return made(
      send(
        .createWorker,
        arguments: [.friendlyName: .text(name), .attributes: .bytes(Array(attributes.utf8)), .activity: .identifier(activity)]))
  }

  @discardableResult
  mutating func move(_ worker: Identifier, to name: String, rejecting: Bool? = nil) throws -> Verdict {
    var arguments: [Parameter: Argument] = [.activity: .identifier(try activity(name))]
    if let rejecting { arguments[.rejectPendingReservations] = .flag(rejecting) }
    return send(.updateWorker, target: worker, arguments: arguments)
  }

  @discardableResult
  mutating func capacity(_ worker: Identifier, _ capacity: Int64? = nil, available: Bool? = nil, on channel: String = "default") -> Verdict
  {
    var arguments: [Parameter: Argument] = [.taskChannel: .text(channel)]
    if let capacity { arguments[.capacity] = .integer(capacity) }
    if let available { arguments[.available] = .flag(available) }
    return send(.updateWorkerChannel, side: worker, arguments: arguments)
  }

  // MARK: Work

  mutating func task(_ attributes: String = "{}", _ arguments: [Parameter: Argument] = [:]) -> Identifier {
    var all = arguments
    all[.attributes] = .bytes(Array(attributes.utf8))
    return made(send(.createTask, arguments: all))
  }

  func read(_ task: Identifier) throws -> TaskRecord? { try document(Kind.task, task, TaskRecord.self) }
  func readWorker(_ worker: Identifier) throws -> WorkerRecord? { try document(Kind.worker, worker, WorkerRecord.self) }
  func readReservation(_ id: Identifier) throws -> ReservationRecord? { try document(Kind.reservation, id, ReservationRecord.self) }
  func status(_ task: Identifier) throws -> TaskStatus? { try read(task)?.status }

  func reservations(where fits: (ReservationRecord) -> Bool) throws -> [Identifier] {
    var found: [(Int64, Identifier)] = []
    for (key, bytes) in documents[workspace] ?? [:] where key.kind == Kind.reservation {
      let record = try ReservationRecord(decoding: bytes)
      if fits(record) { found.append((record.serial, key.id)) }
    }
    return found.sorted { $0.0 < $1.0 }.map(\.1)
  }

  /// Offers of a task that wait for an answer, oldest first.
  func offers(_ task: Identifier) throws -> [Identifier] {
    try (ofTask[task] ?? []).filter { try readReservation($0)?.status == .pending }
  }
  func offer(_ task: Identifier) throws -> Identifier { try offers(task).first ?? .none }
  /// Who is asked about a task now.
  func asked(_ task: Identifier) throws -> [Identifier] {
    try offers(task).compactMap { try readReservation($0)?.worker }
  }

  @discardableResult
  mutating func answer(_ reservation: Identifier, _ status: String, side: Identifier = .none, moveTo: Identifier? = nil) -> Verdict {
    var arguments: [Parameter: Argument] = [.status: .text(status)]
    if let moveTo { arguments[.workerActivity] = .identifier(moveTo) }
    return send(.updateReservation, target: reservation, side: side, arguments: arguments)
  }

  @discardableResult
  mutating func set(_ task: Identifier, _ status: String, reason: String? = nil) -> Verdict {
    var arguments: [Parameter: Argument] = [.status: .text(status)]
    if let reason { arguments[.reason] = .text(reason) }
    return send(.updateTask, target: task, arguments: arguments)
  }

  @discardableResult
  mutating func accept(_ task: Identifier) throws -> Identifier {
    let reservation = try offer(task)
    answer(reservation, "accepted")
    return reservation
  }
}

func simple(_ queue: Identifier) -> String {
  #"{"task_routing":{"default_filter":{"queue":"\#(SIDKind.taskQueue.text(queue))"}}}"#
}

/// A target as JSON: the queue and whatever more is given.
func step(_ queue: Identifier, _ more: String = "") -> String {
  #"{"queue":"\#(SIDKind.taskQueue.text(queue))"\#(more.isEmpty ? "" : "," + more)}"#
}

func filter(_ expression: String, _ steps: [String]) -> String {
  #"{"filter_friendly_name":"f","expression":"\#(expression)","targets":[\#(steps.joined(separator: ","))]}"#
}

func routing(_ filters: [String], otherwise: String? = nil) -> String {
  #"{"task_routing":{"filters":[\#(filters.joined(separator: ","))]\#(otherwise.map { #","default_filter":\#($0)"# } ?? "")}}"#
}

extension TaskRoutingSettings {
  /// Nothing is placed again with the command that asks for it: all of it in slices.
  static var slicesOnly: TaskRoutingSettings {
    var settings = TaskRoutingSettings()
    settings.placedAtOnce = 0
    return settings
  }
}
