import Callouts
import EventLoops
import Foundation
import Ingress
import Observability
import PartitionRunner
import Ports
import Projection
import Synchronization

/// Rung from a signal or a test: time to stop. Rung again: at once.
package final class Stop: Sendable {
  private struct State {
    var rings = 0
    var waiters: [(rings: Int, continuation: CheckedContinuation<Void, Never>)] = []
  }
  private let state = Mutex(State())

  package init() {}

  package func ring() {
    let satisfied = state.withLock { state in
      state.rings += 1
      let count = state.waiters.partition { $0.rings <= state.rings }
      defer { state.waiters.removeSubrange(count...) }
      return state.waiters[count...]
    }
    for waiter in satisfied { waiter.continuation.resume() }
  }

  package func wait(rings: Int = 1) async {
    await withCheckedContinuation { continuation in
      let isRung = state.withLock { state in
        if state.rings < rings { state.waiters.append((rings, continuation)) }
        return state.rings >= rings
      }
      if isRung { continuation.resume() }
    }
  }
}

/// The parts of a node that are not ready, by name.
final class Readiness: Sendable {
  private let parts: Mutex<[String: String?]>

  /// Nothing is ready until it says so.
  init(parts: Set<String>) { self.parts = Mutex(Dictionary(uniqueKeysWithValues: parts.map { ($0, nil) })) }

  var missing: [MissingPart] {
    parts.withLock { parts in parts.sorted { $0.key < $1.key }.map { MissingPart(name: $0.key, reason: $0.value) } }
  }
  var isStopping: Bool { parts.withLock { $0["stopping"] != nil } }
  /// `reason`: in words for whoever looks after the node.
  func set(_ part: String, reason: String? = nil) { parts.withLock { _ = $0.updateValue(reason, forKey: part) } }
  func clear(_ part: String) { parts.withLock { _ = $0.removeValue(forKey: part) } }
  func set(_ part: String, isReady: Bool, reason: String? = nil) { if isReady { clear(part) } else { set(part, reason: reason) } }
}

final class Beats: Sendable {
  private let count = Atomic<Int>(0)
  func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}

/// Turns what runners and projectors notice into log lines and metrics: every failure has a place where it is seen.
struct RunnerWatch: Sendable {
  let logger: Logger
  private let reopened: Counter
  private let rejected: Counter
  private let failed: Counter

  init(logger: Logger, metrics: Metrics) {
    self.logger = logger
    reopened = metrics.counter("trunkline_partitions_reopened_total", help: "Times that a partition was opened again after a failure")
    rejected = metrics.counter(
      "trunkline_rejected_records_total",
      help: "Input records that were decided as rejected without being handled, timers removed and long commands given up")
    failed = metrics.counter("trunkline_projection_failures_total", help: "Transactions of projectors that failed and were begun again")
  }

  func take(_ notice: RunnerNotice, _ family: String, _ partition: Int) {
    let place = "\(family)/\(partition)"
    switch notice {
    case .opened(let epoch): logger.debug("partition opened", ["partition": place, "epoch": "\(epoch)"])
    case .ready(let documents, let scopes):
      logger.debug("partition ready", ["partition": place, "documents": "\(documents)", "scopes": "\(scopes)"])
    case .fenced(let offset):
      reopened.add(1)
      logger.warning("partition fenced", ["partition": place, "by": "\(offset)"])
    case .sessionLost(let why):
      reopened.add(1)
      logger.error("journal session lost", ["partition": place, "reason": why])
    case .refusedRecords(let count): logger.info("refused records in the journal", ["partition": place, "count": "\(count)"])
    case .rejected(let input, let offset, let reason):
      rejected.add(1)
      logger.error("input rejected", ["partition": place, "input": input, "offset": "\(offset)", "reason": reason])
    case .unreadable(let why): logger.error("partition stopped: unreadable record", ["partition": place, "reason": why])
    case .hotStateBehind(let scopes): logger.debug("hot state behind", ["partition": place, "scopes": "\(scopes)"])
    case .hotStateUnavailable(let why): logger.error("hot state unavailable", ["partition": place, "reason": why])
    case .inputOutOfRange(let why):
      reopened.add(1)
      logger.error("input out of range", ["partition": place, "reason": why])
    case .inputDisplaced(let why): logger.warning("input is not what it was", ["partition": place, "reason": why])
    case .decisionTooLarge(let bytes): logger.error("decision too large", ["partition": place, "bytes": "\(bytes)"])
    }
  }

  func take(_ notice: ProjectorNotice, _ family: String, _ partition: Int) {
    switch notice {
    case .caughtUp: return
    case .failed(let why):
      failed.add(1)
      logger.error("projection failed", ["partition": "\(family)/\(partition)", "reason": why])
    case .unreadable(let why):
      logger.error("projection stopped: unreadable record", ["partition": "\(family)/\(partition)", "reason": why])
    }
  }
}

struct CalloutOutcomes: Sendable {
  private let counters: [String: Counter]

  /// Every outcome that there is stands in the metrics from the start, so that the first of a kind is seen as a step.
  init(metrics: Metrics) {
    var counters: [String: Counter] = [:]
    let outcomes = [
      "assignment": ["answered", "carried out", "failed", "lost", "misunderstood", "outdated", "overloaded", "refused"],
      "event": ["delivered", "failed", "overloaded", "refused"],
    ]
    for (kind, names) in outcomes {
      for outcome in names {
        counters["\(kind) \(outcome)"] = metrics.counter(
          "trunkline_callouts_total", help: "Callouts to customers' servers, by kind and outcome",
          labels: ["kind": kind, "outcome": outcome])
      }
    }
    self.counters = counters
  }

  func count(_ kind: String, _ outcome: String) { counters["\(kind) \(outcome)"]?.add(1) }
}

extension EventLoop {
  /// Runs `work` on the loop again and again until it is cancelled.
  func every(milliseconds: Int64, _ work: @escaping @Sendable () -> Void) -> any Cancellable {
    let repeated = Repetition()
    @Sendable func next() {
      guard !repeated.isCancelled else { return }
      work()
      repeated.set(schedule(afterMilliseconds: milliseconds) { next() })
    }
    repeated.set(schedule(afterMilliseconds: milliseconds) { next() })
    return repeated
  }
}

private final class Repetition: Cancellable {
  private struct State {
    var timer: (any Cancellable)?
    var isCancelled = false
  }
  private let state = Mutex(State())
  var isCancelled: Bool { state.withLock { $0.isCancelled } }
  func set(_ timer: any Cancellable) { state.withLock { $0.timer = timer } }
  func cancel() {
    let timer = state.withLock { state in
      state.isCancelled = true
      return state.timer
    }
    timer?.cancel()
  }
}
