import JSON
import Journal
import Machines
import Resources

/// Making, changing and ending tasks (taskrouter.md 2.8, 4.1).
extension Space {
  mutating func createTask(_ request: Request, _ turn: inout Turn) -> Verdict {
    if let refusal = outOfRange(request) { return refusal }
    let attributes = request.bytes(.attributes) ?? Array("{}".utf8)
    guard let document = try? JSONDocument(parsing: attributes) else { return .refuse("Attributes is not valid JSON") }
    var record = TaskRecord()
    guard let channel = channel(named: request.text(.taskChannel) ?? "default") else {
      return .refuse(
        "TaskChannel '\(request.text(.taskChannel) ?? "")' is neither the SID nor the unique name of a task channel of this workspace")
    }
    record.channel = channel
    if let id = request.identifier(.taskQueue), queuePlaces[id] == nil {
      return .refuse("TaskQueueSid '\(SIDKind.taskQueue.text(id))' is no task queue of this workspace")
    }
    var direct: Int?
    switch destination(request) {
    case .refused(let message): return .refuse(message)
    case .workflow(let id): record.workflow = id
    case .queue(let place): direct = place
    case .worker(let queue):
      direct = queue
      record.ignoresCapacity = request.flag(.ignoreCapacity) ?? true
    }
    record.routingTarget = request.text(.routingTarget)
    if record.isDirect {
      // The workflow's filters have no say, but its callback and reservation time-out count.
      if let id = request.identifier(.workflow), workflows[id] == nil { return Space.unknown(workflow: id) }
      record.workflow = request.identifier(.workflow) ?? onlyWorkflow ?? .none
    } else if let workflow = workflows[record.workflow], !accepts(workflow, document) {
      return .refuse("The task matches no filter of workflow \(SIDKind.workflow.text(record.workflow)), which has no default_filter")
    }
    if let start = request.integer(.virtualStart), start > turn.now {
      return .refuse("VirtualStartTime must not be in the future")
    }
    record.priority = request.integer(.priority) ?? 0
    record.timeout = request.integer(.timeout) ?? 86_400
    record.virtualStart = request.integer(.virtualStart) ?? turn.now
    let place = addTask(record, attributes, &turn)
    let id = tasks[place].id
    enterFirst(place, direct, &turn)
    return Verdict(status: 201, scope: self.id, document: DocumentKey(kind: Kind.task, id: id))
  }

  private enum Destination {
    case workflow(Identifier)
    case queue(Int)
    /// A worker; the queue that the task counts in, if one was named.
    case worker(queue: Int?)
    case refused(String)
  }

  private func destination(_ request: Request) -> Destination {
    if let text = request.text(.routingTarget) {
      if let id = SIDKind.workflow.parse(text), workflows[id] != nil { return .workflow(id) }
      if let id = SIDKind.taskQueue.parse(text), let place = queuePlaces[id] { return .queue(place) }
      if let id = SIDKind.worker.parse(text), workerPlaces[id] != nil {
        return .worker(queue: request.identifier(.taskQueue).flatMap { queuePlaces[$0] })
      }
      return .refused("RoutingTarget '\(text)' is no worker, task queue or workflow of this workspace")
    }
    if let id = request.identifier(.workflow) {
      guard workflows[id] != nil else { return .refused(Space.unknown(workflow: id).message) }
      return .workflow(id)
    }
    guard let only = onlyWorkflow else {
      return .refused(
        "WorkflowSid is required: the workspace has \(workflows.count) workflows, and it may be left out only where there is exactly one")
    }
    return .workflow(only)
  }

  private static func unknown(workflow id: Identifier) -> Verdict {
    .refuse("WorkflowSid '\(SIDKind.workflow.text(id))' is no workflow of this workspace")
  }

  /// What a task belongs to that names none (taskrouter.md 2.8).
  private var onlyWorkflow: Identifier? { workflows.count == 1 ? workflows.keys.first : nil }

