import Ingress
import Observability
import PartitionRunner
import Projection
import Synchronization

/// What a node counts of its partitions and requests (docs/metrics.md). Hot code gets instruments that it keeps: atomic additions, no lock and no look-up.
struct Figures: Sendable {
  let requests: RequestFigures
  /// By family.
  let meters: [String: OwnerMeter]
  let owners: OwnerBoard
  let projectors: ProjectorBoard

  init(metrics: Metrics, now: @escaping @Sendable () -> Int64) {
    requests = RequestFigures(metrics: metrics)
    meters = Dictionary(uniqueKeysWithValues: ["work", "account"].map { ($0, OwnerMeter(metrics: metrics, family: $0)) })
    owners = OwnerBoard(metrics: metrics)
    projectors = ProjectorBoard(metrics: metrics, now: now)
  }
}

/// Requests by what they are about, as the ingress tells.
struct RequestFigures: RequestMeter {
  private static let methods = ["GET", "POST", "DELETE", "other"]
  private static let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"]
  private static let failures = ["too_many", "no_answer", "not_sent", "too_large"]

  private let answers: [Counter]
  private let durations: [Histogram]
  private let failures: [Counter]
  private let throttled: Counter
  private let lines: [Counter]
  private let imports: Counter

  init(metrics: Metrics) {
    var answers: [Counter] = []
    var durations: [Histogram] = []
    for route in RouteClass.allCases {
      for method in Self.methods {
        durations.append(
          metrics.histogram(
            "trunkline_http_request_duration_seconds", help: "Time from a request's head to its answer, streams of events excluded",
            labels: ["route": route.label, "method": method], hidesUnused: true))
        for status in Self.classes {
          answers.append(
            metrics.counter(
              "trunkline_http_requests_total", help: "HTTP requests answered by the API, by what they are about and class of status",
              labels: ["route": route.label, "method": method, "status": status], hidesUnused: true))
        }
      }
    }
    self.answers = answers
    self.durations = durations
    failures = Self.failures.map {
      metrics.counter("trunkline_command_failures_total", help: "Commands that got no verdict, by reason", labels: ["reason": $0])
    }
    throttled = metrics.counter("trunkline_http_throttled_total", help: "Requests answered 429")
    lines = ["accepted", "duplicate", "rejected"].map {
      metrics.counter("trunkline_import_lines_total", help: "Lines of finished bulk imports, by outcome", labels: ["outcome": $0])
    }
    imports = metrics.counter("trunkline_imports_total", help: "Bulk imports read to their end")
  }

  func now() -> Int64 { ProcessFigures.nanoseconds() }

  func answered(_ route: RouteClass, method: String, status: Int, since begun: Int64?) {
    let method = method == "HEAD" ? 0 : Self.methods.firstIndex(of: method) ?? Self.methods.count - 1
    let place = route.rawValue * Self.methods.count + method
    answers[place * Self.classes.count + min(max(status / 100 - 1, 0), 4)].add(1)
    if status == 429 { throttled.add(1) }
    if let begun { durations[place].observe(now() - begun) }
  }

  func failed(_ failure: CommandFailure) {
    switch failure {
    case .tooMany: failures[0].add(1)
    case .noAnswer: failures[1].add(1)
    case .notSent: failures[2].add(1)
    case .tooLarge: failures[3].add(1)
    }
  }

  func imported(accepted: Int, duplicates: Int, rejected: Int) {
    imports.add(1)
    for (counter, count) in zip(lines, [accepted, duplicates, rejected]) { counter.add(Int64(count)) }
  }
}

/// What the owners of one family's partitions do.
struct OwnerMeter: RunnerMeter {
  private let decisions: Counter
  private let commands: Counter
  private let timers: Counter
  private let bytes: Counter
  private let batch: Histogram
  private let append: Histogram
  private let apply: Histogram

  init(metrics: Metrics, family: String) {
    let labels: KeyValuePairs = ["family": family]
    decisions = metrics.counter("trunkline_decisions_total", help: "Decisions appended to journals", labels: labels)
    commands = metrics.counter("trunkline_commands_decided_total", help: "Commands that were decided", labels: labels)
    timers = metrics.counter("trunkline_timers_fired_total", help: "Timers that were fired", labels: labels)
    bytes = metrics.counter("trunkline_journal_bytes_total", help: "Bytes of the decisions appended to journals", labels: labels)
    batch = metrics.histogram(
      "trunkline_decision_commands", help: "Commands in one decision", labels: labels, unit: .plain,
      bounds: [0, 1, 2, 4, 8, 16, 32, 64, 128, 256])
    append = metrics.histogram(
      "trunkline_journal_append_duration_seconds", help: "Time from handing a decision to the journal until it is durable there",
      labels: labels)
    apply = metrics.histogram(
      "trunkline_hot_state_apply_duration_seconds", help: "Time that hot state takes to apply a decision", labels: labels)
  }

  func now() -> Int64 { ProcessFigures.nanoseconds() }

  func decided(commands: Int, timers: Int, bytes: Int) {
    decisions.add(1)
    self.commands.add(Int64(commands))
    self.timers.add(Int64(timers))
    self.bytes.add(Int64(bytes))
    batch.observe(Int64(commands))
  }

  func journaled(since begun: Int64) { append.observe(now() - begun) }
  func applied(since begun: Int64) { apply.observe(now() - begun) }
}

/// Adds up what several queues tell, and sets the gauge when all have.
final class Sum: Sendable {
  private let state: Mutex<(left: Int, total: Int)>
  private let gauge: Gauge

  init(count: Int, into gauge: Gauge) {
    state = Mutex((count, 0))
    self.gauge = gauge
  }

  func add(_ count: Int) {
    let total: Int? = state.withLock { state in
      state.left -= 1
      state.total += count
      return state.left == 0 ? state.total : nil
    }
    if let total { gauge.set(Int64(total)) }
  }
}
