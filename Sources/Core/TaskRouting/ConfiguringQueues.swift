import Expressions
import JSON
import Journal
import Machines
import Resources
import Workflows

/// Task queues and workflows (taskrouter.md 2.6, 2.7).
extension Space {
  private func expression(_ text: String) -> Result<Expression, ExpressionError> {
    do throws(ExpressionError) { return .success(try Expression(parsing: text, as: .workerTarget)) } catch { return .failure(error) }
  }

  private func activityRefusal(_ request: Request) -> Verdict? {
    for (parameter, name) in [(Parameter.reservationActivity, "ReservationActivitySid"), (.assignmentActivity, "AssignmentActivitySid")] {
      guard let activity = request.identifier(parameter), activities[activity] == nil else { continue }
      return .refuse("\(name) '\(SIDKind.activity.text(activity))' is no activity of this workspace")
    }
    return nil
  }

  mutating func createTaskQueue(_ request: Request, _ turn: inout Turn) -> Verdict {
    let name = request.text(.friendlyName) ?? ""
    if queuePlaces.values.contains(where: { queues[$0].record.friendlyName == name }) {
      return .refuse("FriendlyName '\(name)' is already the name of a task queue of this workspace")
    }
    if let refusal = activityRefusal(request) ?? outOfRange(request) { return refusal }
    if !record.isMultiTask, request.identifier(.reservationActivity) == nil || request.identifier(.assignmentActivity) == nil {
      return .refuse("ReservationActivitySid and AssignmentActivitySid are required in a workspace with MultiTaskEnabled=false")
    }
    var queue = TaskQueueRecord()
    queue.serial = takeSerial()
    queue.friendlyName = name
    queue.targetWorkers = request.text(.targetWorkers) ?? "1==1"
    queue.maxReservedWorkers = Int(request.integer(.maxReservedWorkers) ?? 1)
    queue.order = request.text(.taskOrder) == "LIFO" ? .lifo : .fifo
    queue.reservationActivity = request.identifier(.reservationActivity) ?? .none
    queue.assignmentActivity = request.identifier(.assignmentActivity) ?? .none
    queue.created = turn.now
    queue.updated = turn.now
    switch expression(queue.targetWorkers) {
    case .failure(let error): return .refuse("TargetWorkers: \(error)")
    case .success(let expression):
      let made = turn.identifier()
      queuePlaces[made] = queues.insert(Queue(id: made, record: queue, expression: expression))
      put(Kind.taskQueue, made, queue)
      fact(.taskQueueCreated, about: made, turn.now)
      return Verdict(status: 201, scope: id, document: DocumentKey(kind: Kind.taskQueue, id: made))
    }
  }

  mutating func updateTaskQueue(_ request: Request, _ turn: inout Turn) -> Verdict {
    guard let place = queuePlaces[request.target] else { return .notFound }
    var queue = queues[place].record
    if let name = request.text(.friendlyName), name != queue.friendlyName {
      if queuePlaces.values.contains(where: { queues[$0].record.friendlyName == name }) {
        return .refuse("FriendlyName '\(name)' is already the name of a task queue of this workspace")
      }
      queue.friendlyName = name
    }
    if let refusal = activityRefusal(request) ?? outOfRange(request) { return refusal }
    var expression = queues[place].expression
    if let text = request.text(.targetWorkers), text != queue.targetWorkers {
      switch self.expression(text) {
      case .failure(let error): return .refuse("TargetWorkers: \(error)")
      case .success(let parsed): expression = parsed
      }
      queue.targetWorkers = text
    }
    if let most = request.integer(.maxReservedWorkers) { queue.maxReservedWorkers = Int(most) }
    if let order = request.text(.taskOrder) { queue.order = order == "LIFO" ? .lifo : .fifo }
    if let activity = request.identifier(.reservationActivity) { queue.reservationActivity = activity }
    if let activity = request.identifier(.assignmentActivity) { queue.assignmentActivity = activity }
    queue.updated = turn.now
    let old = queues[place].record
    queues[place].record = queue
    queues[place].expression = expression
    put(Kind.taskQueue, request.target, queue)
    if old.targetWorkers != queue.targetWorkers { fact(.taskQueueExpressionUpdated, about: request.target, turn.now) }
    if old.order != queue.order { reorder(queue: place) }
    if old.targetWorkers != queue.targetWorkers { renewMembers(ofQueue: place) }
    return Verdict(status: 200, scope: id, document: DocumentKey(kind: Kind.taskQueue, id: request.target))
  }

