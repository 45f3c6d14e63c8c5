package import Journal
package import Resources
package import TaskRouting

/// An event before it has a wire form: what happened to what, when, and the payload.
package struct TaskEvent: Sendable {
  package var kind: FactKind
  package var workspace: Identifier
  package var account: Identifier
  package var workspaceName: String
  package var sequence: UInt64
  package var at: Int64
  package var fields: EventFields
  /// Kind and identifier of the thing that it happened to.
  package var resource: (type: String, sid: String, path: String)
  package var description: String
  package var worker: Identifier
  package var task: Identifier
  /// Workers who are told although the event is not about them: they hold its task, or are offered it (taskrouter.md 10.4).
  package var concerned: [Identifier] = []

  /// The event's own identifiers follow from workspace and number: the same however often it is rendered.
  package var identifier: Identifier { workspace.combined(with: Identifier(high: 0x4556, low: sequence)) }
}

/// Makes events from the journal's facts and the documents beside them (journal.md, "Decision"; taskrouter.md 9.3, 9.4). Pure.
package struct EventRenderer {
  private let scope: Identifier
  private let lookup: DocumentLookup
  private let workspace: WorkspaceRecord

  /// Nil when the workspace's own document is missing: then nothing of it can be told.
  package init?(scope: Identifier, lookup: @escaping DocumentLookup) {
    guard let bytes = lookup(DocumentKey(kind: Kind.workspace, id: scope)), let record = try? WorkspaceRecord(decoding: bytes) else {
      return nil
    }
    self.init(scope: scope, workspace: record, lookup: lookup)
  }

  package init(scope: Identifier, workspace: WorkspaceRecord, lookup: @escaping DocumentLookup) {
    self.scope = scope
    self.lookup = lookup
    self.workspace = workspace
  }

  private func document<Record: DocumentRecord>(_ kind: UInt8, _ id: Identifier, _: Record.Type) -> Record? {
    guard let bytes = lookup(DocumentKey(kind: kind, id: id)) else { return nil }
    return try? Record(decoding: bytes)
  }

  private func text(_ kind: UInt8, _ id: Identifier) -> String {
    String(decoding: lookup(DocumentKey(kind: kind, id: id)) ?? Array("{}".utf8), as: UTF8.self)
  }

  /// Nil for a fact of a kind that this release does not know.
  package func render(_ fact: Fact, sequence: UInt64) -> TaskEvent? {
    guard let kind = FactKind(rawValue: fact.kind) else { return nil }
    var event = TaskEvent(
      kind: kind, workspace: scope, account: workspace.account, workspaceName: workspace.friendlyName, sequence: sequence, at: fact.at,
      fields: EventFields(), resource: ("", "", ""), description: "", worker: .none, task: .none)
    event.fields.add("sid", .event, event.identifier)
    event.fields.add("eventtype", kind.name)
    event.fields.add("account_sid", .account, workspace.account)
    event.fields.add("workspace_sid", .workspace, scope)
    event.fields.add("workspace_name", workspace.friendlyName)
    event.fields.add("timestamp", fact.at / 1000)
    event.fields.add("timestamp_ms", fact.at)
    fill(&event, fact)
    if event.description.isEmpty {
      event.description =
        "\(event.resource.type.prefix(1).uppercased())\(event.resource.type.dropFirst()) \(event.resource.sid): \(kind.name)"
    }
    event.fields.add("resource_type", event.resource.type)
    event.fields.add("resource_sid", event.resource.sid)
    event.fields.add("event_description", event.description)
    return event
  }

  private func fill(_ event: inout TaskEvent, _ fact: Fact) {
    let subject = fact.subjects.first ?? .none
    switch event.kind.subject {
    case .workspace: event.resource = ("workspace", SIDKind.workspace.text(scope), "")
    case .activity: fillActivity(&event, subject)
    case .taskChannel: fillChannel(&event, subject)
    case .taskQueue:
      event.resource = ("task-queue", SIDKind.taskQueue.text(subject), "/TaskQueues/")
      addQueue(&event, subject)
    case .workflow:
      event.resource = ("workflow", SIDKind.workflow.text(subject), "/Workflows/")
      addWorkflow(&event, subject)
    case .worker: fillWorker(&event, fact)
    case .reservation: fillReservation(&event, fact)
    case .task: fillTask(&event, fact)
    }
  }

  private func fillActivity(_ event: inout TaskEvent, _ id: Identifier) {
    event.resource = ("activity", SIDKind.activity.text(id), "/Activities/")
    let activity = document(Kind.activity, id, ActivityRecord.self)
    event.fields.add("activity_sid", .activity, id)
    event.fields.add("activity_name", activity?.friendlyName ?? "")
    event.fields.add("activity_available", activity?.isAvailable ?? false)
  }

  private func fillChannel(_ event: inout TaskEvent, _ id: Identifier) {
    event.resource = ("task-channel", SIDKind.taskChannel.text(id), "/TaskChannels/")
    let channel = document(Kind.taskChannel, id, TaskChannelRecord.self)
    event.fields.add("task_channel_sid", .taskChannel, id)
    event.fields.add("task_channel_name", channel?.friendlyName ?? "")
    event.fields.add("task_channel_unique_name", channel?.uniqueName ?? "")
    event.fields.add("task_channel_optimized_routing", channel?.isOptimized ?? false)
  }

  // MARK: Blocks

  private func addQueue(_ event: inout TaskEvent, _ id: Identifier, entered: Int64? = nil) {
    guard !id.isNone else { return }
    let queue = document(Kind.taskQueue, id, TaskQueueRecord.self)
    event.fields.add("task_queue_sid", .taskQueue, id)
    event.fields.add("task_queue_name", queue?.friendlyName ?? "")
    event.fields.add("task_queue_target_expression", queue?.targetWorkers ?? "")
    if let entered, entered > 0 { event.fields.add("task_queue_entered_date", entered / 1000) }
  }

  private func addWorkflow(_ event: inout TaskEvent, _ id: Identifier) {
    guard !id.isNone else { return }
    event.fields.add("workflow_sid", .workflow, id)
    event.fields.add("workflow_name", document(Kind.workflow, id, WorkflowRecord.self)?.friendlyName ?? "")
  }

  private func addTask(_ event: inout TaskEvent, _ id: Identifier, _ task: TaskRecord?, _ details: TaskFactDetails) {
    event.task = id
    event.fields.add("task_sid", .task, id)
    event.fields.add("task_attributes", text(Kind.taskAttributes, id))
    event.fields.add("task_age", max(0, event.at &- (task?.created ?? event.at)) / 1000)
    event.fields.add("task_priority", details.priority)
    event.fields.add("task_assignment_status", details.status.text)
    event.fields.add("task_version", details.version)
    event.fields.add("task_date_created", (task?.created ?? event.at) / 1000)
    event.fields.add("task_virtual_start_time", Dates.seconds(task?.virtualStart ?? event.at))
    event.fields.add("task_ignore_capacity", task?.ignoresCapacity ?? false)
    if let target = task?.routingTarget { event.fields.add("task_routing_target", target) }
    if let channel = task?.channel {
      event.fields.add("task_channel_sid", .taskChannel, channel)
      event.fields.add("task_channel_unique_name", document(Kind.taskChannel, channel, TaskChannelRecord.self)?.uniqueName ?? "")
    }
    if let reason = task?.reEvaluated { event.fields.add("task_re_evaluated_reason", reason) }
  }

  private func addWorker(_ event: inout TaskEvent, _ id: Identifier, _ worker: WorkerRecord?, version: Int64?) {
    event.worker = id
    event.fields.add("worker_sid", .worker, id)
    event.fields.add("worker_name", worker?.friendlyName ?? "")
    event.fields.add("worker_attributes", text(Kind.workerAttributes, id))
    let activity = worker?.activity ?? .none
    event.fields.add("worker_activity_sid", activity.isNone ? "" : SIDKind.activity.text(activity))
    event.fields.add("worker_activity_name", document(Kind.activity, activity, ActivityRecord.self)?.friendlyName ?? "")
    event.fields.add("worker_version", version ?? worker?.version ?? 0)
  }

  private func fillTask(_ event: inout TaskEvent, _ fact: Fact) {
    let id = fact.subjects.first ?? .none
    event.concerned = Array(fact.subjects.dropFirst(2))
    event.resource = ("task", SIDKind.task.text(id), "/Tasks/")
    let task = document(Kind.task, id, TaskRecord.self)
    let (details, entered) = read(fact, TaskFactDetails.self)
    addTask(&event, id, task, details)
    addQueue(&event, fact.subjects.count > 1 ? fact.subjects[1] : .none, entered: entered ?? task?.queueEntered)
    addWorkflow(&event, task?.workflow ?? .none)
    switch event.kind {
    case .taskCanceled:
      addReason(&event, "task_canceled_reason", details.reason)
      event.description = details.reason ?? "Task canceled"
    case .taskCompleted:
      addReason(&event, "task_completed_reason", details.reason)
      event.description = details.reason ?? "Task completed"
    case .workflowTargetMatched:
      event.fields.add("workflow_filter", Int64(task?.placement.filter ?? 0))
      event.fields.add("workflow_target", Int64(task?.placement.target ?? 0))
    case .reservationFailed:
      // There is no reservation to name: its place has the task for which none could be made.
      event.resource.type = "reservation"
      event.description = "No reservation for task \(SIDKind.task.text(id))"
    default: break
    }
    guard [.workflowEntered, .workflowTargetMatched, .workflowTimeout, .workflowSkipped].contains(event.kind) else { return }
    event.resource = ("workflow", SIDKind.workflow.text(task?.workflow ?? .none), "/Workflows/")
  }

  /// Left out without one (taskrouter.md 9.4, "when set").
  private func addReason(_ event: inout TaskEvent, _ name: String, _ reason: String?) {
    guard let reason, !reason.isEmpty else { return }
    event.fields.add(name, reason)
    event.fields.add("reason", reason)
  }

  /// A fact's details, blank where they cannot be read, and when its task entered its queue, where the fact tells that.
  private func read<Details: FieldCoded>(_ fact: Fact, _: Details.Type) -> (Details, entered: Int64?) {
    var reader = ByteReader(fact.details)
    guard let details = try? Details(fieldsFrom: &reader) else { return (Details(), nil) }
    let tells = FactKind(rawValue: fact.kind)?.tellsQueueEntered == true
    return (details, tells ? try? reader.signed() : nil)
  }

  private func fillReservation(_ event: inout TaskEvent, _ fact: Fact) {
    let subjects = fact.subjects
    guard subjects.count >= 4 else { return }
    event.resource = ("reservation", SIDKind.reservation.text(subjects[0]), "/Tasks/\(SIDKind.task.text(subjects[1]))/Reservations/")
    let (details, entered) = read(fact, ReservationFactDetails.self)
    let task = document(Kind.task, subjects[1], TaskRecord.self)
    var taskDetails = TaskFactDetails()
    taskDetails.status = details.taskStatus
    taskDetails.priority = details.priority
    taskDetails.version = details.taskVersion
    event.fields.add("reservation_sid", .reservation, subjects[0])
    event.fields.add("reservation_version", details.version)
    addTask(&event, subjects[1], task, taskDetails)
    let worker = document(Kind.worker, subjects[2], WorkerRecord.self)
    addWorker(&event, subjects[2], worker, version: nil)
    if let worker, let channel = task?.channel {
      let load = worker.load(on: channel)
      event.fields.add("worker_channel_capacity", Int64(load.capacity))
      event.fields.add("worker_channel_consumed_capacity", Int64(load.live))
    }
    addQueue(&event, subjects[3], entered: entered ?? task?.queueEntered)
    addWorkflow(&event, task?.workflow ?? .none)
    guard let rule = details.ruleName else { return }
    event.fields.add("routing_rule", rule)
    event.fields.add("routing_candidates", details.candidates)
    event.fields.add("workflow_filter", details.filter)
    event.fields.add("workflow_target", details.target)
  }

  private func fillWorker(_ event: inout TaskEvent, _ fact: Fact) {
    let id = fact.subjects.first ?? .none
    event.resource = ("worker", SIDKind.worker.text(id), "/Workers/")
    var worker = document(Kind.worker, id, WorkerRecord.self)
    switch event.kind {
    case .workerActivityUpdate where fact.subjects.count >= 3:
      // The document may have moved on within the same command: the event tells of its own step.
      worker?.activity = fact.subjects[1]
      var reader = ByteReader(fact.details)
      let version = try? reader.signed()
      let time = (try? reader.signed()) ?? 0
      addWorker(&event, id, worker, version: version)
      event.fields.add("worker_time_in_previous_activity", time / 1000)
      event.fields.add("worker_time_in_previous_activity_ms", time)
      event.fields.add("worker_previous_activity_sid", .activity, fact.subjects[2])
      event.fields.add("worker_previous_activity_name", document(Kind.activity, fact.subjects[2], ActivityRecord.self)?.friendlyName ?? "")
      let name = document(Kind.activity, fact.subjects[1], ActivityRecord.self)?.friendlyName ?? ""
      event.description = "Worker \(worker?.friendlyName ?? "") updated to \(name) Activity"
    case .workerCapacityUpdate, .workerChannelAvailabilityUpdate:
      let details = (try? ChannelFactDetails(fieldBytes: fact.details)) ?? ChannelFactDetails()
      addWorker(&event, id, worker, version: details.workerVersion)
      let channel = fact.subjects.count > 1 ? fact.subjects[1] : .none
      event.fields.add("task_channel_sid", .taskChannel, channel)
      event.fields.add("task_channel_unique_name", document(Kind.taskChannel, channel, TaskChannelRecord.self)?.uniqueName ?? "")
      event.fields.add("worker_channel_available", details.isAvailable)
      event.fields.add("worker_channel_available_capacity", Int64(max(0, details.capacity - details.live)))
      event.fields.add("worker_channel_capacity", Int64(details.capacity))
      event.fields.add("worker_channel_previous_capacity", Int64(details.previousCapacity))
      event.fields.add("worker_channel_task_count", Int64(details.live))
    default: addWorker(&event, id, worker, version: nil)
    }
  }
}
