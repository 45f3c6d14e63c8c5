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