  private mutating func addTask(_ base: TaskRecord, _ attributes: [UInt8], _ turn: inout Turn) -> Int {
    var record = base
    record.serial = takeSerial()
    record.created = turn.now
    let id = turn.identifier()
    let place = tasks.insert(Task(id: id, record: record, attributes: attributes))
    taskPlaces[id] = place
    govern(place)
    pending.puts.append((DocumentKey(kind: Kind.taskAttributes, id: id), attributes))
    touch(task: place, at: turn.now)
    fact(.taskCreated, task: place, turn.now)
    return place
  }

  private mutating func enterFirst(_ place: Int, _ direct: Int?, _ turn: inout Turn) {
    if !tasks[place].record.isDirect {
      fact(.workflowEntered, task: place, turn.now)
      return route(place, &turn)
    }
    if let direct { enterQueue(place, direct, turn.now) }
    wait(place)
    match(place, &turn)
    setTimer(place)
  }

  mutating func updateTask(_ request: Request, _ turn: inout Turn) -> Verdict {
    guard let place = taskPlaces[request.target] else { return .notFound }
    if let wanted = request.ifMatch, wanted != tasks[place].record.version { return .versionMismatch(tasks[place].record.version, wanted) }
    let record = tasks[place].record
    var status: TaskStatus?
    if let text = request.text(.status) {
      guard let known = TaskStatus(text: text) else {
        return .refuse("AssignmentStatus must be one of canceled, wrapping, completed; received '\(text)'")
      }
      status = known
    }
    if let refusal = outOfRange(request) { return refusal }
    if let refusal = refusal(of: status, place) { return refusal }
    var channel: Identifier?
    if let name = request.text(.taskChannel) {
      guard let id = self.channel(named: name) else { return .refuse("TaskChannel '\(name)' is no task channel of this workspace") }
      channel = id
    }
    if let start = request.integer(.virtualStart), start > turn.now { return .refuse("VirtualStartTime must not be in the future") }

    let wasWaiting = tasks[place].isWaiting
    var changed = false
    if let attributes = request.bytes(.attributes), attributes != tasks[place].attributes {
      tasks[place].attributes = attributes
      pending.puts.append((DocumentKey(kind: Kind.taskAttributes, id: tasks[place].id), attributes))
      changed = true
    }
    if let priority = request.integer(.priority), priority != record.priority {
      tasks[place].record.priority = priority
      changed = true
    }
    if let start = request.integer(.virtualStart), start != record.virtualStart {
      tasks[place].record.virtualStart = start
      changed = true
    }
    // An offer that is out, or taken, keeps its place on the channel that it was made on; the next one counts on this.
    if let channel, channel != record.channel {
      tasks[place].record.channel = channel
      changed = true
    }
    if let reason = request.text(.reason), status != nil || record.status.isOver, reason != record.reason {
      tasks[place].record.reason = reason
      touch(task: place, at: turn.now)
    }
    if changed {
      tasks[place].record.version += 1
      touch(task: place, at: turn.now)
      fact(.taskUpdated, task: place, turn.now)
      if wasWaiting {
        stopWaiting(place)
        wait(place)
        match(place, &turn)
      }
    }
    switch status {
    case .canceled?: cancel(place, reason: request.text(.reason), &turn)
    case .wrapping?: wrapUp(task: place, &turn)
    case .completed?: complete(task: place, reason: request.text(.reason), &turn)
    default: break
    }
    return Verdict(status: 200, scope: id, document: DocumentKey(kind: Kind.task, id: tasks[place].id))
  }

  /// The texts that applications look for (taskrouter.md 1.7).
  private func refusal(of status: TaskStatus?, _ place: Int) -> Verdict? {
    guard let status else { return nil }
    let now = tasks[place].record.status
    // Only for those that are refused.
    var what: String {
      "task \(SIDKind.task.text(tasks[place].id)) in workspace \(SIDKind.workspace.text(id)) for account \(SIDKind.account.text(record.account))"
    }
    switch status {
    case .canceled where !now.isWaiting: return .refuse("Cannot cancel \(what) because it is not pending or reserved.")
    case .wrapping where now != .assigned: return .refuse("Cannot wrap up a \(what) because it's not currently assigned")
    case .completed where now != .assigned && now != .wrapping:
      return .refuse("Cannot complete \(what) because it is not currently assigned.")
    case .pending, .reserved, .assigned:
      return .refuse("AssignmentStatus must be one of canceled, wrapping, completed; received '\(status.text)'")
    default: return nil
    }
  }

