import Forms
import JSON
import Machines
import Resources
import TaskRouting

extension JSONWriter {
  mutating func member(_ name: String, _ value: String?) {
    key(name)
    if let value { string(value) } else { null() }
  }
  mutating func member(_ name: String, _ value: Int64) {
    key(name)
    int(value)
  }
  mutating func member(_ name: String, _ value: Bool) {
    key(name)
    bool(value)
  }
  /// An instant that is known to be after 1970; 0 is none.
  mutating func date(_ name: String, _ instant: Int64) {
    member(name, instant > 0 ? Dates.iso8601(instant) : nil)
  }
  mutating func links(_ links: [(String, String)]) {
    key("links")
    beginObject()
    for (name, url) in links { member(name, url) }
    endObject()
  }
}

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

/// Renders the resources of one workspace as TaskRouter v1 does (taskrouter.md 2). `base` is where the client finds us.
struct Renderer: Sendable {
  let base: String
  let account: Identifier
  let workspace: Identifier
  /// On whose side reservations were read: their `url` points back there.
  var side: String
  let now: Int64
  /// Where the workspace is: in front of every URL.
  let root: String

  init(base: String, account: Identifier, workspace: Identifier, side: String, now: Int64) {
    self.base = base
    self.account = account
    self.workspace = workspace
    self.side = side
    self.now = now
    root = "\(base)/v1/Workspaces/\(SIDKind.workspace.text(workspace))"
  }

