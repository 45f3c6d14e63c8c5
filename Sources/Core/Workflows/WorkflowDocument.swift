package import Expressions
package import JSON

/// The configuration of a workflow, checked and compiled (taskrouter.md 5.1).
package struct WorkflowDocument: Sendable {
  package let filters: [WorkflowFilter]
  package let defaultFilter: WorkflowTarget?
  /// The queues that it names, each once, in the order of the text. Whether they exist is for the caller to find out.
  package let queueSids: [String]

  /// Bytes of the text.
  package static let sizeLimit = 1_038_576

  /// - Throws: the first thing that is wrong, with its place; inside an expression also the position and what the language wants there.
  package init(parsing text: [UInt8]) throws(WorkflowError) {
    guard text.count <= Self.sizeLimit else {
      throw WorkflowError(place: "", reason: "the configuration must not be larger than \(Self.sizeLimit) bytes; received \(text.count)")
    }
    let document: JSONDocument
    do throws(JSONError) { document = try JSONDocument(parsing: text) } catch {
      throw WorkflowError(place: "", reason: "not valid JSON: \(error)")
    }
    let root = try Reader.root(document).required("task_routing")
    guard root.value.kind == .object else { throw root.error("must be an object") }
    var filters: [WorkflowFilter] = []
    if let list = root.optional("filters") {
      for filter in try list.elements() { filters.append(try WorkflowFilter(filter)) }
    }
    defaultFilter = if let target = root.optional("default_filter") { try WorkflowTarget(defaultFilter: target) } else { nil }
    guard !filters.isEmpty || defaultFilter != nil else { throw root.error("needs at least one filter or a default_filter") }
    self.filters = filters
    var seen: Set<String> = []
    let named = filters.flatMap { $0.targets.map(\.queue) } + (defaultFilter.map { [$0.queue] } ?? [])
    queueSids = named.filter { seen.insert($0).inserted }
  }
}

/// Tasks of one kind and the steps that they go through.
package struct WorkflowFilter: Sendable {
  /// `filter_friendly_name`, or `friendly_name` where that is absent.
  package let name: String?
  package let expression: Expression
  /// At least one.
  package let targets: [WorkflowTarget]

  init(_ filter: Reader) throws(WorkflowError) {
    guard filter.value.kind == .object else { throw filter.error("must be an object") }
    let alias = try filter.string("friendly_name")
    name = try filter.string("filter_friendly_name") ?? alias
    expression = try filter.required("expression").expression(.taskFilter)
    let list = try filter.required("targets")
    var targets: [WorkflowTarget] = []
    for target in try list.elements() { targets.append(try WorkflowTarget(target, inheritedQueue: targets.last?.queue)) }
    guard !targets.isEmpty else { throw list.error("must not be empty") }
    self.targets = targets
  }
}

/// One step: the queue in which a task waits, for whom, and how long.
package struct WorkflowTarget: Sendable {
  /// Its own or that of the target before it.
  package let queue: String
  package let expression: Expression?
  /// 0...2147483647. Overwrites the task's.
  package let priority: Int?
  /// Seconds, 1...2147483647.
  package let timeout: Int?
  package let orderBy: OrderBy?
  package let skipIf: SkipIf?
  package let knownWorker: KnownWorker?

  init(
    _ target: Reader, inheritedQueue: String?, missingQueue: String = "is required on the first target of a filter"
  ) throws(WorkflowError) {
    guard target.value.kind == .object else { throw target.error("must be an object") }
    guard let queue = try target.string("queue") ?? inheritedQueue else {
      throw target.at("queue").error(missingQueue)
    }
    guard !queue.isEmpty else { throw target.at("queue").error("must be the SID of a task queue; received an empty string") }
    self.queue = queue
    expression = if let value = target.optional("expression") { try value.expression(.target) } else { nil }
    priority = try target.integer("priority", in: 0...2_147_483_647)
    timeout = try target.integer("timeout", in: 1...2_147_483_647)
    orderBy = if let value = target.optional("order_by") { try value.orderBy() } else { nil }
    skipIf = if let value = target.optional("skip_if") { try value.skipIf() } else { nil }
    knownWorker = try KnownWorker(target)
  }

  init(defaultFilter target: Reader) throws(WorkflowError) {
    try self.init(target, inheritedQueue: nil, missingQueue: "is required")
    guard timeout == nil else {
      throw target.at("timeout").error("is not allowed: a task in the default filter waits until its own timeout")
    }
  }
}

/// Where in a task's attributes the one worker stands who shall have it (taskrouter.md 5.7).
package struct KnownWorker: Sendable, Hashable {
  package enum Kind: Sendable, Hashable { case sid, friendlyName }

  package let kind: Kind
  /// As it was written, `task.agent_sid`.
  package let text: String
  private let path: JSONPath

  init?(_ target: Reader) throws(WorkflowError) {
    let sid = target.optional("known_worker_sid")
    let name = target.optional("known_worker_friendly_name")
    if let name, sid != nil { throw name.error("must not stand beside known_worker_sid") }
    guard let given = sid ?? name else { return nil }
    let text = try given.string()
    let prefix = "task."
    guard text.hasPrefix(prefix), let path = JSONPath(String(text.dropFirst(prefix.count))) else {
      throw given.error("must be a path into the task's attributes such as task.agent_sid; received \"\(text)\"")
    }
    kind = sid != nil ? .sid : .friendlyName
    self.text = text
    self.path = path
  }

  /// The worker's SID or name that a task has; nil when it has none or an empty one.
  package func resolve(in attributes: JSONDocument) -> String? {
    guard let name = attributes[path]?.string, !name.isEmpty else { return nil }
    return name
  }
}