  mutating func deleteTask(_ request: Request, _ turn: inout Turn) -> Verdict {
    guard let place = taskPlaces[request.target] else { return .notFound }
    if let wanted = request.ifMatch, wanted != tasks[place].record.version { return .versionMismatch(tasks[place].record.version, wanted) }
    remove(place, .taskDeleted, &turn)
    return Verdict(status: 204)
  }

  /// Takes a task away at once, whatever its state, with its reservations.
  mutating func remove(_ place: Int, _ why: FactKind, _ turn: inout Turn) {
    leaveQueue(place)
    stopWaiting(place)
    let wasOver = tasks[place].record.status.isOver
    tasks[place].record.status = wasOver ? tasks[place].record.status : .canceled
    cancelReservations(ofTask: place, as: .canceled, .reservationCanceled, &turn)
    fact(why, task: place, turn.now)
    if !wasOver { ungovern(place, turn.now) }
    purge(place)
  }

  mutating func cancel(_ place: Int, reason: String?, _ turn: inout Turn) {
    leaveQueue(place)
    stopWaiting(place)
    end(place, .canceled, reason, turn.now)
    fact(.taskCanceled, task: place, reason: tasks[place].record.reason, turn.now)
    cancelReservations(ofTask: place, as: .canceled, .reservationCanceled, &turn)
  }

  mutating func wrapUp(task place: Int, _ turn: inout Turn) {
    for reservation in tasks[place].live where reservations[reservation].record.status == .accepted {
      wrapUp(reservation: reservation, &turn)
    }
    beginWrappingUp(place, &turn)
  }

  private mutating func beginWrappingUp(_ task: Int, _ turn: inout Turn) {
    tasks[task].record.status = .wrapping
    tasks[task].record.version += 1
    touch(task: task, at: turn.now)
    setTimer(task)
    fact(.taskWrapup, task: task, turn.now)
  }

  mutating func complete(task place: Int, reason: String?, _ turn: inout Turn) {
    leaveQueue(place)
    end(place, .completed, reason, turn.now)
    fact(.taskCompleted, task: place, reason: tasks[place].record.reason, turn.now)
    for reservation in tasks[place].live { complete(reservation: reservation, &turn) }
  }

  private mutating func end(_ place: Int, _ status: TaskStatus, _ reason: String?, _ now: Int64) {
    tasks[place].record.status = status
    if let reason { tasks[place].record.reason = reason }
    tasks[place].record.since = now
    tasks[place].record.version += 1
    ungovern(place, now)
    touch(task: place, at: now)
    setTimer(place)
  }

  private mutating func leaveQueue(_ place: Int) {
    guard !tasks[place].record.status.isOver, let queue = queuePlaces[tasks[place].record.queue] else { return }
    queues[queue].tasks -= 1
  }

  /// Forgets a task and its reservations: silent when its time is over, after the event when a client deletes it.
  mutating func purge(_ place: Int) {
    if tasks[place].timer != 0 {
      timers.remove(Timer(due: tasks[place].timer, kind: .task, serial: tasks[place].record.serial, place: place))
    }
    tasks[place].timer = 0
    delete(Kind.task, tasks[place].id)
    delete(Kind.taskAttributes, tasks[place].id)
    endSilence(of: tasks[place].id)
    for reservation in tasks[place].reservations {
      delete(Kind.reservation, reservations[reservation].id)
      endSilence(of: reservations[reservation].id)
      reservationPlaces[reservations[reservation].id] = nil
      pending.removedReservations.append(reservation)
      retire(serial: reservations[reservation].record.serial)
    }
    retire(serial: tasks[place].record.serial)
    taskPlaces[tasks[place].id] = nil
    pending.removedTasks.append(place)
  }

