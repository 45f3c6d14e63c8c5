/// What kind of thing a request is about: few values, so that they can be labels of metrics.
package enum RouteClass: String, Sendable, CaseIterable {
  case accounts, activities, bulk, events, other, probes, reservations, tasks, workers, workflows, workspaces
  case taskChannels = "task_channels"
  case taskQueues = "task_queues"
  case workerChannels = "worker_channels"

  /// By the path alone; whether there is such a thing does not matter. Cheap: it is done for every answer.
  package init(path: String) {
    let segments = path.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 6)
    func has(_ place: Int, _ name: StaticString) -> Bool {
      guard place < segments.count, segments[place].count == name.utf8CodeUnitCount else { return false }
      return segments[place].elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }
    guard has(0, "v1"), has(1, "Workspaces") else {
      if has(0, "2010-04-01") {
        self = .accounts
      } else {
        self = has(0, "health") || has(0, "ready") || has(0, "metrics") ? .probes : .other
      }
      return
    }
    let inside = segments.count > 5
    if segments.count < 4 {
      self = .workspaces
    } else if has(3, "Tasks") {
      self = has(4, "Bulk") ? .bulk : inside && has(5, "Reservations") ? .reservations : .tasks
    } else if has(3, "Workers") {
      self = !inside ? .workers : has(5, "Reservations") ? .reservations : .workerChannels
    } else if has(3, "TaskQueues") {
      self = .taskQueues
    } else if has(3, "Workflows") {
      self = .workflows
    } else if has(3, "Activities") {
      self = .activities
    } else if has(3, "TaskChannels") {
      self = .taskChannels
    } else {
      self = has(3, "Events") ? .events : .other
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
