import Forms
import JSON
import Machines
import Resources
import TaskRouting

/// Documents that a resource's JSON needs beside its own, fetched together with it.
struct Neighbours: Sendable {
  var documents: [DocumentKey: [UInt8]] = [:]

  init(_ kept: KeptAnswer? = nil) { for document in kept?.documents.dropFirst() ?? [] { documents[document.key] = document.bytes } }

  func record<Record: DocumentRecord>(_ kind: UInt8, _ id: Identifier, _: Record.Type) -> Record? {
    guard !id.isNone, let bytes = documents[DocumentKey(kind: kind, id: id)] else { return nil }
    return try? Record(decoding: bytes)
  }
  func text(_ kind: UInt8, _ id: Identifier) -> String? {
    documents[DocumentKey(kind: kind, id: id)].map { String(decoding: $0, as: UTF8.self) }
  }
  func activityName(_ id: Identifier) -> String? { record(Kind.activity, id, ActivityRecord.self)?.friendlyName }
}

/// Renders the resources of one workspace as TaskRouter v1 does (taskrouter.md 2).
struct Renderer: Sendable {
  let account: Identifier
  let workspace: Identifier
  /// On whose side reservations were read: their `url` points back there.
  var side: String
  let now: Int64
  /// Where the workspace is: in front of every URL.
  let root: String
  /// The same, as it stands in JSON.
  private let plainRoot: [UInt8]

  /// - Parameter base: where the client finds us.
  init(base: String, account: Identifier, workspace: Identifier, side: String, now: Int64) {
    self.account = account
    self.workspace = workspace
    self.side = side
    self.now = now
    root = base + "/v1/Workspaces/" + SIDKind.workspace.text(workspace)
    plainRoot = JSONWriter.escaped(root)
  }

  /// Writes one resource; its version for the `ETag` comes back where it has one.
  @discardableResult
  func write(_ key: DocumentKey, _ bytes: [UInt8], _ near: Neighbours, _ json: inout JSONWriter) throws(DecodingFailure) -> Int64? {
    json.beginObject()
    defer { json.endObject() }
    json.sid("account_sid", .account, account)
    switch key.kind {
    case Kind.workspace: try workspace(WorkspaceRecord(decoding: bytes), near, &json)
    case Kind.activity: try activity(key.id, ActivityRecord(decoding: bytes), &json)
    case Kind.taskChannel: try channel(key.id, TaskChannelRecord(decoding: bytes), &json)
    case Kind.taskQueue: try queue(key.id, TaskQueueRecord(decoding: bytes), near, &json)
    case Kind.workflow: try workflow(key.id, WorkflowRecord(decoding: bytes), near, &json)
    case Kind.worker:
      let record = try WorkerRecord(decoding: bytes)
      worker(key.id, record, near, &json)
      return record.version
    case Kind.task:
      let record = try TaskRecord(decoding: bytes)
      task(key.id, record, near, &json)
      return record.version
    case Kind.reservation:
      let record = try ReservationRecord(decoding: bytes)
      reservation(key.id, record, near, &json)
      return record.version
    default: break
    }
    return nil
  }

  // MARK: Places

  private func place(_ folder: StaticString = "") -> Place { Place(root: plainRoot, folder: folder) }
  private func place(ofTask id: Identifier) -> Place { Place(root: plainRoot, folder: "/Tasks", kind: .task, id: id) }
  private func place(ofWorker id: Identifier) -> Place { Place(root: plainRoot, folder: "/Workers", kind: .worker, id: id) }
  private func place(ofQueue id: Identifier) -> Place { Place(root: plainRoot, folder: "/TaskQueues", kind: .taskQueue, id: id) }
  private func place(ofWorkflow id: Identifier) -> Place { Place(root: plainRoot, folder: "/Workflows", kind: .workflow, id: id) }
  private func place(ofActivity id: Identifier) -> Place { Place(root: plainRoot, folder: "/Activities", kind: .activity, id: id) }

  // MARK: Resources

  private func common(_ json: inout JSONWriter, _ created: Int64, _ updated: Int64) {
    json.date("date_created", created)
    json.date("date_updated", updated)
    json.sid("workspace_sid", .workspace, workspace)
  }