  /// Frees the places of what a command removed, after its documents and facts are written.
  mutating func sweepRemoved() {
    for place in pending.removedReservations { reservations.remove(place, leaving: .blank) }
    for place in pending.removedTasks { tasks.remove(place, leaving: .blank) }
    for place in pending.removedWorkers { workers.remove(place, leaving: .blank) }
  }

  // MARK: Reservations, as clients change them

  mutating func updateReservation(_ request: Request, _ turn: inout Turn) -> Verdict {
    guard let place = reservationPlaces[request.target] else { return .notFound }
    let record = reservations[place].record
    guard request.side.isNone || request.side == record.task || request.side == record.worker else { return .notFound }
    if let wanted = request.ifMatch, wanted != record.version { return .versionMismatch(record.version, wanted) }
    let answer = Verdict(status: 200, scope: id, document: DocumentKey(kind: Kind.reservation, id: reservations[place].id))
    guard let text = request.text(.status) else { return answer }
    let wanted = ReservationStatus(text: text)
    func already() -> Verdict {
      .refuse(
        "Reservation \(SIDKind.reservation.text(request.target)) is already in state [\(record.status.text)] and cannot be updated to [\(text)]"
      )
    }
    switch (wanted, record.status) {
    case (.accepted?, .pending): accept(place, &turn)
    case (.rejected?, .pending):
      let activity = request.identifier(.workerActivity)
      if let activity, activities[activity] == nil {
        return .refuse("WorkerActivitySid '\(SIDKind.activity.text(activity))' is no activity of this workspace")
      }
      decline(place, as: .rejected, moveTo: activity, &turn)
    case (.wrapping?, .accepted):
      wrapUp(reservation: place, &turn)
      let task = reservations[place].task
      if tasks[task].record.status == .assigned, !tasks[task].live.contains(where: { reservations[$0].record.status == .accepted }) {
        beginWrappingUp(task, &turn)
      }
    case (.completed?, .accepted), (.completed?, .wrapping):
      let task = reservations[place].task
      if tasks[task].live == [place] {
        complete(task: task, reason: tasks[task].record.reason ?? "All reservations were completed", &turn)
      } else {
        complete(reservation: place, &turn)
      }
    case (.accepted?, _), (.rejected?, _), (.wrapping?, _), (.completed?, _): return already()
    default: return .refuse("ReservationStatus must be one of accepted, rejected, wrapping, completed; received '\(text)'")
    }
    return answer
  }

  /// The ranges of taskrouter.md 2.4 to 2.8. The ingress says so first; here they keep arithmetic and matching safe whoever wrote the command.
  func outOfRange(_ request: Request) -> Verdict? {
    let ranges: [(Parameter, String, ClosedRange<Int64>)] = [
      (.timeout, "Timeout", 1...1_209_600), (.priority, "Priority", 0...2_147_483_647), (.capacity, "Capacity", 0...1_000_000),
      (.maxReservedWorkers, "MaxReservedWorkers", 1...50), (.reservationTimeout, "TaskReservationTimeout", 1...86_400),
      (.virtualStart, "VirtualStartTime", -2_208_988_800_000...253_402_300_799_999),
    ]
    for (parameter, name, range) in ranges {
      guard let value = request.integer(parameter), !range.contains(value) else { continue }
      return .refuse("\(name) must be an integer from \(range.lowerBound) to \(range.upperBound); received \(value)")
    }
    return nil
  }

  func channel(named text: String) -> Identifier? {
    if let id = SIDKind.taskChannel.parse(text), channels[id] != nil { return id }
    return channelNames[text]
  }
}

extension Verdict {
  static func refuse(_ message: String) -> Verdict { Verdict(status: 400, code: 20001, message: message) }
  /// The ingress knows the path and says it.
  static let notFound = Verdict(status: 404, code: 20404, message: "")
  static func versionMismatch(_ now: Int64, _ wanted: Int64) -> Verdict {
    Verdict(
      status: 412, code: 20412, message: "If-Match names version \(wanted), but the resource is at version \(now): read it again and retry")
  }
}
