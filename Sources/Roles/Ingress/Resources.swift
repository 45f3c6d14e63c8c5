import Expressions
import Forms
import HTTPServer
import JSON
import Journal
import Machines
import Ports
import Resources
import TaskRouting

/// One kind of resource under a workspace: how it is called, and what its requests mean.
struct ResourceKind: Sendable {
  var segment: String
  var kind: UInt8
  var sid: SIDKind
  var key: String
  var create: Operation?
  var update: Operation?
  var delete: Operation?

  static let activities = ResourceKind(
    segment: "Activities", kind: Kind.activity, sid: .activity, key: "activities", create: .createActivity, update: .updateActivity,
    delete: .deleteActivity)
  static let workers = ResourceKind(
    segment: "Workers", kind: Kind.worker, sid: .worker, key: "workers", create: .createWorker, update: .updateWorker,
    delete: .deleteWorker)
  static let taskChannels = ResourceKind(
    segment: "TaskChannels", kind: Kind.taskChannel, sid: .taskChannel, key: "channels", create: .createTaskChannel,
    update: .updateTaskChannel, delete: .deleteTaskChannel)
  static let taskQueues = ResourceKind(
    segment: "TaskQueues", kind: Kind.taskQueue, sid: .taskQueue, key: "task_queues", create: .createTaskQueue, update: .updateTaskQueue,
    delete: .deleteTaskQueue)
  static let workflows = ResourceKind(
    segment: "Workflows", kind: Kind.workflow, sid: .workflow, key: "workflows", create: .createWorkflow, update: .updateWorkflow,
    delete: .deleteWorkflow)
  static let tasks = ResourceKind(
    segment: "Tasks", kind: Kind.task, sid: .task, key: "tasks", create: .createTask, update: .updateTask, delete: .deleteTask)

  /// What a path calls so.
  static func called(_ segment: String) -> ResourceKind? {
    switch segment {
    case "Tasks": tasks
    case "Workers": workers
    case "TaskQueues": taskQueues
    case "Workflows": workflows
    case "Activities": activities
    case "TaskChannels": taskChannels
    default: nil
    }
  }

  /// Where documents of a kind are found.
  static func of(_ kind: UInt8) -> ResourceKind? {
    switch kind {
    case Kind.task: tasks
    case Kind.worker: workers
    case Kind.taskQueue: taskQueues
    case Kind.workflow: workflows
    case Kind.activity: activities
    case Kind.taskChannel: taskChannels
    default: nil
    }
  }
}

extension Ingress {
  /// `at`: what ages count to; nil: now.
  func renderer(_ workspace: Identifier, _ call: Call, side: String = "", at instant: Int64? = nil) -> Renderer {
    Renderer(base: call.base, account: call.account, workspace: workspace, side: side, now: instant ?? clock.now())
  }

  // MARK: One resource

  func create(_ resource: ResourceKind, _ workspace: Identifier, _ call: Call) async throws(APIError) -> Answer {
    guard let operation = resource.create else { throw Ingress.methodNotAllowed(call) }
    var request = Request(operation)
    request.arguments = try arguments(operation, call.form)
    let verdict = try await perform(request, in: workspace, call)
    return try await show(verdict, workspace, call, side: "")
  }

  func update(_ resource: ResourceKind, _ id: Identifier, named name: String?, _ workspace: Identifier, _ call: Call) async throws(APIError)
    -> Answer
  {
    guard let operation = resource.update else { throw Ingress.methodNotAllowed(call) }
    var request = Request(operation, target: id, ifMatch: call.ifMatch)
    request.arguments = try arguments(operation, call.form)
    if let name { request.arguments[.taskChannel] = .text(name) }
    let verdict = try await perform(request, in: workspace, call)
    return try await show(verdict, workspace, call, side: "")
  }

  func delete(_ resource: ResourceKind, _ id: Identifier, named name: String?, _ workspace: Identifier, _ call: Call) async throws(APIError)
    -> Answer
  {
    guard let operation = resource.delete else { throw Ingress.methodNotAllowed(call) }
    var request = Request(operation, target: id, ifMatch: call.ifMatch)
    if let name { request.arguments[.taskChannel] = .text(name) }
    _ = try await perform(request, in: workspace, call)
    return Answer(status: 204)
  }

  /// Answers with the document that a verdict names: to a request with a key, its repeats included, as it was when that was decided, else as it stands now.
  func show(_ verdict: Verdict, _ workspace: Identifier, _ call: Call, side: String) async throws(APIError) -> Answer {
    guard let key = verdict.document else { return Answer(status: verdict.status) }
    if let kept = try await keptAnswer(to: call, workspace), let own = kept.documents.first, own.key == key {
      return try await show(
        Document(key: key, bytes: own.bytes), status: verdict.status, workspace, call, side: side, isReplayed: verdict.replayed, kept: kept)
    }
    guard let bytes = try await get(workspace, [key])[0] else { return Ingress.gone(key, verdict, workspace, call) }
    return try await show(
      Document(key: key, bytes: bytes), status: verdict.status, workspace, call, side: side, isReplayed: verdict.replayed)
  }