  private func workspace(_ record: WorkspaceRecord, _ near: Neighbours, _ json: inout JSONWriter) {
    json.date("date_created", record.created)
    json.date("date_updated", record.updated)
    json.member("default_activity_name", near.activityName(record.defaultActivity))
    json.sid("default_activity_sid", .activity, orNull: record.defaultActivity)
    json.member("event_callback_url", record.eventCallbackURL)
    json.member("events_filter", record.eventsFilter)
    json.member("friendly_name", record.friendlyName)
    json.member("multi_task_enabled", record.isMultiTask)
    json.sid("sid", .workspace, workspace)
    json.member("timeout_activity_name", near.activityName(record.timeoutActivity))
    json.sid("timeout_activity_sid", .activity, orNull: record.timeoutActivity)
    json.member("prioritize_queue_order", record.prioritizedOrder.text)
    json.url("url", place())
    json.links { json in
      json.url("activities", place("/Activities"))
      json.url("statistics", place("/Statistics"))
      json.url("real_time_statistics", place("/RealTimeStatistics"))
      json.url("cumulative_statistics", place("/CumulativeStatistics"))
      json.url("task_queues", place("/TaskQueues"))
      json.url("tasks", place("/Tasks"))
      json.url("workers", place("/Workers"))
      json.url("workflows", place("/Workflows"))
      json.url("task_channels", place("/TaskChannels"))
      json.url("events", place("/Events"))
    }
  }

  private func activity(_ id: Identifier, _ record: ActivityRecord, _ json: inout JSONWriter) {
    common(&json, record.created, record.updated)
    json.member("available", record.isAvailable)
    json.member("friendly_name", record.friendlyName)
    json.sid("sid", .activity, id)
    json.url("url", place(ofActivity: id))
    json.links { $0.url("workspace", place()) }
  }

  private func channel(_ id: Identifier, _ record: TaskChannelRecord, _ json: inout JSONWriter) {
    common(&json, record.created, record.updated)
    json.member("friendly_name", record.friendlyName)
    json.member("unique_name", record.uniqueName)
    json.member("channel_optimized_routing", record.isOptimized)
    json.sid("sid", .taskChannel, id)
    json.url("url", Place(root: plainRoot, folder: "/TaskChannels", kind: .taskChannel, id: id))
    json.links { $0.url("workspace", place()) }
  }

  private func queue(_ id: Identifier, _ record: TaskQueueRecord, _ near: Neighbours, _ json: inout JSONWriter) {
    let own = place(ofQueue: id)
    common(&json, record.created, record.updated)
    json.sid("assignment_activity_sid", .activity, orNull: record.assignmentActivity)
    json.member("assignment_activity_name", near.activityName(record.assignmentActivity))
    json.sid("reservation_activity_sid", .activity, orNull: record.reservationActivity)
    json.member("reservation_activity_name", near.activityName(record.reservationActivity))
    json.member("friendly_name", record.friendlyName)
    json.member("max_reserved_workers", Int64(record.maxReservedWorkers))
    json.member("target_workers", record.targetWorkers)
    json.member("task_order", record.order.text)
    json.sid("sid", .taskQueue, id)
    json.url("url", own)
    json.links { json in
      json.url("assignment_activity", place(ofActivity: record.assignmentActivity))
      json.url("reservation_activity", place(ofActivity: record.reservationActivity))
      json.url("workspace", place())
      json.url("statistics", own.with(below: "/Statistics"))
      json.url("real_time_statistics", own.with(below: "/RealTimeStatistics"))
      json.url("cumulative_statistics", own.with(below: "/CumulativeStatistics"))
      json.url("list_statistics", place("/TaskQueues/Statistics"))
      json.url("bulk_real_time_statistics", place("/TaskQueues/RealTimeStatistics"))
    }
  }

  private func workflow(_ id: Identifier, _ record: WorkflowRecord, _ near: Neighbours, _ json: inout JSONWriter) {
    let own = place(ofWorkflow: id)
    common(&json, record.created, record.updated)
    json.member("assignment_callback_url", record.assignmentCallbackURL)
    json.member("fallback_assignment_callback_url", record.fallbackAssignmentCallbackURL)
    json.member("configuration", near.text(Kind.workflowConfiguration, id))
    json.member("document_content_type", "application/json")
    json.member("friendly_name", record.friendlyName)
    json.member("task_reservation_timeout", record.reservationTimeout)
    json.sid("sid", .workflow, id)
    json.url("url", own)
    json.links { json in
      json.url("statistics", own.with(below: "/Statistics"))
      json.url("real_time_statistics", own.with(below: "/RealTimeStatistics"))
      json.url("cumulative_statistics", own.with(below: "/CumulativeStatistics"))
    }
  }

