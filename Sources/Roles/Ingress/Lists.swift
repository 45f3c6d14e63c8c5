import Expressions
import Forms
import JSON
import Journal
import Machines
import Ports
import Resources
import TaskRouting

/// Lists with their filters (taskrouter.md 2).
extension Ingress {
  /// One page of any list, with the documents that its items need beside them.
  func list(
    key: String, _ workspace: Identifier, _ call: Call, _ range: DocumentRange, then second: SecondKey? = nil, side: String = "",
    keep: @Sendable (Document) async throws(APIError) -> Bool
  ) async throws(APIError) -> Answer {
    let request = try PageRequest(call.query)
    var reader = ListReader(scope: workspace, hot: hot, range: range, second: second, place: Ingress.place(in: range, then: second))
    reader.turn = turn
    let page = try await page(reader, request, keep: keep)
    var renderer = renderer(workspace, call)
    renderer.side = side
    let near = try await neighbours(workspace, page.documents)
    var json = JSONWriter(capacity: 1024 * (page.documents.count + 1))
    json.beginObject()
    json.key(key)
    json.beginArray()
    for document in page.documents {
      do throws(DecodingFailure) { try renderer.write(document.key, document.bytes, near, &json) } catch {
        throw APIError(500, 20500, "A stored document cannot be read: \(error)")
      }
      await turn()
    }
    json.endArray()
    writeMeta(&json, call, key: key, request, page)
    json.endObject()
    return .json(200, json.bytes)
  }

  /// Where a document stands in a list: as what put it there says.
  static func place(in range: DocumentRange, then second: SecondKey? = nil) -> @Sendable (Document) -> ListPlace {
    let index = range.index
    return { document in
      let entries = TaskRoutingIndexes.entries(document.key, document.bytes)
      func value(_ index: UInt8) -> Int64 { entries.first { $0.index == index }?.value ?? 0 }
      return ListPlace(value: value(index), second: second?.index.map(value) ?? 0, id: document.key.id)
    }
  }

  func list(_ resource: ResourceKind, _ workspace: Identifier, _ call: Call) async throws(APIError) -> Answer {
    _ = try await self.workspace(workspace, call)
    switch resource.kind {
    case Kind.task: return try await listTasks(workspace, call)
    case Kind.worker: return try await listWorkers(workspace, call)
    case Kind.taskQueue: return try await listQueues(workspace, call)
    default: break
    }
    let name = call.query.first("FriendlyName")
    let available = call.query.first("Available").map(Parameters.isTrue)
    let range = DocumentRange(kind: resource.kind, index: ListIndex.creation, limit: 0)
    return try await list(key: resource.key, workspace, call, range) { document in
      switch resource.kind {
      case Kind.activity:
        guard let record = try? ActivityRecord(decoding: document.bytes) else { return false }
        return (name == nil || name == record.friendlyName) && (available == nil || available == record.isAvailable)
      case Kind.workflow:
        guard let name else { return true }
        return (try? WorkflowRecord(decoding: document.bytes))?.friendlyName == name
      default: return true
      }
    }
  }

  private func expression(_ name: String, _ text: String?, _ context: ExpressionContext) throws(APIError) -> Expression? {
    guard let text, !text.isEmpty else { return nil }
    do throws(ExpressionError) { return try Expression(parsing: text, as: context) } catch { throw .invalid("\(name): \(error)") }
  }

  // MARK: Tasks

  private func listTasks(_ workspace: Identifier, _ call: Call) async throws(APIError) -> Answer {
    let query = call.query
    let statuses = Set(query.list("AssignmentStatus"))
    for status in statuses where TaskStatus(text: status) == nil {
      throw .invalid("AssignmentStatus must be a task status; received '\(Parameters.shown(status))'")
    }
    var parameters = Parameters(query)
    try parameters.integer("Priority", .priority, 0...2_147_483_647)
    let priority = parameters.arguments[.priority]
    let attributes = try expression("EvaluateTaskAttributes", query.first("EvaluateTaskAttributes"), .taskFilter)
    let order = try TaskOrdering(query.first("Ordering"))
    let range = DocumentRange(kind: Kind.task, index: order.index, ascending: order.ascending, limit: 0)
    let queueName = query.first("TaskQueueName").flatMap { $0.isEmpty ? nil : $0 }
    let workflowName = query.first("WorkflowName").flatMap { $0.isEmpty ? nil : $0 }
    return try await list(key: "tasks", workspace, call, range, then: order.second) { document async throws(APIError) -> Bool in
      guard let record = try? TaskRecord(decoding: document.bytes) else { return false }
      if !statuses.isEmpty, !statuses.contains(record.status.text) { return false }
      if let priority, priority != .integer(record.priority) { return false }
      if let wanted = query.first("WorkflowSid"), !wanted.isEmpty, wanted != SIDKind.workflow.text(record.workflow) { return false }
      if let wanted = query.first("TaskQueueSid"), !wanted.isEmpty, wanted != SIDKind.taskQueue.text(record.queue) { return false }
      if let wanted = query.first("RoutingTarget"), !wanted.isEmpty, wanted != record.routingTarget { return false }
      if let wanted = query.first("HasAddons"), Parameters.isTrue(wanted) { return false }
      if let queueName {
        let bytes = try await self.get(workspace, [DocumentKey(kind: Kind.taskQueue, id: record.queue)])[0]
        guard let bytes, (try? TaskQueueRecord(decoding: bytes))?.friendlyName == queueName else { return false }
      }
      if let workflowName {
        let bytes = try await self.get(workspace, [DocumentKey(kind: Kind.workflow, id: record.workflow)])[0]
        guard let bytes, (try? WorkflowRecord(decoding: bytes))?.friendlyName == workflowName else { return false }
      }
      guard let attributes else { return true }
      let text = try await self.get(workspace, [DocumentKey(kind: Kind.taskAttributes, id: document.key.id)])[0]
      return attributes.evaluate(task: JSONDocument.read(text ?? []))
    }
  }

