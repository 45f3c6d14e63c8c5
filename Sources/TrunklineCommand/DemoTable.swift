import DemoReplay
import Report
import Terminal

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
    let time = outcome.clock == nil ? "product time" : "time of the day"
    row("waiting time p50, \(time)", wait(waits.percentile(50)))
    row("waiting time p95, \(time)", wait(waits.percentile(95)))
    row("waited although somebody was free", HumanText.count(outcome.verification.neglected.count))
    row("waited at all", HumanText.count(waits.values.count { $0 > 0 }))
    row("longest wait, \(time)", wait(waits.percentile(100)))
    row("create to reservation event p50, real", real(outcome.log.routing, 50))
    row("create to reservation event p95, real", real(outcome.log.routing, 95))
    row("throughput", "\(HumanText.decimal(counts.throughput)) tasks/s")
    row("requests", HumanText.count(counts.requests ?? 0))
    row("\(time) / real time", "\(wait(counts.productSeconds)) / \(wait(counts.realSeconds))")
    return table.render() + notes(outcome, seconds)
  }

  /// What a reader must know of a day that nobody moves, before it begins.
  static func pace(_ clock: DayClock) -> String {
    "Time there is real and cannot be moved: the day goes by \(speed(clock)) times as fast, one minute of it in \(clock.real(60_000)) ms.\n\n"
  }

  private static func speed(_ clock: DayClock) -> String { HumanText.count(Int(clock.speed.rounded())) }

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
      "\nVerified from \(HumanText.count(verification.events)) events read again from the beginning, and from the list of tasks."
    ]
    if let clock = outcome.clock {
      lines.append(
        "Time was real, so a wait has the milliseconds of server and driver in it, \(speed(clock)) times as long: a deed was done up to "
          + "\(clock.real(log.worstLateness)) ms late, \(wait(Double(log.worstLateness) / 1000)) of the day.")
    } else {
      lines.append("Product time stood still while the server worked, so a wait is the wait for somebody to be free.")
    }
    if seconds > 0, took < seconds * 1.1 {
      let faster = outcome.clock == nil ? "; --seconds 0 goes as fast as it can" : ""
      lines.append("The throughput is that of a day in \(Int(seconds)) s\(faster).")
    }
    if verification.purged > 0 {
      lines.append(
        "\(HumanText.count(verification.purged)) finished tasks were purged by the server before the check; their events tell of them.")
    }
    if seconds > 0, took >= seconds * 1.1 {
      lines.append("NOTE: this machine needed \(wait(took)) for the day instead of \(Int(seconds)) s.")
    }
    if let cut = log.cutAt {
      lines.append(
        "NOTE: cut short at hour \(cut / 3_600_000): \(HumanText.count(log.unsent)) tasks were not sent, so that it ends in time.")
    }
    if outcome.clock == nil, log.worstLateness > 0 {
      lines.append("NOTE: the driver was late by up to \(log.worstLateness) ms of product time.")
    }
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
