internal import Replay

/// What is done at one instant. Deeds of one kind are independent of each other and go out together; what they bring about is awaited before the next kind.
extension Replayer {
  func perform(_ deeds: [(deed: Deed, at: Int64)]) async throws {
    guard let first = deeds.first else { return }
    let places = deeds.map(\.deed.place)
    switch first.deed {
    case .complete: try await complete(places)
    case .arrive: try await arrive(places)
    case .giveUp: try await giveUp(places)
    case .accept: try await accept(places)
    case .create: try await create(places)
    case .leave: staying.formUnion(places)
    }
  }

  /// The refusal of a call, in words, instead of an error: it is counted, and the check at the end shows what it meant.
  private func attempt(_ places: [Int], _ work: @escaping @Sendable (Int) async throws -> Void) async throws -> [Int] {
    let done = try await bounded(places, limit: options.concurrency) { place -> String? in
      do {
        try await work(place)
        return nil
      } catch ReplayFailure.refused(let what, let why) { return "\(what): \(why)" }
    }
    log.refusals += done.compactMap { $0 }
    return zip(places, done).compactMap { $1 == nil ? $0 : nil }
  }

  // MARK: Tasks

  /// Tasks of one skill arrive in their order; different skills at once, where no worker has several. Where time passes by itself, whoever waits for the one
  /// before is late: all that is due arrives at once.
  private func create(_ places: [Int]) async throws {
    let isSplit = day.hasOneSkillEach
    let lanes =
      clock == nil
      ? Dictionary(grouping: places) { isSplit ? day.tasks[$0].skill : "" }.values.sorted { $0[0] < $1[0] } : places.map { [$0] }
    let rows = day.tasks.map { ReplayRow($0, of: day.source) }
    let (api, time) = (api, time)
    let made = try await bounded(lanes, limit: options.concurrency) { lane in
      var made: [Made] = []
      for place in lane {
        let sent = time.now()
        do {
          let task = try await api.create(task: rows[place])
          made.append(Made(place: place, sid: task.sid, isReserved: task.isReserved, sentAt: sent))
        } catch ReplayFailure.refused(let what, let why) { made.append(Made(place: place, refusal: "\(what): \(why)", sentAt: sent)) }
      }
      return made
    }
    for one in made.joined() { take(one) }
    let expected = made.joined().filter(\.isReserved).map(\.place)
    try await settle { engine in
      expected.filter { engine.jobs[$0].state == .waiting }.map { "the reservation of \(engine.jobs[$0].sid ?? "")" }
    }
  }

  private struct Made: Sendable {
    var place: Int
    var sid: String?
    var isReserved = false
    var refusal: String?
    var sentAt: Int64
  }

  private func take(_ made: Made) {
    let task = day.tasks[made.place]
    toCome[task.skill, default: 0] -= 1
    guard let sid = made.sid else {
      jobs[made.place].state = .over
      log.refusals.append(made.refusal ?? "")
      return
    }
    log.created += 1
    jobs[made.place] = Job(state: .waiting, sid: sid, sentAt: made.sentAt, isReservedAtOnce: made.isReserved)
    jobOfTask[sid] = made.place
    waiting[task.skill, default: 0] += 1
    if let patience = task.patience { agenda.add(.giveUp(task: made.place), at: productNow - midnight + Int64(patience) * 1000) }
    if let event = log.early.removeValue(forKey: sid) { reserved(made.place, event) }
  }

  /// Whoever is still not served when patience ends goes; one who is reserved by now stays.
  private func giveUp(_ places: [Int]) async throws {
    let waiting = places.filter { jobs[$0].state == .waiting }
    let (api, sids) = (api, jobs.map(\.sid))
    for place in try await attempt(waiting, { place in if let sid = sids[place] { try await api.cancel(task: sid) } }) {
      jobs[place].state = .over
      self.waiting[day.tasks[place].skill, default: 0] -= 1
      log.gaveUp += 1
    }
  }

  private func accept(_ places: [Int]) async throws {
    var offers: [Int: (reservation: String, worker: String, at: Int64)] = [:]
    for place in places { if case .reserved(let sid, let worker, let at) = jobs[place].state { offers[place] = (sid, worker, at) } }
    let (api, open) = (api, offers)
    for place in try await attempt(
      open.keys.sorted(),
      { place in
        if let offer = open[place] { try await api.accept(reservation: offer.reservation, worker: offer.worker) }
      })
    {
      guard let offer = open[place] else { continue }
      jobs[place].state = .assigned(worker: offer.worker)
      log.accepted += 1
      agenda.add(.complete(task: place), at: max(offer.at + Int64(day.tasks[place].work) * 1000, productNow - midnight))
    }
  }

  private func complete(_ places: [Int]) async throws {
    var freed: [String] = []
    let (api, sids) = (api, jobs.map(\.sid))
    for place in try await attempt(places, { place in if let sid = sids[place] { try await api.complete(task: sid) } }) {
      if case .assigned(let worker) = jobs[place].state { freed.append(worker) }
      jobs[place].state = .over
      log.finished += 1
    }
    try await hear(ofFreed: freed)
  }

  /// A worker who became free may have been given a task that waited: the API says so, and the stream must.
  private func hear(ofFreed freed: [String]) async throws {
    guard waiting.values.contains(where: { $0 > 0 }) else { return }
    let api = api
    let offers = try await bounded(freed, limit: options.concurrency) { try await api.pendingReservations(worker: $0) }.joined()
    let expected = Array(offers)
    try await settle { engine in expected.filter { !engine.seen.contains($0) }.map { "the reservation \($0)" } }
  }

  // MARK: Duty

  private func arrive(_ places: [Int]) async throws {
    let (api, sids) = (api, workers)
    let here = try await attempt(places) { try await api.setAvailable(true, worker: sids[$0]) }
    onDuty.formUnion(here)
    try await hear(ofFreed: here.map { sids[$0] })
  }

  /// Those whose duty is over leave, but the last one with a skill stays while somebody waits for it or is still to come.
  func letGo() async throws {
    // Not in the middle of an instant: an offer that is about to be accepted keeps its worker.
    if let next = agenda.next, next <= productNow - midnight { return }
    for place in staying.sorted() where mayLeave(place) {
      staying.remove(place)
      let (api, sids) = (api, workers)
      guard try await !attempt([place], { try await api.setAvailable(false, worker: sids[$0]) }).isEmpty else { continue }
      onDuty.remove(place)
      log.dutyEnds[place] = productNow - midnight
    }
  }

  private func mayLeave(_ place: Int) -> Bool {
    day.workers[place].skills.allSatisfy { skill in
      waiting[skill, default: 0] <= 0 && toCome[skill, default: 0] <= 0
        || onDuty.contains { $0 != place && !staying.contains($0) && day.workers[$0].skills.contains(skill) }
    }
  }
}

extension Deed {
  var place: Int {
    switch self {
    case .complete(let place), .giveUp(let place), .accept(let place), .create(let place): place
    case .arrive(let place), .leave(let place): place
    }
  }
}