  // MARK: Workers and queues

  /// A worker as list filters see it.
  private struct WorkerView: WorkerFacts {
    let id: Identifier
    let record: WorkerRecord
    let attributes: JSONDocument
    let activityName: String
    let channels: [String: Identifier]
    var sid: String { SIDKind.worker.text(id) }
    var friendlyName: String { record.friendlyName }
    var activitySid: String { SIDKind.activity.text(record.activity) }
    func channel(_ uniqueName: String) -> ChannelFacts? {
      guard let channel = channels[uniqueName] else { return nil }
      let load = record.load(on: channel)
      return ChannelFacts(
        configuredCapacity: load.capacity, assignedTasks: load.accepted, availableCapacityPercentage: load.availablePercentage)
    }
  }

  private func view(_ id: Identifier, _ record: WorkerRecord, _ workspace: Identifier, _ channels: [String: Identifier])
    async throws(APIError)
    -> (WorkerView, Bool)
  {
    let found = try await get(
      workspace, [DocumentKey(kind: Kind.workerAttributes, id: id), DocumentKey(kind: Kind.activity, id: record.activity)])
    let activity = found[1].flatMap { try? ActivityRecord(decoding: $0) }
    return (
      WorkerView(
        id: id, record: record, attributes: JSONDocument.read(found[0] ?? []), activityName: activity?.friendlyName ?? "",
        channels: channels),
      activity?.isAvailable ?? false
    )
  }

  private func channelNames(_ workspace: Identifier) async throws(APIError) -> [String: Identifier] {
    var names: [String: Identifier] = [:]
    for document in try await allChannels(workspace) {
      if let record = try? TaskChannelRecord(decoding: document.bytes) { names[record.uniqueName] = document.key.id }
    }
    return names
  }

  private func listWorkers(_ workspace: Identifier, _ call: Call) async throws(APIError) -> Answer {
    let query = call.query
    var expressions: [Expression] = []
    if let expression = try expression("TargetWorkersExpression", query.first("TargetWorkersExpression"), .workerTarget) {
      expressions.append(expression)
    }
    for queue in try await queues(named: query, workspace) {
      guard let expression = try expression("TargetWorkers", queue.targetWorkers.isEmpty ? "1==0" : queue.targetWorkers, .workerTarget)
      else { continue }
      expressions.append(expression)
    }
    if query.first("TaskQueueSid")?.isEmpty == false || query.first("TaskQueueName")?.isEmpty == false, expressions.isEmpty {
      expressions.append(try Ingress.nobody())
    }
    let filters = expressions
    let channels = try await channelNames(workspace)
    let available = query.first("Available").flatMap { $0.isEmpty ? nil : Parameters.isTrue($0) }
    let activityName = query.first("ActivityName").flatMap { $0.isEmpty ? nil : $0 }
    let range = try ordered(Kind.worker, by: "DateStatusChanged", query)
    return try await list(key: "workers", workspace, call, range) { document async throws(APIError) -> Bool in
      guard let record = try? WorkerRecord(decoding: document.bytes) else { return false }
      if let name = query.first("FriendlyName"), !name.isEmpty, name != record.friendlyName { return false }
      if let sid = query.first("ActivitySid"), !sid.isEmpty, sid != SIDKind.activity.text(record.activity) { return false }
      guard available != nil || activityName != nil || !filters.isEmpty else { return true }
      let (view, isAvailable) = try await self.view(document.key.id, record, workspace, channels)
      if let available, available != isAvailable { return false }
      if let activityName, activityName != view.activityName { return false }
      return filters.allSatisfy { !$0.matchesNobody && $0.evaluate(task: nil, worker: view) }
    }
  }