  mutating func deleteTaskQueue(_ request: Request, _ turn: inout Turn) -> Verdict {
    guard let place = queuePlaces[request.target] else { return .notFound }
    let sid = SIDKind.taskQueue.text(request.target)
    if let workflow = workflows.values.filter({ $0.names(queue: sid) }).min(by: { $0.record.serial < $1.record.serial }) {
      return .refuse("TaskQueue \(sid) cannot be deleted: workflow \(SIDKind.workflow.text(workflow.id)) refers to it")
    }
    if queues[place].tasks > 0 { return .refuse("TaskQueue \(sid) cannot be deleted: \(queues[place].tasks) tasks are in it") }
    fact(.taskQueueDeleted, about: request.target, turn.now)
    for group in classPlaces.filter({ $0.key.queue == place }).map(\.value).sorted() {
      dropClass(group)
    }
    forgetMembers(ofQueue: place)
    retire(serial: queues[place].record.serial)
    queues.remove(place)
    queuePlaces[request.target] = nil
    delete(Kind.taskQueue, request.target)
    return Verdict(status: 204)
  }

  // MARK: Workflows

  private func parse(_ configuration: String) -> Result<WorkflowDocument, Refusal> {
    let document: WorkflowDocument
    do throws(WorkflowError) { document = try WorkflowDocument(parsing: Array(configuration.utf8)) } catch {
      return .failure(Refusal(message: "Configuration: \(error)"))
    }
    for sid in document.queueSids {
      guard let queue = SIDKind.taskQueue.parse(sid), queuePlaces[queue] != nil else {
        return .failure(Refusal(message: "Configuration: queue '\(sid)' is no task queue of this workspace"))
      }
    }
    return .success(document)
  }

  private struct Refusal: Error { let message: String }

  mutating func createWorkflow(_ request: Request, _ turn: inout Turn) -> Verdict {
    let configuration = request.text(.configuration) ?? ""
    if let refusal = outOfRange(request) { return refusal }
    switch parse(configuration) {
    case .failure(let refusal): return .refuse(refusal.message)
    case .success(let document):
      var workflow = WorkflowRecord()
      workflow.serial = takeSerial()
      workflow.friendlyName = request.text(.friendlyName) ?? ""
      workflow.assignmentCallbackURL = request.text(.assignmentCallbackURL) ?? ""
      workflow.fallbackAssignmentCallbackURL = request.text(.fallbackAssignmentCallbackURL) ?? ""
      workflow.reservationTimeout = request.integer(.reservationTimeout) ?? 120
      workflow.created = turn.now
      workflow.updated = turn.now
      let made = turn.identifier()
      workflows[made] = Workflow(id: made, record: workflow, configuration: Array(configuration.utf8), document: document)
      put(Kind.workflow, made, workflow)
      pending.puts.append((DocumentKey(kind: Kind.workflowConfiguration, id: made), Array(configuration.utf8)))
      fact(.workflowCreated, about: made, turn.now)
      return Verdict(status: 201, scope: id, document: DocumentKey(kind: Kind.workflow, id: made))
    }
  }

  mutating func updateWorkflow(_ request: Request, _ turn: inout Turn) -> Verdict {
    guard var workflow = workflows[request.target] else { return .notFound }
    if let refusal = outOfRange(request) { return refusal }
    let before = Workflow.Revision(configuration: workflow.configuration, document: workflow.document)
    if let configuration = request.text(.configuration), Array(configuration.utf8) != workflow.configuration {
      switch parse(configuration) {
      case .failure(let refusal): return .refuse(refusal.message)
      case .success(let document): workflow.document = document
      }
      workflow.configuration = Array(configuration.utf8)
      pending.puts.append((DocumentKey(kind: Kind.workflowConfiguration, id: request.target), workflow.configuration))
    }
    if workflow.configuration != before.configuration || request.flag(.reEvaluate) == true { beginRevision(of: &workflow, keeping: before) }
    if let name = request.text(.friendlyName) { workflow.record.friendlyName = name }
    if let url = request.text(.assignmentCallbackURL) { workflow.record.assignmentCallbackURL = url }
    if let url = request.text(.fallbackAssignmentCallbackURL) { workflow.record.fallbackAssignmentCallbackURL = url }
    if let seconds = request.integer(.reservationTimeout) { workflow.record.reservationTimeout = seconds }
    if request.flag(.reEvaluate) == true {
      // A run in progress starts over; tasks that it has placed by this revision already are passed over quickly.
      workflow.record.reEvaluatedRevision = workflow.record.revision
      if !reEvaluating.contains(request.target) { reEvaluating.append(request.target) }
      reEvaluationCursor[request.target] = 0
    }
    workflow.record.updated = turn.now
    workflows[request.target] = workflow
    put(Kind.workflow, request.target, workflow.record)
    fact(.workflowUpdated, about: request.target, turn.now)
    // Whoever has few tasks waiting reads their new places with the answer; the rest goes in slices behind it.
    if reEvaluating.first == request.target { reEvaluateSlice(limit: settings.placedAtOnce, &turn) }
    return Verdict(status: 200, scope: id, document: DocumentKey(kind: Kind.workflow, id: request.target))
  }

