internal import APIClient
package import Replay

package struct ReplayerOptions: Sendable {
  /// Real seconds that the day should take; 0: as fast as it goes.
  package var seconds = 60.0
  /// Real seconds after which no new tasks are sent, so that the replay ends in time on any machine.
  package var mostSeconds = 95.0
  /// Requests under way at once.
  package var concurrency = 8
  /// Real seconds without an event, while one is due, after which it is said to be missing.
  package var mostSilence = 20

  package init() {}
}

/// Real time, handed in: nothing here reads a clock.
package struct RealTime: Sendable {
  /// Milliseconds of a clock that only grows.
  package var now: @Sendable () -> Int64
  package var sleep: @Sendable (_ milliseconds: Int64) async -> Void

  package init(now: @escaping @Sendable () -> Int64, sleep: @escaping @Sendable (_ milliseconds: Int64) async -> Void) {
    self.now = now
    self.sleep = sleep
  }

  /// With a server that cannot answer at the moment.
  var patience: Patience { Patience(now: now, sleep: sleep) }
}

/// Drives one recorded day through a server, as an event-driven simulation: the product's time stands still while anything is under way and is moved to
/// the next instant at which somebody does something. So nothing is ever late because the driver was slow, and the waits are those of the routing alone.
///
/// Where the server's time cannot be moved (`clock`) the day passes by itself, and deeds are done as soon as they are due and known of.
///
/// What the server decided is learned from its event stream. Before time moves on, or where it passes by itself before the replay ends, the stream must
/// have told of every reservation that the API's answers name: one that is due and missing ends the replay with an error.
package actor Replayer {
  let day: ReplayDay
  let workers: [String]
  let api: any WorkAPI
  let inbox: EventInbox
  let options: ReplayerOptions
  let time: RealTime
  /// Nil: the product's time is the driver's to move.
  let clock: DayClock?
  /// Product time of the day's midnight, milliseconds since 1970.
  let midnight: Int64
  var productNow: Int64
  var agenda = Agenda()
  var jobs: [Job]
  var jobOfTask: [String: Int] = [:]
  var seen: Set<String> = []
  var waiting: [String: Int] = [:]
  var toCome: [String: Int] = [:]
  var onDuty: Set<Int> = []
  var staying: Set<Int> = []
  var log = ReplayLog()
  /// Where time passes by itself: what the API named and the stream has not told of yet.
  private var untold: [(isolated Replayer) -> [String]] = []
  private var silentSince: Int64 = 0
  private let report: @Sendable (ReplayProgress) -> Void

  /// - Parameters:
  ///   - workers: SIDs, in the order of the day's workers; those on duty from midnight are available.
  ///   - productNow: the product's time now; not after midnight.
  ///   - clock: how the day passes where nobody can move it; its midnight is the replay's.
  package init(
    day: ReplayDay, workers: [String], api: any WorkAPI, inbox: EventInbox, options: ReplayerOptions = ReplayerOptions(), time: RealTime,
    midnight: Int64, productNow: Int64, clock: DayClock? = nil, report: @escaping @Sendable (ReplayProgress) -> Void = { _ in }
  ) {
    self.day = day
    self.workers = workers
    self.api = api
    self.inbox = inbox
    self.options = options
    self.time = time
    self.clock = clock
    self.midnight = midnight
    self.productNow = productNow
    self.report = report
    jobs = day.tasks.map { _ in Job() }
  }

  /// Replays the day until nothing is left to do. Throws when the server refuses what must work or says less than it did.
  package func run() async throws -> ReplayLog {
    plan()
    let start = time.now()
    while let due = try await nextDue(start) {
      absorb(inbox.take())
      log.worstLateness = max(log.worstLateness, productNow - midnight - due)
      try await perform(agenda.takeDue(by: productNow - midnight))
      try await letGo()
      report(progress(at: due, elapsed: time.now() - start))
    }
    log.realMilliseconds = time.now() - start
    log.productMilliseconds = productNow - midnight
    log.tasks = jobs.map(\.sid)
    return log
  }

  private func nextDue(_ start: Int64) async throws -> Int64? {
    if let clock { try await passed(clock, start) } else { try await moved(start) }
  }

  /// Moves the product's time to the next instant at which something is due; nil when nothing is left.
  private func moved(_ start: Int64) async throws -> Int64? {
    guard let next = agenda.next else { return nil }
    let elapsed = time.now() - start
    if Double(elapsed) > options.mostSeconds * 1000, !log.isCut { cut(at: next) }
    guard let due = agenda.next else { return nil }
    let planned = Int64(Double(due) / 1000 / Double(max(1, day.end)) * options.seconds * 1000)
    if planned > elapsed, !log.isCut { await time.sleep(planned - elapsed) }
    if productNow < midnight + due { productNow = try await api.advance(milliseconds: midnight + due - productNow) }
    return due
  }

  /// Waits until something is due; nil when nothing is left and the stream has told of everything.
  private func passed(_ clock: DayClock, _ start: Int64) async throws -> Int64? {
    silentSince = time.now()
    while true {
      let now = time.now()
      productNow = max(productNow, clock.day(ofReal: now))
      let events = inbox.take()
      if !events.isEmpty { silentSince = now }
      absorb(events)
      if Double(now - start) > options.mostSeconds * 1000, !log.isCut { cut(at: productNow - midnight) }
      guard let due = agenda.next else {
        untold.removeAll { $0(self).isEmpty }
        if untold.isEmpty { return nil }
        try mind(untold.flatMap { $0(self) })
        await inbox.wait()
        continue
      }
      if midnight + due <= productNow { return due }
      try Task.checkCancellation()
      // Not until then: what the stream tells meanwhile may be due before.
      await time.sleep(min(20, clock.real(midnight + due - productNow)))
    }
  }

  private func plan() {
    for (place, task) in day.tasks.enumerated() {
      agenda.add(.create(task: place), at: Int64(task.arrival) * 1000)
      toCome[task.skill, default: 0] += 1
    }
    for (place, worker) in day.workers.enumerated() {
      if worker.isThereAtMidnight {
        onDuty.insert(place)
      } else {
        agenda.add(.arrive(worker: place), at: Int64(worker.onDuty.lowerBound) * 1000)
      }
      if worker.onDuty.upperBound < 86_400 { agenda.add(.leave(worker: place), at: Int64(worker.onDuty.upperBound) * 1000) }
    }
    log.dutyEnds = day.workers.map { Int64($0.onDuty.upperBound) * 1000 }
  }

  /// Too slow to end in time: what has not come in by now does not.
  private func cut(at due: Int64) {
    log.cutAt = due
    log.unsent = jobs.count { $0.state == .toCome }
    agenda.remove { if case .create = $0 { true } else { false } }
    toCome = [:]
  }

  private func progress(at due: Int64, elapsed: Int64) -> ReplayProgress {
    ReplayProgress(
      second: Int(due / 1000), created: log.created, assigned: log.accepted, finished: log.finished, gaveUp: log.gaveUp,
      waiting: waiting.values.reduce(0, +), elapsed: elapsed)
  }

  // MARK: What the stream tells

  func absorb(_ events: [DemoEvent]) {
    for event in events {
      switch event.kind {
      case "reservation.created":
        seen.insert(event.reservation)
        if let place = jobOfTask[event.task] { reserved(place, event) } else { log.early[event.task] = event }
      case "reservation.timeout", "reservation.rejected", "reservation.rescinded", "reservation.canceled":
        guard let place = jobOfTask[event.task], case .reserved(event.reservation, _, _) = jobs[place].state else { continue }
        jobs[place].state = .waiting
        waiting[day.tasks[place].skill, default: 0] += 1
      default: continue
      }
    }
  }

  func reserved(_ place: Int, _ event: DemoEvent) {
    guard jobs[place].state == .waiting else { return }
    waiting[day.tasks[place].skill, default: 0] -= 1
    jobs[place].state = .reserved(event.reservation, worker: event.worker, at: event.at - midnight)
    if jobs[place].isReservedAtOnce { log.routing.append(time.now() - jobs[place].sentAt) }
    agenda.add(.accept(task: place), at: event.at - midnight + Int64(day.tasks[place].acceptDelay) * 1000)
  }

  /// Reads the stream until nothing is missing any more; where time passes by itself that is looked at in the end.
  func settle(_ missing: @escaping (isolated Replayer) -> [String]) async throws {
    silentSince = time.now()
    while true {
      let events = inbox.take()
      if !events.isEmpty {
        silentSince = time.now()
        absorb(events)
      }
      let open = missing(self)
      if open.isEmpty { return }
      if clock != nil {
        untold.removeAll { $0(self).isEmpty }
        return untold.append(missing)
      }
      try mind(open)
      await inbox.wait()
    }
  }

  /// The end of patience with a silent stream.
  private func mind(_ open: [String]) throws {
    try Task.checkCancellation()
    if time.now() - silentSince > Int64(options.mostSilence) * 1000 {
      throw ReplayFailure.eventsMissing(seconds: options.mostSilence, waitingFor: open)
    }
  }
}

extension ReplayWorker {
  /// Comes with the roster, not later.
  package var isThereAtMidnight: Bool { onDuty.lowerBound <= 0 }
}
