/// The workers of a step's queue, counted (taskrouter.md 5.6).
package struct WorkerCounts: Sendable, Hashable {
  package var available = 0
  package var unavailable = 0
  /// By the SID of the activity; one that is not there counts 0.
  package var byActivity: [String: Int] = [:]

  package init() {}
}

/// A condition on the counts of a queue's workers (taskrouter.md 5.6).
package struct SkipIf: Sendable {
  /// As it was written.
  package let text: String
  private let program: Program

  package init(parsing text: String) throws(ExpressionError) {
    self.text = text
    var parser = try Parser(text, .skipIf)
    program = try parser.program()
  }

  package func evaluate(_ counts: WorkerCounts) -> Bool { program.run(Counted(counts: counts)) }
}

private struct Counted: Surroundings {
  let counts: WorkerCounts

  func value(of name: Name) -> Value {
    switch name {
    case .available: .integer(Int64(counts.available))
    case .unavailable: .integer(Int64(counts.unavailable))
    case .activity(let sid): .integer(Int64(counts.byActivity[sid] ?? 0))
    case .task, .worker, .field, .channel: .null
    }
  }
}