  /// Tasks stay with the revision that placed them until they are placed again, so the old one is kept while it has tasks.
  private mutating func beginRevision(of workflow: inout Workflow, keeping old: Workflow.Revision) {
    let number = workflow.record.revision
    workflow.record.revision += 1
    guard workflow.tasks[number, default: 0] > 0 else { return }
    workflow.older[number] = old
    workflow.record.kept.append(KeptRevision(number))
    pending.puts.append((KeptRevision.key(workflow.id, number), old.configuration))
  }

  /// Counts a task under the revision that places it now.
  mutating func govern(_ task: Int) {
    // By its place: changed by key, a dictionary's value is taken out and put back, and this one is large.
    guard let place = workflows.index(forKey: tasks[task].record.workflow) else { return }
    let revision = workflows.values[place].record.revision
    tasks[task].record.placement.revision = revision
    workflows.values[place].tasks[revision, default: 0] += 1
    workflows.values[place].order.insert(Governed(serial: tasks[task].record.serial, task: task))
  }

  /// Takes a task out of that count; the last one of an older revision takes the revision with it.
  mutating func ungovern(_ task: Int, _ now: Int64) {
    let id = tasks[task].record.workflow
    let revision = tasks[task].record.placement.revision
    guard let place = workflows.index(forKey: id), let count = workflows.values[place].tasks[revision] else { return }
    workflows.values[place].tasks[revision] = count > 1 ? count - 1 : nil
    workflows.values[place].order.remove(Governed(serial: tasks[task].record.serial, task: task))
    guard count == 1, workflows.values[place].older[revision] != nil else { return }
    workflows.values[place].older[revision] = nil
    workflows.values[place].record.kept.removeAll { $0.number == revision }
    pending.deletes.append(KeptRevision.key(id, revision))
    put(Kind.workflow, id, workflows.values[place].record)
  }

  mutating func deleteWorkflow(_ request: Request, _ turn: inout Turn) -> Verdict {
    guard let workflow = workflows[request.target] else { return .notFound }
    let count = workflow.taskCount
    if count > 0 {
      return .refuse("Workflow \(SIDKind.workflow.text(request.target)) cannot be deleted: it governs \(count) tasks that are not over")
    }
    retire(serial: workflow.record.serial)
    fact(.workflowDeleted, about: request.target, turn.now)
    workflows[request.target] = nil
    delete(Kind.workflow, request.target)
    delete(Kind.workflowConfiguration, request.target)
    return Verdict(status: 204)
  }

  /// Places up to `limit` waiting tasks of a workflow again, those that an older revision placed. What remains is read from the tasks themselves.
  mutating func reEvaluateSlice(limit: Int, _ turn: inout Turn) {
    guard let workflow = reEvaluating.first, let wanted = workflows[workflow]?.record.reEvaluatedRevision else {
      if !reEvaluating.isEmpty { reEvaluating.removeFirst() }
      return
    }
    // Looking at a task costs little beside placing it, but is not free either.
    var toLookAt = limit * 16
    var cursor = reEvaluationCursor[workflow] ?? 0
    var outdated: [Int] = []
    workflows[workflow]?.order.ascend(from: Governed(serial: cursor, task: 0)) { governed in
      guard outdated.count < limit, toLookAt > 0 else { return false }
      toLookAt -= 1
      cursor = governed.serial + 1
      // Reserved ones go the new way when their offers end; assigned ones never (5.5).
      let record = tasks[governed.task].record
      if record.status == .pending, record.placement.revision < wanted, !record.isDirect { outdated.append(governed.task) }
      return true
    }
    var isLast = outdated.count < limit && toLookAt > 0
    let firstReserved = nextReserved
    // Placing one may give another to somebody.
    for place in outdated where tasks[place].record.status == .pending {
      // A task may be offered to fifty at once: what is decided in one must stay small.
      if nextReserved - firstReserved >= Int64(limit) {
        cursor = tasks[place].record.serial
        isLast = false
        break
      }
      tasks[place].record.version += 1
      tasks[place].record.reEvaluated = "workflow_updated"
      routeAnew(place, &turn)
    }
    reEvaluationCursor[workflow] = cursor
    guard isLast else { return }
    endReEvaluation()
  }
}
