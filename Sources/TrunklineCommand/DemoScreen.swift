import DemoReplay
import Foundation
import Ports
import Report
import Synchronization
import Terminal
import Trunkline

/// One way out, unbuffered: bar and text keep their order, also in a pipe.
enum DemoScreen {
  static func write(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }
}

/// The progress bar with live counters.
final class DemoProgress: Sendable {
  private struct State {
    var bar: ProgressBar
    var lastLine: Int64 = 0
    var last: ReplayProgress?
  }
  private let state: Mutex<State>
  private let total: Int
  private let isTerminal: Bool

  init(total: Int) {
    self.total = total
    let now = SystemClock().monotonic()
    isTerminal = Terminal.isTerminal(.output, term: ProcessInfo.processInfo.environment["TERM"])
    state = Mutex(
      State(bar: ProgressBar(unit: "tasks done", isTerminal: isTerminal, width: Terminal.width(.output), now: now), lastLine: now))
  }

  func show(_ progress: ReplayProgress) {
    state.withLock { state in
      state.last = progress
      let now = SystemClock().monotonic()
      let text = state.bar.update(done: progress.finished + progress.gaveUp, total: total, now: now)
      guard !text.isEmpty else { return }
      write(text)
      // Every few seconds the counters stay on a line of their own; the bar goes on below it.
      guard !isTerminal || now - state.lastLine >= 5000 else { return }
      state.lastLine = now
      write(state.bar.interrupt() + DemoProgress.counters(progress) + "\n")
    }
  }

  func finish(_ log: ReplayLog) {
    state.withLock { state in
      write(state.bar.finish(done: log.finished + log.gaveUp, total: total, now: SystemClock().monotonic()))
      if let last = state.last { write(DemoProgress.counters(last) + "\n") }
    }
  }

  private static func counters(_ p: ReplayProgress) -> String {
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let day = p.second >= 86_400 ? "+1 day " : ""
    return
      "  \(day)\(two(p.second / 3600 % 24)):\(two(p.second / 60 % 60))  in \(HumanText.count(p.created))  assigned \(HumanText.count(p.assigned))"
      + "  finished \(HumanText.count(p.finished))" + (p.gaveUp > 0 ? "  gave up \(HumanText.count(p.gaveUp))" : "")
      + "  waiting \(HumanText.count(p.waiting))"
  }

  private func write(_ text: String) { DemoScreen.write(text) }
}

/// The table at the end.
enum DemoTable {
  static func text(_ outcome: Outcome, _ seconds: Double) -> String {
    let counts = outcome.counts
    let waits = Distribution(outcome.waits)
    var table = Table([(title: "Result", alignment: .left), (title: "", alignment: .right)])
    func row(_ name: String, _ value: String) { table.add([name, value]) }
    row("tasks in", HumanText.count(counts.tasksIn))
    row("assigned", HumanText.count(counts.assigned))
    row("finished", HumanText.count(counts.finished))
    row("given up by the caller", HumanText.count(counts.abandoned))
    if outcome.excused > 0 { row("waiting: nobody has the skill", HumanText.count(outcome.excused)) }
    row("lost", HumanText.count(counts.lost))
    row("assigned twice", HumanText.count(counts.doublyAssigned))
    row("waiting time p50, product time", wait(waits.percentile(50)))
    row("waiting time p95, product time", wait(waits.percentile(95)))
    row("waited although somebody was free", HumanText.count(outcome.verification.neglected.count))
    row("waited at all", HumanText.count(waits.values.count { $0 > 0 }))
    row("longest wait, product time", wait(waits.percentile(100)))
    row("create to reservation event p50, real", real(outcome.log.routing, 50))
    row("create to reservation event p95, real", real(outcome.log.routing, 95))
    row("throughput", "\(HumanText.decimal(counts.throughput)) tasks/s")
    row("requests", HumanText.count(counts.requests ?? 0))
    row("product time / real time", "\(wait(counts.productSeconds)) / \(wait(counts.realSeconds))")
    return table.render() + notes(outcome, seconds)
  }

  private static func wait(_ seconds: Double?) -> String {
    guard let seconds else { return "-" }
    return seconds == 0 ? "0s" : HumanText.duration(nanoseconds: Int64(seconds * 1e9))
  }

  private static func real(_ milliseconds: [Int64], _ percent: Double) -> String {
    wait(Distribution(milliseconds.map { Double($0) / 1000 }).percentile(percent))
  }

  /// What a reader must know to trust the table, and everything that went wrong.
  private static func notes(_ outcome: Outcome, _ seconds: Double) -> String {
    let (log, verification) = (outcome.log, outcome.verification)
    let took = Double(log.realMilliseconds) / 1000
    var lines = [
      "\nVerified from \(HumanText.count(verification.events)) events read again from the beginning, and from the list of tasks.",
      "Product time stood still while the server worked, so a wait is the wait for somebody to be free.",
    ]
    if seconds > 0, took < seconds * 1.1 {
      lines.append("The throughput is that of a day in \(Int(seconds)) s; --seconds 0 goes as fast as it can.")
    }
    if seconds > 0, took >= seconds * 1.1 {
      lines.append("NOTE: this machine needed \(wait(took)) for the day instead of \(Int(seconds)) s.")
    }
    if let cut = log.cutAt {
      lines.append(
        "NOTE: cut short at hour \(cut / 3_600_000): \(HumanText.count(log.unsent)) tasks were not sent, so that it ends in time.")
    }
    if log.worstLateness > 0 { lines.append("NOTE: the driver was late by up to \(log.worstLateness) ms of product time.") }
    if verification.gaps > 0 { lines.append("BAD: the event stream has \(verification.gaps) gaps or repeats.") }
    if verification.overCapacity > 0 { lines.append("BAD: \(verification.overCapacity) times a worker got more than it can hold.") }
    for (name, list) in [
      ("LOST", outcome.lost), ("NEGLECTED", verification.neglected.sorted()), ("BAD", verification.contradictions),
      ("REFUSED", log.refusals),
    ] {
      lines += list.prefix(10).map { "\(name): \($0)" }
      if list.count > 10 { lines.append("\(name): and \(list.count - 10) more") }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
