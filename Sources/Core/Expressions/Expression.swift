package import JSON

/// What an expression can ask about one channel of a worker (taskrouter.md 6.6).
package struct ChannelFacts: Sendable, Hashable {
  package var configuredCapacity: Int
  /// Reservations that are accepted, and those only.
  package var assignedTasks: Int
  /// 0...100, rounded down.
  package var availableCapacityPercentage: Int

  package init(configuredCapacity: Int, assignedTasks: Int, availableCapacityPercentage: Int) {
    self.configuredCapacity = configuredCapacity
    self.assignedTasks = assignedTasks
    self.availableCapacityPercentage = availableCapacityPercentage
  }
}

/// What an expression can ask about a worker. Each is asked for only when the expression reads it.
package protocol WorkerFacts {
  var attributes: JSONDocument { get }
  var sid: String { get }
  var friendlyName: String { get }
  var activitySid: String { get }
  var activityName: String { get }
  /// Nil for a channel that does not exist; its variables are NULL then.
  func channel(_ uniqueName: String) -> ChannelFacts?
}

/// A condition on a task, a worker or both, compiled (taskrouter.md 6). Evaluating it never fails, does not recurse, and allocates only for fields of the worker.
package struct Expression: Sendable {
  /// As it was written.
  package let text: String
  /// The text is empty: nobody matches.
  package let matchesNobody: Bool
  /// It reads nothing and holds, such as `1==1`.
  package let isConstantTrue: Bool
  /// Its result can change with the worker's activity.
  package let readsWorkerActivity: Bool
  /// Its result can change with the worker's capacities and load.
  package let readsWorkerChannels: Bool
  private let readsWorkerAttributes: Bool
  private let program: Program
  /// The task paths that it reads, each once, in a fixed order.
  private let taskPaths: [JSONPath]

  /// - Throws: what the language wants where; also for more than 64 KiB or 100 levels.
  package init(parsing text: String, as context: ExpressionContext) throws(ExpressionError) {
    self.text = text
    var parser = try Parser(text, Scope(context))
    matchesNobody = context == .workerTarget && parser.isAtEnd
    program = matchesNobody ? Program() : try parser.program()
    isConstantTrue = program.names.isEmpty && program.run(TaskFacts(task: nil))
    readsWorkerActivity = program.names.contains { $0 == .field(.activitySid) || $0 == .field(.activityName) }
    readsWorkerChannels = program.names.contains { if case .channel = $0 { true } else { false } }
    readsWorkerAttributes = program.names.contains { if case .worker = $0 { true } else { false } }
    taskPaths = program.names.compactMap { if case .task(let path) = $0 { path } else { nil } }
  }

  /// Whether it holds; whatever it reads of a worker is NULL.
  package func evaluate(task: JSONDocument?) -> Bool { program.run(TaskFacts(task: task)) }

  /// Whether it holds. Attributes of an absent task are NULL.
  package func evaluate(task: JSONDocument?, worker: some WorkerFacts) -> Bool {
    program.run(Facts(task: task, worker: worker, attributes: readsWorkerAttributes ? worker.attributes : nil))
  }
}

extension Expression: Hashable {
  package static func == (a: Expression, b: Expression) -> Bool { a.text == b.text && a.taskPaths == b.taskPaths }
  package func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

/// A task alone: whatever is a worker's is NULL.
private struct TaskFacts: Surroundings {
  let task: JSONDocument?

  func value(of name: Name) -> Value {
    guard case .task(let path) = name else { return .null }
    return task?[path].map(Value.init) ?? .null
  }
}

/// The task and the worker that an expression is evaluated for.
private struct Facts<Worker: WorkerFacts>: Surroundings {
  let task: JSONDocument?
  let worker: Worker
  /// Asked for once an evaluation, and only when it is read.
  let attributes: JSONDocument?

  func value(of name: Name) -> Value {
    switch name {
    case .task(let path): return task?[path].map(Value.init) ?? .null
    case .worker(let path): return attributes?[path].map(Value.init) ?? .null
    case .field(.sid): return .string(worker.sid)
    case .field(.friendlyName): return .string(worker.friendlyName)
    case .field(.activitySid): return .string(worker.activitySid)
    case .field(.activityName): return .string(worker.activityName)
    case .channel(let channel, let variable):
      guard let facts = worker.channel(channel) else { return .null }
      switch variable {
      case .configuredCapacity: return .integer(Int64(facts.configuredCapacity))
      case .assignedTasks: return .integer(Int64(facts.assignedTasks))
      case .availableCapacityPercentage: return .integer(Int64(facts.availableCapacityPercentage))
      }
    case .available, .unavailable, .activity: return .null
    }
  }
}

// MARK: Classes of tasks

extension Expression {
  /// What it reads of a task, in canonical bytes: two tasks with the same bytes get the same answer for every worker. A missing value is NULL, `1.0` is `1`,
  /// an array is the set of its scalars (nothing in the language sees more of it), and objects are all alike.
  package func taskClass(of attributes: JSONDocument) -> [UInt8] {
    var bytes: [UInt8] = []
    for path in taskPaths {
      guard let value = attributes[path] else {
        bytes.append(Tag.null)
        continue
      }
      guard value.kind == .array else {
        Self.append(value, to: &bytes)
        continue
      }
      bytes.append(Tag.array)
      for element in Self.canonicalElements(value) { bytes += element }
      bytes.append(Tag.end)
    }
    return bytes
  }

  private enum Tag {
    static let null: UInt8 = 0
    static let no: UInt8 = 1
    static let yes: UInt8 = 2
    static let integer: UInt8 = 3
    static let double: UInt8 = 4
    static let text: UInt8 = 5
    static let array: UInt8 = 6
    static let object: UInt8 = 7
    static let end: UInt8 = 8
  }

  /// NULL, arrays and objects are members of nothing.
  private static func canonicalElements(_ array: JSONValue) -> [[UInt8]] {
    var elements: Set<[UInt8]> = []
    for element in array.elements where element.kind != .null && element.kind != .array && element.kind != .object {
      var bytes: [UInt8] = []
      append(element, to: &bytes)
      elements.insert(bytes)
    }
    return elements.sorted { $0.lexicographicallyPrecedes($1) }
  }

  private static func append(_ value: JSONValue, to bytes: inout [UInt8]) {
    switch Value(value) {
    case .bool(let value): bytes.append(value ? Tag.yes : Tag.no)
    case .integer(let value): append(whole: UInt64(bitPattern: value), isNegative: value < 0, to: &bytes)
    case .unsigned(let value): append(whole: value, isNegative: false, to: &bytes)
    case .double(let value):
      if let whole = Int64(exactly: value) {
        append(whole: UInt64(bitPattern: whole), isNegative: whole < 0, to: &bytes)
      } else if let whole = UInt64(exactly: value) {
        append(whole: whole, isNegative: false, to: &bytes)
      } else {
        bytes.append(Tag.double)
        append(value.bitPattern, to: &bytes)
      }
    case .text(let text):
      bytes.append(Tag.text)
      append(UInt64(text.count), to: &bytes)
      text.append(to: &bytes)
    case .object: bytes.append(Tag.object)
    case .null, .string, .array, .list: bytes.append(Tag.null)
    }
  }

  private static func append(whole: UInt64, isNegative: Bool, to bytes: inout [UInt8]) {
    bytes.append(Tag.integer)
    bytes.append(isNegative ? 1 : 0)
    append(whole, to: &bytes)
  }

  private static func append(_ word: UInt64, to bytes: inout [UInt8]) {
    for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift))) }
  }
}