  /// Writes one resource; its version for the `ETag` comes back where it has one.
  @discardableResult
  func write(_ key: DocumentKey, _ bytes: [UInt8], _ near: Neighbours, _ json: inout JSONWriter) throws(DecodingFailure) -> Int64? {
    json.beginObject()
    defer { json.endObject() }
    json.member("account_sid", SIDKind.account.text(account))
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

  private func common(_ json: inout JSONWriter, _ created: Int64, _ updated: Int64) {
    json.date("date_created", created)
    json.date("date_updated", updated)
    json.member("workspace_sid", SIDKind.workspace.text(workspace))
  }

  private func workspace(_ record: WorkspaceRecord, _ near: Neighbours, _ json: inout JSONWriter) {
    json.date("date_created", record.created)
    json.date("date_updated", record.updated)
    json.member("default_activity_name", near.activityName(record.defaultActivity))
    json.member("default_activity_sid", record.defaultActivity.isNone ? nil : SIDKind.activity.text(record.defaultActivity))
    json.member("event_callback_url", record.eventCallbackURL)
    json.member("events_filter", record.eventsFilter)
    json.member("friendly_name", record.friendlyName)
    json.member("multi_task_enabled", record.isMultiTask)
    json.member("sid", SIDKind.workspace.text(workspace))
    json.member("timeout_activity_name", near.activityName(record.timeoutActivity))
    json.member("timeout_activity_sid", record.timeoutActivity.isNone ? nil : SIDKind.activity.text(record.timeoutActivity))
    json.member("prioritize_queue_order", record.prioritizedOrder.text)
    json.member("url", root)
    json.links([
      ("activities", root + "/Activities"), ("statistics", root + "/Statistics"), ("real_time_statistics", root + "/RealTimeStatistics"),
      ("cumulative_statistics", root + "/CumulativeStatistics"), ("task_queues", root + "/TaskQueues"), ("tasks", root + "/Tasks"),
      ("workers", root + "/Workers"), ("workflows", root + "/Workflows"), ("task_channels", root + "/TaskChannels"),
      ("events", root + "/Events"),
    ])
  }

  private func activity(_ id: Identifier, _ record: ActivityRecord, _ json: inout JSONWriter) {
    common(&json, record.created, record.updated)
    json.member("available", record.isAvailable)
    json.member("friendly_name", record.friendlyName)
    json.member("sid", SIDKind.activity.text(id))
    json.member("url", "\(root)/Activities/\(SIDKind.activity.text(id))")
    json.links([("workspace", root)])
  }

  private func channel(_ id: Identifier, _ record: TaskChannelRecord, _ json: inout JSONWriter) {
    common(&json, record.created, record.updated)
    json.member("friendly_name", record.friendlyName)
    json.member("unique_name", record.uniqueName)
    json.member("channel_optimized_routing", record.isOptimized)
    json.member("sid", SIDKind.taskChannel.text(id))
    json.member("url", "\(root)/TaskChannels/\(SIDKind.taskChannel.text(id))")
    json.links([("workspace", root)])
  }

  private func queue(_ id: Identifier, _ record: TaskQueueRecord, _ near: Neighbours, _ json: inout JSONWriter) {
    let url = "\(root)/TaskQueues/\(SIDKind.taskQueue.text(id))"
    func sid(_ activity: Identifier) -> String? { activity.isNone ? nil : SIDKind.activity.text(activity) }
    common(&json, record.created, record.updated)
    json.member("assignment_activity_sid", sid(record.assignmentActivity))
    json.member("assignment_activity_name", near.activityName(record.assignmentActivity))
    json.member("reservation_activity_sid", sid(record.reservationActivity))
    json.member("reservation_activity_name", near.activityName(record.reservationActivity))
    json.member("friendly_name", record.friendlyName)
    json.member("max_reserved_workers", Int64(record.maxReservedWorkers))
    json.member("target_workers", record.targetWorkers)
    json.member("task_order", record.order.text)
    json.member("sid", SIDKind.taskQueue.text(id))
    json.member("url", url)
    json.links([
      ("assignment_activity", sid(record.assignmentActivity).map { "\(root)/Activities/\($0)" } ?? "\(root)/Activities"),
      ("reservation_activity", sid(record.reservationActivity).map { "\(root)/Activities/\($0)" } ?? "\(root)/Activities"),
      ("workspace", root), ("statistics", url + "/Statistics"), ("real_time_statistics", url + "/RealTimeStatistics"),
      ("cumulative_statistics", url + "/CumulativeStatistics"), ("list_statistics", "\(root)/TaskQueues/Statistics"),
      ("bulk_real_time_statistics", "\(root)/TaskQueues/RealTimeStatistics"),
    ])
  }

  private func workflow(_ id: Identifier, _ record: WorkflowRecord, _ near: Neighbours, _ json: inout JSONWriter) {
    let url = "\(root)/Workflows/\(SIDKind.workflow.text(id))"
    common(&json, record.created, record.updated)
    json.member("assignment_callback_url", record.assignmentCallbackURL)
    json.member("fallback_assignment_callback_url", record.fallbackAssignmentCallbackURL)
    json.member("configuration", near.text(Kind.workflowConfiguration, id))
    json.member("document_content_type", "application/json")
    json.member("friendly_name", record.friendlyName)
    json.member("task_reservation_timeout", record.reservationTimeout)
    json.member("sid", SIDKind.workflow.text(id))
    json.member("url", url)
    json.links([
      ("statistics", url + "/Statistics"), ("real_time_statistics", url + "/RealTimeStatistics"),
      ("cumulative_statistics", url + "/CumulativeStatistics"),
    ])
  }

  private func worker(_ id: Identifier, _ record: WorkerRecord, _ near: Neighbours, _ json: inout JSONWriter) {
    let workers = "\(root)/Workers"
    let url = "\(workers)/\(SIDKind.worker.text(id))"
    let activity = near.record(Kind.activity, record.activity, ActivityRecord.self)
    common(&json, record.created, record.updated)
    json.member("activity_name", activity?.friendlyName)
    json.member("activity_sid", SIDKind.activity.text(record.activity))
    json.member("attributes", near.text(Kind.workerAttributes, id) ?? "{}")
    json.member("available", activity?.isAvailable ?? false)
    json.date("date_status_changed", record.statusChanged)
    json.member("friendly_name", record.friendlyName)
    json.member("sid", SIDKind.worker.text(id))
    json.member("url", url)
    json.links([
      ("channels", url + "/Channels"), ("worker_channels", url + "/Channels"),
      ("activity", "\(root)/Activities/\(SIDKind.activity.text(record.activity))"), ("workspace", root),
      ("statistics", workers + "/Statistics"), ("real_time_statistics", workers + "/RealTimeStatistics"),
      ("cumulative_statistics", workers + "/CumulativeStatistics"), ("worker_statistics", url + "/Statistics"),
      ("reservations", url + "/Reservations"),
    ])
  }

  /// A worker's channel is part of the worker's document and of the task channel's.
  func writeChannel(
    _ worker: Identifier, _ record: WorkerRecord, _ channel: Identifier, _ channelRecord: TaskChannelRecord, _ json: inout JSONWriter
  ) {
    let load = record.load(on: channel)
    let sid = SIDKind.workerChannel.text(worker.combined(with: channel))
    json.beginObject()
    json.member("account_sid", SIDKind.account.text(account))
    common(&json, max(record.created, channelRecord.created), max(load.updated, record.created, channelRecord.created))
    json.member("assigned_tasks", Int64(load.accepted))
    json.member("available", load.isAvailable)
    json.member("available_capacity_percentage", Int64(load.availablePercentage))
    json.member("configured_capacity", Int64(load.capacity))
    json.member("sid", sid)
    json.member("task_channel_sid", SIDKind.taskChannel.text(channel))
    json.member("task_channel_unique_name", channelRecord.uniqueName)
    json.member("worker_sid", SIDKind.worker.text(worker))
    json.member("url", "\(root)/Workers/\(SIDKind.worker.text(worker))/Channels/\(sid)")
    json.endObject()
  }

  private func task(_ id: Identifier, _ record: TaskRecord, _ near: Neighbours, _ json: inout JSONWriter) {
    let url = "\(root)/Tasks/\(SIDKind.task.text(id))"
    let queue = record.queue.isNone ? nil : SIDKind.taskQueue.text(record.queue)
    let workflow = record.workflow.isNone ? nil : SIDKind.workflow.text(record.workflow)
    common(&json, record.created, record.updated)
    json.member("age", max(0, now - record.created) / 1000)
    json.member("assignment_status", record.status.text)
    json.member("attributes", near.text(Kind.taskAttributes, id) ?? "{}")
    json.member("addons", "{}")
    json.date("task_queue_entered_date", record.queueEntered)
    // Every task has one, and it may be before 1970.
    json.member("virtual_start_time", Dates.iso8601(record.virtualStart))
    json.member("priority", record.priority)
    json.member("reason", record.reason)
    json.member("sid", SIDKind.task.text(id))
    json.member("task_queue_sid", queue)
    json.member("task_queue_friendly_name", near.record(Kind.taskQueue, record.queue, TaskQueueRecord.self)?.friendlyName)
    json.member("task_channel_sid", SIDKind.taskChannel.text(record.channel))
    json.member("task_channel_unique_name", near.record(Kind.taskChannel, record.channel, TaskChannelRecord.self)?.uniqueName)
    json.member("timeout", record.timeout)
    json.member("workflow_sid", workflow)
    json.member("workflow_friendly_name", near.record(Kind.workflow, record.workflow, WorkflowRecord.self)?.friendlyName)
    json.member("ignore_capacity", record.ignoresCapacity)
    json.member("routing_target", record.routingTarget)
    json.member("url", url)
    json.links([
      ("task_queue", queue.map { "\(root)/TaskQueues/\($0)" } ?? "\(root)/TaskQueues"),
      ("workflow", workflow.map { "\(root)/Workflows/\($0)" } ?? "\(root)/Workflows"), ("workspace", root),
      ("reservations", url + "/Reservations"),
    ])
  }

  private func reservation(_ id: Identifier, _ record: ReservationRecord, _ near: Neighbours, _ json: inout JSONWriter) {
    let task = "\(root)/Tasks/\(SIDKind.task.text(record.task))"
    let worker = "\(root)/Workers/\(SIDKind.worker.text(record.worker))"
    common(&json, record.created, record.updated)
    json.member("reservation_status", record.status.text)
    json.member("sid", SIDKind.reservation.text(id))
    json.member("task_sid", SIDKind.task.text(record.task))
    json.member("worker_name", near.record(Kind.worker, record.worker, WorkerRecord.self)?.friendlyName)
    json.member("worker_sid", SIDKind.worker.text(record.worker))
    json.member("url", "\(side == "Workers" ? worker : task)/Reservations/\(SIDKind.reservation.text(id))")
    json.links([("task", task), ("worker", worker), ("workspace", root)])
  }
}
