import JSON

/// Where an expression stands, which decides what its names mean (taskrouter.md 6.1).
package enum ExpressionContext: Sendable, Hashable {
  /// `TargetWorkers` of a queue and of lists of workers: a bare name is the worker's; `worker.` is accepted. An empty text is an expression too: nobody.
  case workerTarget
  /// The `expression` of a filter and of lists of tasks: a bare name is the task's; `task.` is accepted.
  case taskFilter
  /// The `expression` of a target: each name begins with `task.` or `worker.`.
  case target
}

/// The same with the two that have types of their own.
enum Scope: Sendable {
  case workerTarget, taskFilter, target, skipIf, orderBy

  init(_ context: ExpressionContext) {
    switch context {
    case .workerTarget: self = .workerTarget
    case .taskFilter: self = .taskFilter
    case .target: self = .target
    }
  }

  /// What may stand where a name does.
  var wantedName: String {
    switch self {
    case .workerTarget: "an attribute of the worker"
    case .taskFilter: "an attribute of the task"
    case .target: "a name that begins with `task.` or `worker.`"
    case .skipIf: "`workers.available`, `workers.unavailable` or `workers.` and the SID of an activity"
    case .orderBy: "a name that begins with `worker.`"
    }
  }
}

enum NameStep {
  case name(String)
  case index(Int)
}

extension Scope {
  /// What a path means here; nil when it means nothing.
  func resolve(_ path: [NameStep]) -> Name? {
    guard case .name(let first)? = path.first else { return nil }
    let rest = path.dropFirst()
    let startsName = if case .name? = rest.first { true } else { false }
    switch self {
    case .workerTarget: return Self.worker(first == "worker" && startsName ? rest : path[...])
    case .taskFilter: return .task(Self.path(first == "task" && startsName ? rest : path[...]))
    case .target:
      guard startsName else { return nil }
      return first == "task" ? .task(Self.path(rest)) : first == "worker" ? Self.worker(rest) : nil
    case .skipIf: return first == "workers" ? Self.count(rest) : nil
    case .orderBy: return first == "worker" && startsName ? Self.worker(rest) : nil
    }
  }

  private static func path(_ steps: ArraySlice<NameStep>) -> JSONPath {
    JSONPath(
      steps.map { step in
        switch step {
        case .name(let name): .key(JSONKey(name))
        case .index(let index): .index(index)
        }
      })
  }

  /// Built-in variables win over attributes of the same name (taskrouter.md 6.6).
  private static func worker(_ steps: ArraySlice<NameStep>) -> Name {
    var names: [String] = []
    for case .name(let name) in steps { names.append(name) }
    if names.count == steps.count {
      if names.count == 1, let field = WorkerField(rawValue: names[0]) { return .field(field) }
      if names.count == 3, names[0] == "channel", let variable = ChannelVariable(rawValue: names[2]) { return .channel(names[1], variable) }
    }
    return .worker(path(steps))
  }

  private static func count(_ steps: ArraySlice<NameStep>) -> Name? {
    guard steps.count == 1, case .name(let name)? = steps.first else { return nil }
    switch name {
    case "available": return .available
    case "unavailable": return .unavailable
    default:
      let isSid = name.utf8.count == 34 && name.hasPrefix("WA") && name.dropFirst(2).allSatisfy { $0.isASCII && $0.isHexDigit }
      return isSid ? .activity(name) : nil
    }
  }
}
