import Expressions
import JSON
import Workflows

/// The expression language. The text comes first, behind a zero byte the attributes of a task and a worker.
enum ExpressionInput {
  static func run(_ input: [UInt8]) throws {
    let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
    let text = String(decoding: parts.first ?? [], as: UTF8.self)
    let attributes = JSONDocument.read(parts.count > 1 ? Array(parts[1]) : Array(#"{"a":[1,"x",2.5],"b":{"c":null}}"#.utf8))
    for context in [ExpressionContext.taskFilter, .target, .workerTarget] {
      guard let expression = try? Expression(parsing: text, as: context) else { continue }
      let task = expression.evaluate(task: attributes)
      let pair = expression.evaluate(task: attributes, worker: Worker(attributes: attributes))
      try same(expression.evaluate(task: attributes), task, "evaluated twice")
      try same(expression.evaluate(task: attributes, worker: Worker(attributes: attributes)), pair, "evaluated twice with a worker")
      try same(expression.taskClass(of: attributes), expression.taskClass(of: attributes), "its class of tasks")
    }
    if let json = try? EqualityPairs.json(text) { _ = try JSONDocument(parsing: json) }
    if let order = try? OrderBy(parsing: text) { _ = order.key(of: attributes) < order.key(of: JSONDocument()) }
    if let skip = try? SkipIf(parsing: text) { _ = skip.evaluate(WorkerCounts()) }
  }

  private struct Worker: WorkerFacts {
    let attributes: JSONDocument
    var sid: String { "WK00000000000000000000000000000001" }
    var friendlyName: String { "alice" }
    var activitySid: String { "WA00000000000000000000000000000001" }
    var activityName: String { "Available" }

    func channel(_ uniqueName: String) -> ChannelFacts? {
      uniqueName == "default" ? ChannelFacts(configuredCapacity: 3, assignedTasks: 1, availableCapacityPercentage: 66) : nil
    }
  }
}

/// Configurations of workflows.
enum WorkflowInput {
  static func run(_ input: [UInt8]) throws {
    guard let document = try? WorkflowDocument(parsing: input) else { return }
    let attributes = JSONDocument.read(Array(#"{"a":[1,"x"],"agent":"alice"}"#.utf8))
    for filter in document.filters {
      guard !filter.targets.isEmpty else { throw Finding("a filter without a target") }
      _ = filter.expression.evaluate(task: attributes)
      for target in filter.targets { _ = target.knownWorker?.resolve(in: attributes) }
    }
    guard Set(document.queueSids).count == document.queueSids.count else { throw Finding("a queue twice in \(document.queueSids)") }
  }
}
