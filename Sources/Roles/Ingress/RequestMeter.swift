/// What kind of thing a request is about: few values, so that they can be labels of metrics. Raw values are places in tables.
package enum RouteClass: Int, Sendable, CaseIterable {
  case tasks, reservations, workers, workerChannels, taskQueues, workflows, activities, taskChannels, workspaces, bulk, events, accounts,
    probes
  case other

  package var label: String {
    switch self {
    case .tasks: "tasks"
    case .reservations: "reservations"
    case .workers: "workers"
    case .workerChannels: "worker_channels"
    case .taskQueues: "task_queues"
    case .workflows: "workflows"
    case .activities: "activities"
    case .taskChannels: "task_channels"
    case .workspaces: "workspaces"
    case .bulk: "bulk"
    case .events: "events"
    case .accounts: "accounts"
    case .probes: "probes"
    case .other: "other"
    }
  }

  /// By the path alone; whether there is such a thing does not matter. Done for every answer, so without an allocation.
  package init(path: String) {
    var path = path
    self = path.withUTF8 { RouteClass(Segments($0)) }
  }

  private init(_ segments: Segments) {
    guard segments.has(0, "v1"), segments.has(1, "Workspaces") else {
      let isProbe = segments.has(0, "health") || segments.has(0, "ready") || segments.has(0, "metrics")
      self = segments.has(0, "2010-04-01") ? .accounts : isProbe ? .probes : .other
      return
    }
    let isInside = segments.count > 5
    if segments.count < 4 {
      self = .workspaces
    } else if segments.has(3, "Tasks") {
      self = segments.has(4, "Bulk") ? .bulk : isInside && segments.has(5, "Reservations") ? .reservations : .tasks
    } else if segments.has(3, "Workers") {
      self = !isInside ? .workers : segments.has(5, "Reservations") ? .reservations : .workerChannels
    } else if segments.has(3, "Events") {
      self = .events
    } else if segments.has(3, "TaskQueues") {
      self = .taskQueues
    } else if segments.has(3, "Workflows") {
      self = .workflows
    } else if segments.has(3, "Activities") {
      self = .activities
    } else {
      self = segments.has(3, "TaskChannels") ? .taskChannels : .other
    }
  }

  /// Where the first segments of a path lie.
  private struct Segments {
    private static let most = 7
    let bytes: UnsafeBufferPointer<UInt8>
    private(set) var count = 0
    private var starts = InlineArray<7, Int>(repeating: 0)
    private var ends = InlineArray<7, Int>(repeating: 0)

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
      self.bytes = bytes
      var at = 0
      while at < bytes.count, count < Segments.most {
        while at < bytes.count, bytes[at] == UInt8(ascii: "/") { at += 1 }
        guard at < bytes.count else { return }
        starts[count] = at
        while at < bytes.count, bytes[at] != UInt8(ascii: "/") { at += 1 }
        ends[count] = at
        count += 1
      }
    }

    func has(_ place: Int, _ name: StaticString) -> Bool {
      guard place < count, ends[place] - starts[place] == name.utf8CodeUnitCount else { return false }
      for index in 0..<name.utf8CodeUnitCount where bytes[starts[place] + index] != name.utf8Start[index] { return false }
      return true
    }
  }
}

/// Takes what the ingress does as it does it. Called on the loops of requests, so it must cost next to nothing.
package protocol RequestMeter: Sendable {
  /// Nanoseconds of a clock that only grows.
  func now() -> Int64
  /// `begun`: when the handler got the request; nil for what has no end worth measuring, a stream.
  func answered(_ route: RouteClass, method: String, status: Int, since begun: Int64?)
  /// A command was answered with less than a verdict: it may or may not be in the log.
  func failed(_ failure: CommandFailure)
  /// Lines of a bulk import that is over, as its answer counts them.
  func imported(accepted: Int, duplicates: Int, rejected: Int)
}

/// Measures nothing.
package struct NoRequestMeter: RequestMeter {
  package init() {}
  package func now() -> Int64 { 0 }
  package func answered(_ route: RouteClass, method: String, status: Int, since begun: Int64?) {}
  package func failed(_ failure: CommandFailure) {}
  package func imported(accepted: Int, duplicates: Int, rejected: Int) {}
}