  /// By creation, unless `Ordering` asks for the date of the last change, which goes by `field`.
  private func ordered(_ kind: UInt8, by field: String, _ query: Form) throws(APIError) -> DocumentRange {
    var range = DocumentRange(kind: kind, index: ListIndex.creation, limit: 0)
    guard let ordering = query.first("Ordering"), !ordering.isEmpty else { return range }
    guard ["\(field):asc", "\(field):desc"].contains(ordering) else {
      throw .invalid("Ordering must be \(field):asc or \(field):desc; received '\(Parameters.shown(ordering))'")
    }
    range.index = ListIndex.changed
    range.ascending = ordering.hasSuffix("asc")
    return range
  }

  private static func nobody() throws(APIError) -> Expression {
    do throws(ExpressionError) { return try Expression(parsing: "1==0", as: .workerTarget) } catch { throw .invalid("\(error)") }
  }

  private func queues(named query: Form, _ workspace: Identifier) async throws(APIError) -> [TaskQueueRecord] {
    if let sid = query.first("TaskQueueSid"), !sid.isEmpty {
      guard let id = SIDKind.taskQueue.parse(sid), let bytes = try await get(workspace, [DocumentKey(kind: Kind.taskQueue, id: id)])[0]
      else { return [] }
      return (try? TaskQueueRecord(decoding: bytes)).map { [$0] } ?? []
    }
    guard let name = query.first("TaskQueueName"), !name.isEmpty else { return [] }
    let range = DocumentRange(kind: Kind.taskQueue, index: ListIndex.creation, limit: 10_000)
    let found: [Document]
    do throws(HotStateFailure) { found = try await hot.list(workspace, range).documents } catch { throw Ingress.notNow(error) }
    return found.compactMap { try? TaskQueueRecord(decoding: $0.bytes) }.filter { $0.friendlyName == name }
  }

  private func listQueues(_ workspace: Identifier, _ call: Call) async throws(APIError) -> Answer {
    let query = call.query
    let range = try ordered(Kind.taskQueue, by: "DateUpdated", query)
    let candidate = try await candidate(query, workspace)
    return try await list(key: "task_queues", workspace, call, range) { document async throws(APIError) -> Bool in
      guard let record = try? TaskQueueRecord(decoding: document.bytes) else { return false }
      if let name = query.first("FriendlyName"), !name.isEmpty, name != record.friendlyName { return false }
      guard let candidate else { return true }
      guard let expression = try? Expression(parsing: record.targetWorkers, as: .workerTarget), !expression.matchesNobody else {
        return false
      }
      return expression.evaluate(task: nil, worker: candidate)
    }
  }

  /// The worker that `WorkerSid` or `EvaluateWorkerAttributes` names: a stored one, or one with just these attributes.
  private func candidate(_ query: Form, _ workspace: Identifier) async throws(APIError) -> WorkerView? {
    let channels = try await channelNames(workspace)
    if let sid = query.first("WorkerSid"), !sid.isEmpty {
      guard let id = SIDKind.worker.parse(sid), let bytes = try await get(workspace, [DocumentKey(kind: Kind.worker, id: id)])[0],
        let record = try? WorkerRecord(decoding: bytes)
      else { throw .invalid("WorkerSid '\(Parameters.shown(sid))' is no worker of this workspace") }
      return try await view(id, record, workspace, channels).0
    }
    guard let text = query.first("EvaluateWorkerAttributes"), !text.isEmpty else { return nil }
    let attributes = try Ingress.workerAttributes(text)
    return WorkerView(id: .none, record: WorkerRecord(), attributes: attributes, activityName: "", channels: channels)
  }

  /// A JSON object, or pairs that hold for it (taskrouter.md 14, 18).
  private static func workerAttributes(_ text: String) throws(APIError) -> JSONDocument {
    let rule = "EvaluateWorkerAttributes must be a JSON object of worker attributes, or equality pairs such as lang == 'de' AND level == 3"
    func refused(_ error: any Error) -> APIError { .invalid("\(rule); received '\(Parameters.shown(text))': \(error)") }
    if text.first(where: { !$0.isWhitespace }) == "{" {
      do throws(JSONError) { return try JSONDocument(parsing: Array(text.utf8)) } catch { throw refused(error) }
    }
    do throws(ExpressionError) { return JSONDocument.read(try EqualityPairs.json(text)) } catch { throw refused(error) }
  }
}

extension Substring {
  var trimmed: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
  private func drop(_ predicate: (Character) -> Bool) -> Substring { self.drop(while: predicate) }
}