  func show(
    _ document: Document, status: Int, _ workspace: Identifier, _ call: Call, side: String, isReplayed: Bool = false,
    kept: KeptAnswer? = nil
  ) async throws(APIError) -> Answer {
    let renderer = renderer(workspace, call, side: side, at: kept?.instant)
    let near = try await neighbours(workspace, [document], kept: Neighbours(kept))
    var json = JSONWriter(capacity: 2048)
    let version: Int64?
    do throws(DecodingFailure) { version = try renderer.write(document.key, document.bytes, near, &json) } catch {
      throw APIError(500, 20500, "A stored document cannot be read: \(error)")
    }
    var headers: HTTPFields = []
    if let version { headers.append(("ETag", "\"\(version)\"")) }
    if status == 201 { headers.append(("Location", Ingress.location(document.key, renderer))) }
    if isReplayed { headers.append(("Idempotent-Replayed", "true")) }
    return .json(status, json.bytes, headers: headers)
  }

  /// What the answer to a request with an idempotency key is made of; nil without one, and where nothing was kept.
  func keptAnswer(to call: Call, _ workspace: Identifier) async throws(APIError) -> KeptAnswer? {
    guard let key = call.idempotency?.key else { return nil }
    return try await get(workspace, [DocumentKey(kind: IdempotencyKeys.kind, id: key)])[0].flatMap(IdempotencyKeys.answer(in:))
  }

  private static func location(_ key: DocumentKey, _ renderer: Renderer) -> String {
    guard let resource = ResourceKind.of(key.kind) else { return renderer.root }
    return renderer.root + "/" + resource.segment + "/" + resource.sid.text(key.id)
  }

  /// The answer to a repeat whose document is gone meanwhile: what can still be said truthfully.
  private static func gone(_ key: DocumentKey, _ verdict: Verdict, _ workspace: Identifier, _ call: Call) -> Answer {
    let resource = ResourceKind.of(key.kind)
    let sid = (resource?.sid ?? (key.kind == Kind.reservation ? .reservation : .workspace)).text(key.id)
    var json = JSONWriter(capacity: 256)
    json.beginObject()
    json.member("account_sid", SIDKind.account.text(call.account))
    json.member("workspace_sid", SIDKind.workspace.text(workspace))
    json.member("sid", sid)
    json.endObject()
    return .json(verdict.status, json.bytes, headers: verdict.replayed ? [("Idempotent-Replayed", "true")] : [])
  }

  func fetch(_ key: DocumentKey, _ workspace: Identifier, _ call: Call) async throws(APIError) -> Answer {
    _ = try await self.workspace(workspace, call)
    guard let bytes = try await get(workspace, [key])[0] else { throw .notFound(call.path) }
    return try await show(Document(key: key, bytes: bytes), status: 200, workspace, call, side: "")
  }

  /// A task channel by SID or unique name (taskrouter.md 2.5).
  func channel(named text: String, _ workspace: Identifier, _ call: Call) async throws(APIError) -> (Identifier, TaskChannelRecord) {
    for document in try await allChannels(workspace) {
      guard let record = try? TaskChannelRecord(decoding: document.bytes) else { continue }
      if record.uniqueName == text || SIDKind.taskChannel.text(document.key.id) == text { return (document.key.id, record) }
    }
    throw .notFound(call.path)
  }

  func allChannels(_ workspace: Identifier) async throws(APIError) -> [Document] {
    let range = DocumentRange(kind: Kind.taskChannel, index: ListIndex.creation, limit: 1000)
    do throws(HotStateFailure) { return try await hot.list(workspace, range).documents } catch { throw Ingress.notNow(error) }
  }

  // MARK: What each operation takes

