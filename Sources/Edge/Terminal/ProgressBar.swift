/// The progress of a long piece of work: `[=====>    ]  52.0%  520/1,000 rows  1.2k/s  ETA 4s`.
///
/// On a terminal one line is drawn again in place, at most ten times a second; elsewhere (a file, a CI log) a plain line is written each
/// `everyPercent`. A pure value: it is told the time and returns what to write, so it belongs to one thread.
package struct ProgressBar: Sendable {
  private let unit: String
  private let isTerminal: Bool
  private let width: Int
  private let everyPercent: Int
  private let start: Int64
  private var drawn: Int64?
  private var nextPercent: Int
  private var lastLength = 0
  private var isFinished = false

  /// - Parameters:
  ///   - unit: what is counted, in the plural.
  ///   - width: columns of the terminal.
  ///   - now: milliseconds of a clock that only grows.
  package init(unit: String, isTerminal: Bool, width: Int = 80, everyPercent: Int = 10, now: Int64) {
    self.unit = unit
    self.isTerminal = isTerminal
    self.width = max(20, width)
    self.everyPercent = min(100, max(1, everyPercent))
    start = now
    nextPercent = self.everyPercent
  }

  /// What to write now; empty when nothing is due. An unknown total is 0.
  package mutating func update(done: Int, total: Int, now: Int64) -> String {
    guard !isFinished else { return "" }
    if isTerminal {
      if let drawn, now - drawn < 100 { return "" }
      drawn = now
      return redraw(bar(done, total, now))
    }
    let percent = total > 0 ? Int(min(100, Double(max(0, done)) / Double(total) * 100)) : 0
    guard percent >= nextPercent, percent < 100 else { return "" }
    nextPercent = (percent / everyPercent + 1) * everyPercent
    return facts(done, total, now) + "\n"
  }

  /// The last line, with its newline; later calls return nothing.
  package mutating func finish(done: Int, total: Int, now: Int64) -> String {
    guard !isFinished else { return "" }
    isFinished = true
    let took = "  in " + HumanText.duration(nanoseconds: max(0, now - start) * 1_000_000)
    let line = facts(done, total, now, eta: false) + took
    return (isTerminal ? redraw(line) : line) + "\n"
  }

  /// A line that a message may be written over; on a terminal it wipes the bar, to be drawn again at the next update.
  package mutating func interrupt() -> String {
    guard isTerminal, drawn != nil, !isFinished else { return "" }
    drawn = nil
    lastLength = 0
    return "\r\u{1B}[K"
  }

  private mutating func redraw(_ line: String) -> String {
    let cut = String(line.prefix(width - 1))
    let rest = String(repeating: " ", count: max(0, lastLength - cut.count))
    lastLength = cut.count
    return "\r" + cut + rest
  }

  private func bar(_ done: Int, _ total: Int, _ now: Int64) -> String {
    let facts = facts(done, total, now)
    let room = min(40, width - facts.count - 5)
    guard total > 0, room >= 5 else { return facts }
    let filled = Int(Double(room) * min(1, max(0, Double(done) / Double(total))))
    let head = filled < room ? ">" : ""
    return "[" + String(repeating: "=", count: filled) + head + String(repeating: " ", count: room - filled - head.count) + "]  " + facts
  }

  private func facts(_ done: Int, _ total: Int, _ now: Int64, eta: Bool = true) -> String {
    let seconds = Double(max(0, now - start)) / 1000
    let rate = seconds > 0 ? Double(done) / seconds : 0
    var text = ""
    if total > 0 { text += HumanText.percent(min(1, Double(done) / Double(total))) + "  " }
    text +=
      HumanText.count(done) + (total > 0 ? "/" + HumanText.count(total) : "") + " " + unit + "  " + HumanText.short(rate.rounded()) + "/s"
    if eta, total > done, rate > 0 {
      text += "  ETA " + HumanText.duration(nanoseconds: Int64(min(1e9, (Double(total - done) / rate).rounded(.up))) * 1_000_000_000)
    }
    return text
  }
}