  private func worker(_ id: Identifier, _ record: WorkerRecord, _ near: Neighbours, _ json: inout JSONWriter) {
    let own = place(ofWorker: id)
    let activity = near.record(Kind.activity, record.activity, ActivityRecord.self)
    common(&json, record.created, record.updated)
    json.member("activity_name", activity?.friendlyName)
    json.sid("activity_sid", .activity, record.activity)
    json.member("attributes", near.text(Kind.workerAttributes, id) ?? "{}")
    json.member("available", activity?.isAvailable ?? false)
    json.date("date_status_changed", record.statusChanged)
    json.member("friendly_name", record.friendlyName)
    json.sid("sid", .worker, id)
    json.url("url", own)
    json.links { json in
      json.url("channels", own.with(below: "/Channels"))
      json.url("worker_channels", own.with(below: "/Channels"))
      json.url("activity", place(ofActivity: record.activity))
      json.url("workspace", place())
      json.url("statistics", place("/Workers/Statistics"))
      json.url("real_time_statistics", place("/Workers/RealTimeStatistics"))
      json.url("cumulative_statistics", place("/Workers/CumulativeStatistics"))
      json.url("worker_statistics", own.with(below: "/Statistics"))
      json.url("reservations", own.with(below: "/Reservations"))
    }
  }

  /// A worker's channel is part of the worker's document and of the task channel's.
  func writeChannel(
    _ worker: Identifier, _ record: WorkerRecord, _ channel: Identifier, _ channelRecord: TaskChannelRecord, _ json: inout JSONWriter
  ) {
    let load = record.load(on: channel)
    let own = worker.combined(with: channel)
    var place = place(ofWorker: worker).with(below: "/Channels")
    place.belowKind = .workerChannel
    place.belowID = own
    json.beginObject()
    json.sid("account_sid", .account, account)
    common(&json, max(record.created, channelRecord.created), max(load.updated, record.created, channelRecord.created))
    json.member("assigned_tasks", Int64(load.accepted))
    json.member("available", load.isAvailable)
    json.member("available_capacity_percentage", Int64(load.availablePercentage))
    json.member("configured_capacity", Int64(load.capacity))
    json.sid("sid", .workerChannel, own)
    json.sid("task_channel_sid", .taskChannel, channel)
    json.member("task_channel_unique_name", channelRecord.uniqueName)
    json.sid("worker_sid", .worker, worker)
    json.url("url", place)
    json.endObject()
  }

  private func task(_ id: Identifier, _ record: TaskRecord, _ near: Neighbours, _ json: inout JSONWriter) {
    let own = place(ofTask: id)
    common(&json, record.created, record.updated)
    json.member("age", max(0, now - record.created) / 1000)
    json.member("assignment_status", record.status.text)
    json.member("attributes", near.text(Kind.taskAttributes, id) ?? "{}")
    json.member("addons", "{}")
    json.date("task_queue_entered_date", record.queueEntered)
    // Every task has one, and it may be before 1970.
    json.anyDate("virtual_start_time", record.virtualStart)
    json.member("priority", record.priority)
    json.member("reason", record.reason)
    json.sid("sid", .task, id)
    json.sid("task_queue_sid", .taskQueue, orNull: record.queue)
    json.member("task_queue_friendly_name", near.record(Kind.taskQueue, record.queue, TaskQueueRecord.self)?.friendlyName)
    json.sid("task_channel_sid", .taskChannel, record.channel)
    json.member("task_channel_unique_name", near.record(Kind.taskChannel, record.channel, TaskChannelRecord.self)?.uniqueName)
    json.member("timeout", record.timeout)
    json.sid("workflow_sid", .workflow, orNull: record.workflow)
    json.member("workflow_friendly_name", near.record(Kind.workflow, record.workflow, WorkflowRecord.self)?.friendlyName)
    json.member("ignore_capacity", record.ignoresCapacity)
    json.member("routing_target", record.routingTarget)
    json.url("url", own)
    json.links { json in
      json.url("task_queue", place(ofQueue: record.queue))
      json.url("workflow", place(ofWorkflow: record.workflow))
      json.url("workspace", place())
      json.url("reservations", own.with(below: "/Reservations"))
    }
  }

  private func reservation(_ id: Identifier, _ record: ReservationRecord, _ near: Neighbours, _ json: inout JSONWriter) {
    let task = place(ofTask: record.task)
    let worker = place(ofWorker: record.worker)
    var own = (side == "Workers" ? worker : task).with(below: "/Reservations")
    own.belowID = id
    common(&json, record.created, record.updated)
    json.member("reservation_status", record.status.text)
    json.sid("sid", .reservation, id)
    json.sid("task_sid", .task, record.task)
    json.member("worker_name", near.record(Kind.worker, record.worker, WorkerRecord.self)?.friendlyName)
    json.sid("worker_sid", .worker, record.worker)
    json.url("url", own)
    json.links { json in
      json.url("task", task)
      json.url("worker", worker)
      json.url("workspace", place())
    }
  }
}
