import Journal
import Machines
package import Resources

/// What the journal remembers of a task beside a fact about it: the document next to the fact may already be further on within the same command.
package struct TaskFactDetails: FieldCoded, Equatable {
  package var status = TaskStatus.pending
  package var priority: Int64 = 0
  package var version: Int64 = 0
  package var reason: String?

  package init() {}
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(choice: &status)
    try c.field(&priority)
    try c.field(&version)
    try c.field(&reason)
  }
}

/// What the journal remembers beside a fact about a reservation: the task's side as above, and for a new one the reason of the choice.
package struct ReservationFactDetails: FieldCoded, Equatable {
  package var taskStatus = TaskStatus.reserved
  package var priority: Int64 = 0
  package var taskVersion: Int64 = 0
  package var version: Int64 = 0
  /// 255: no choice belongs to this fact.
  package var rule: Int64 = 255
  package var candidates: Int64 = 0
  package var filter: Int64 = 0
  package var target: Int64 = 0

  package init() {}
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(choice: &taskStatus)
    try c.field(&priority)
    try c.field(&taskVersion)
    try c.field(&version)
    try c.field(&rule)
    guard rule != 255 else { return }
    try c.field(&candidates)
    try c.field(&filter)
    try c.field(&target)
  }

  package var ruleName: String? {
    Choice.Rule(rawValue: UInt8(truncatingIfNeeded: rule)).map {
      switch $0 {
      case .longestIdle: "longest_idle"
      case .orderBy: "order_by"
      case .onlyCandidate: "only_candidate"
      case .priorityThenAge: "priority_then_age"
      case .newestFirst: "newest_first"
      case .routedDirectly: "routed_directly"
      }
    }
  }
}

/// What the journal remembers beside a change of a worker's channel.
package struct ChannelFactDetails: FieldCoded, Equatable {
  package var workerVersion: Int64 = 0
  package var capacity = 1
  package var previousCapacity = 1
  package var isAvailable = true
  package var live = 0

  package init() {}
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&workerVersion)
    try c.field(&capacity)
    try c.field(&previousCapacity)
    try c.field(&isAvailable)
    try c.field(&live)
  }
}

extension FactKind {
  /// Whether its details end with the instant, in milliseconds, at which the task entered the queue of the fact; older journals have none.
  package var tellsQueueEntered: Bool {
    switch self {
    case .taskQueueMoved, .taskQueueTimeout, .reservationTimeout, .reservationRejected, .reservationCanceled: true
    default: false
    }
  }
}

extension FieldCoded {
  /// The fields without a schema version: for the insides of a record that has one.
  package func fieldBytes() -> [UInt8] {
    var writer = FieldWriter()
    var copy = self
    do { try copy.code(&writer) } catch { preconditionFailure("a writer of fields threw \(error)") }
    return writer.out.bytes
  }

  package init(fieldBytes: [UInt8]) throws(DecodingFailure) {
    var reader = ByteReader(fieldBytes)
    try self.init(fieldsFrom: &reader)
  }

  /// Reads the fields and leaves the reader behind them.
  package init(fieldsFrom reader: inout ByteReader) throws(DecodingFailure) {
    self.init()
    var fields = FieldReader(reader)
    try code(&fields)
    reader = fields.reader
  }
}

extension Space {
  mutating func fact(_ kind: FactKind, task place: Int, reason: String? = nil, _ now: Int64) {
    let record = tasks[place].record
    var details = TaskFactDetails()
    details.status = record.status
    details.priority = record.priority
    details.version = record.version
    details.reason = reason
    let bytes = withQueueEntered(details.fieldBytes(), kind, record)
    var subjects = [tasks[place].id, record.queue]
    addWorkers(concernedBy: kind, task: place, to: &subjects)
    pending.facts.append(Fact(kind: kind.rawValue, at: now, subjects: subjects, details: bytes))
  }

  /// Who is told of what becomes of a task in his hands, or offered to him (taskrouter.md 10.4): no part of the event itself, so behind its other subjects.
  private func addWorkers(concernedBy kind: FactKind, task place: Int, to subjects: inout [Identifier]) {
    switch kind {
    case .taskUpdated, .taskWrapup, .taskCompleted, .taskCanceled:
      for reservation in tasks[place].live { subjects.append(reservations[reservation].record.worker) }
    case .reservationFailed:
      if let worker = tasks[place].record.routingTarget.flatMap({ SIDKind.worker.parse($0) }) { subjects.append(worker) }
    default: break
    }
  }

  mutating func fact(_ kind: FactKind, reservation place: Int, choice: Choice? = nil, _ now: Int64) {
    let reservation = reservations[place]
    let task = tasks[reservation.task]
    var details = ReservationFactDetails()
    details.taskStatus = task.record.status
    details.priority = task.record.priority
    details.taskVersion = task.record.version
    details.version = reservation.record.version
    if let choice {
      details.rule = Int64(choice.rule.rawValue)
      details.candidates = Int64(choice.candidates)
      details.filter = Int64(task.record.placement.filter)
      details.target = Int64(task.record.placement.target)
    }
    pending.facts.append(
      Fact(
        kind: kind.rawValue, at: now, subjects: [reservation.id, task.id, reservation.record.worker, task.record.queue],
        details: withQueueEntered(details.fieldBytes(), kind, task.record)))
  }

  /// Behind the details of facts after which the same command may move the task on: when it entered the queue that the fact names. Readers that do not know it pass over it.
  private func withQueueEntered(_ details: [UInt8], _ kind: FactKind, _ task: TaskRecord) -> [UInt8] {
    guard kind.tellsQueueEntered else { return details }
    var out = ByteWriter(capacity: details.count + 8)
    out.bytes = details
    out.signed(task.queueEntered)
    return out.bytes
  }

  /// A fact about a piece of configuration, whose document says all there is to say.
  mutating func fact(_ kind: FactKind, about id: Identifier, _ now: Int64) {
    pending.facts.append(Fact(kind: kind.rawValue, at: now, subjects: [id]))
  }
}
