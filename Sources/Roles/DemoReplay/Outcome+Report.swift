internal import Replay
package import Report

/// The outcome as the report shows it.
extension Outcome {
  /// - Parameter madeAt: when, as text.
  package func result(madeAt: String) -> DemoResult {
    let (start, end) = hours
    let step = end - start > 20 * 3600 ? 600 : 300
    let stories = Array(verification.tasks.values)
    return DemoResult(
      title: title, subtitle: subtitle, madeAt: madeAt, start: start, step: step,
      arrivals: arrivals(stories, start, end, step), backlog: backlog(stories, start, end, step), waits: waits,
      recordedWaits: recordedWaits,
      units: units(stories), counts: counts, abandonment: abandonment)
  }

  private var isBank: Bool { day.source == .callCentre }

  private var title: String { isBank ? "A day of calls at a bank" : "A day of fire dispatch in San Francisco" }

  private var subtitle: String {
    let cut = log.cutAt.map { " The replay was cut short at \(Int($0 / 3_600_000)) h: \(log.unsent) tasks were not sent." } ?? ""
    let free = verification.neglected.isEmpty ? " Nobody waited while somebody who could take it was free." : ""
    let what =
      isBank ? "\(day.tasks.count) calls to \(day.workers.count) agents" : "\(day.tasks.count) dispatches to \(day.workers.count) units"
    return
      "\(day.date): \(what) of a recorded day, replayed through the public API. Each came in at its recorded time and took as long as recorded; "
      + "who got it was decided here.\(pace)\(free)\(cut)"
  }

  private var pace: String {
    guard let clock else { return "" }
    return
      " Time was real and the day went by \(Int(clock.speed.rounded())) times as fast, so waits have the milliseconds of server and driver in them, "
      + "that much longer."
  }

  package var counts: DemoResult.Counts {
    DemoResult.Counts(
      tasksIn: verification.tasks.count, assigned: verification.assigned, finished: verification.finished, abandoned: verification.gaveUp,
      lost: lost.count, doublyAssigned: verification.assignedTwice, requests: requests, realSeconds: Double(log.realMilliseconds) / 1000,
      productSeconds: Double(log.productMilliseconds) / 1000)
  }

  private func second(_ instant: Int64) -> Int { Int((instant - midnight) / 1000) }

  /// Whole hours around all that came in.
  private var hours: (start: Int, end: Int) {
    let first = day.tasks.map(\.arrival).min() ?? 0
    let last = day.tasks.map(\.arrival).max() ?? 0
    return (first / 3600 * 3600, (last / 3600 + 1) * 3600)
  }

  private func arrivals(_ stories: [Verification.TaskStory], _ start: Int, _ end: Int, _ step: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: max(1, (end - start) / step))
    for story in stories {
      let place = (second(story.created) - start) / step
      if counts.indices.contains(place) { counts[place] += 1 }
    }
    return counts
  }

  /// The most that waited at once in each step. What begins and ends in the same instant did not wait.
  private func backlog(_ stories: [Verification.TaskStory], _ start: Int, _ end: Int, _ step: Int) -> [Int] {
    var changes: [Int64: Int] = [:]
    for story in stories {
      guard let out = story.reserved ?? story.ended else {
        changes[story.created, default: 0] += 1
        continue
      }
      changes[story.created, default: 0] += 1
      changes[out, default: 0] -= 1
    }
    var most = [Int](repeating: 0, count: max(1, (end - start) / step))
    var waiting = 0
    var place = 0
    for (instant, change) in changes.sorted(by: { $0.key < $1.key }) {
      let now = min(most.count - 1, max(0, (second(instant) - start) / step))
      while place < now {
        place += 1
        most[place] = waiting
      }
      waiting += change
      most[now] = max(most[now], waiting)
    }
    while place < most.count - 1 {
      place += 1
      most[place] = waiting
    }
    return most
  }

  private func units(_ stories: [Verification.TaskStory]) -> [DemoResult.Unit] {
    let byWorker = Dictionary(grouping: stories.filter { $0.worker != nil }) { $0.worker ?? "" }
    return day.workers.indices.map { place in
      let worker = day.workers[place]
      let mine = byWorker[workers[place]] ?? []
      let from = midnight + Int64(worker.onDuty.lowerBound) * 1000
      let left = midnight + log.dutyEnds[place]
      // An agent whose duty ends during a call is there until it is over; a unit's day ends at midnight.
      let until = isBank ? max(left, mine.compactMap(\.ended).max() ?? left) : left
      let busy = mine.reduce(Int64(0)) { $0 + max(0, min($1.ended ?? until, until) - max($1.reserved ?? until, from)) }
      return DemoResult.Unit(
        name: worker.name, kind: day.hasOneSkillEach ? worker.skills[0] : "agents", tasks: mine.count, busy: Double(busy) / 1000,
        onDuty: Double(until - from) / 1000)
    }
  }

  private var recordedWaits: DemoResult.Labelled? {
    let recorded = day.tasks.filter { $0.outcome != .abandoned }.compactMap { $0.recordedWait.map(Double.init) }
    guard !recorded.isEmpty else { return nil }
    if isBank {
      return DemoResult.Labelled(
        label: "recorded: time in the queue of those who were served",
        note:
          "the bank's own routing on the same day. Ours is the kinder world: agents are there from their first to their last recorded call without the "
          + "breaks and the paperwork that nobody recorded", seconds: recorded)
    }
    return DemoResult.Labelled(
      label: "recorded: entry of the call to dispatch", note: "includes call-taking: context, not a comparison", seconds: recorded)
  }

  private var abandonment: DemoResult.Abandonment? {
    guard isBank else { return nil }
    return DemoResult.Abandonment(
      callers: day.tasks.count, recorded: day.tasks.count { $0.outcome == .abandoned }, ours: verification.gaveUp,
      note:
        "A caller's patience is known only of those who gave up in the recording; in the replay each of them waits exactly as long, and all others "
        + "as long as it takes. So fewer can give up than in the recording, never more: read it together with the waits.")
  }
}