  func arguments(_ operation: Operation, _ form: Form) throws(APIError) -> [Parameter: Argument] {
    var p = Parameters(form)
    switch operation {
    case .createActivity:
      try p.friendlyName(isRequired: true)
      p.flag("Available", .available)
    case .updateActivity: try p.friendlyName(isRequired: false)
    case .createWorker, .updateWorker:
      try p.friendlyName(isRequired: operation == .createWorker)
      try p.sid("ActivitySid", .activity, .activity)
      try p.attributes()
      if operation == .updateWorker { p.flag("RejectPendingReservations", .rejectPendingReservations) }
    case .createTaskChannel:
      try p.friendlyName(isRequired: true)
      try p.text("UniqueName", .uniqueName, most: 64, isRequired: true)
      try Ingress.checkUniqueName(form.first("UniqueName") ?? "")
      p.flag("ChannelOptimizedRouting", .optimized)
    case .updateTaskChannel:
      try p.friendlyName(isRequired: false)
      p.flag("ChannelOptimizedRouting", .optimized)
    case .createTaskQueue, .updateTaskQueue:
      try p.friendlyName(isRequired: operation == .createTaskQueue)
      try p.text("TargetWorkers", .targetWorkers, most: 65_536)
      try p.integer("MaxReservedWorkers", .maxReservedWorkers, 1...50)
      try p.choice("TaskOrder", .taskOrder, ["FIFO", "LIFO"])
      try p.sid("ReservationActivitySid", .reservationActivity, .activity)
      try p.sid("AssignmentActivitySid", .assignmentActivity, .activity)
    case .createWorkflow, .updateWorkflow:
      try p.friendlyName(isRequired: operation == .createWorkflow)
      try p.text("Configuration", .configuration, isRequired: operation == .createWorkflow, allowsEmpty: false)
      if let size = form.first("Configuration")?.utf8.count, size > 1_038_576 {
        throw .invalid("Configuration must have at most 1038576 bytes; received \(size)")
      }
      try p.url("AssignmentCallbackUrl", .assignmentCallbackURL)
      try p.url("FallbackAssignmentCallbackUrl", .fallbackAssignmentCallbackURL)
      try p.integer("TaskReservationTimeout", .reservationTimeout, 1...86_400)
      if operation == .updateWorkflow { p.flag("ReEvaluateTasks", .reEvaluate) }
    case .createTask, .updateTask: try taskArguments(operation, &p)
    case .createWorkspace, .updateWorkspace: try workspaceArguments(operation, &p)
    case .updateWorkerChannel:
      try p.integer("Capacity", .capacity, 0...50)
      p.flag("Available", .available)
    default: break
    }
    return p.arguments
  }

  private static func checkUniqueName(_ name: String) throws(APIError) {
    let isWord = name.utf8.allSatisfy {
      ($0 >= 48 && $0 <= 57) || ($0 >= 65 && $0 <= 90) || ($0 >= 97 && $0 <= 122) || $0 == 95 || $0 == 36
    }
    guard isWord, let first = name.utf8.first, !(48...57).contains(first) else {
      throw .invalid("UniqueName must consist of letters, digits, _ and $ and not start with a digit; received '\(Parameters.shown(name))'")
    }
  }

  private func taskArguments(_ operation: Operation, _ p: inout Parameters) throws(APIError) {
    try p.attributes()
    try p.integer("Priority", .priority, 0...2_147_483_647)
    for name in ["TaskChannelUniqueName", "TaskChannelSid", "TaskChannel"] {
      if let value = p.form.first(name), !value.isEmpty { p.set(.taskChannel, .text(value)) }
    }
    try p.date("VirtualStartTime", .virtualStart)
    if operation == .createTask {
      try p.sid("WorkflowSid", .workflow, .workflow)
      try p.integer("Timeout", .timeout, 1...1_209_600)
      if let target = p.form.first("RoutingTarget"), !target.isEmpty { p.set(.routingTarget, .text(target)) }
      p.flag("IgnoreCapacity", .ignoreCapacity)
      try p.sid("TaskQueueSid", .taskQueue, .taskQueue)
      return
    }
    if let status = p.form.first("AssignmentStatus"), !status.isEmpty {
      guard TaskStatus(text: status) != nil else {
        throw .invalid("AssignmentStatus must be one of canceled, wrapping, completed; received '\(Parameters.shown(status))'")
      }
      p.set(.status, .text(status))
    }
    try p.text("Reason", .reason, most: 4096)
  }

  private func workspaceArguments(_ operation: Operation, _ p: inout Parameters) throws(APIError) {
    try p.friendlyName(isRequired: operation == .createWorkspace)
    try p.url("EventCallbackUrl", .eventCallbackURL)
    try p.text("EventsFilter", .eventsFilter, most: 8192)
    p.flag("MultiTaskEnabled", .multiTask)
    try p.choice("PrioritizeQueueOrder", .prioritizeQueueOrder, ["FIFO", "LIFO"])
    if operation == .createWorkspace {
      try p.choice("Template", .template, ["NONE", "FIFO"])
    } else {
      try p.sid("DefaultActivitySid", .defaultActivity, .activity)
      try p.sid("TimeoutActivitySid", .timeoutActivity, .activity)
    }
  }

  static func methodNotAllowed(_ call: Call) -> APIError {
    APIError(405, 20004, "The method \(call.method) is not allowed for \(call.path)", allow: Allow.methods(for: call.segments))
  }
}
