import Journal
import Machines
import Resources

/// Offers and what becomes of them (taskrouter.md 4.2).
extension Space {
  /// Offers a waiting task to the first ready workers of its class, as many as its queue allows at once.
  mutating func reserve(_ task: Int, _ choice: Choice, worker chosen: Int? = nil, _ turn: inout Turn) {
    let group = tasks[task].group
    let key = classes[group].key
    let most = key.queue >= 0 ? queues[key.queue].record.maxReservedWorkers : 1
    var takers = chosen.map { [$0] } ?? []
    classes[group].ready.ascend { ready in
      guard takers.count < most else { return false }
      if !takers.contains(ready.worker) { takers.append(ready.worker) }
      return true
    }
    stopWaiting(task)
    tasks[task].record.status = .reserved
    tasks[task].record.version += 1
    tasks[task].record.assignments += 1
    touch(task: task, at: turn.now)
    setTimer(task)
    for worker in takers { makeReservation(task, worker, choice, &turn) }
  }

  private mutating func makeReservation(_ task: Int, _ worker: Int, _ choice: Choice, _ turn: inout Turn) {
    let id = turn.identifier()
    var record = ReservationRecord()
    record.serial = takeSerial()
    record.task = tasks[task].id
    record.worker = workers[worker].id
    record.channel = tasks[task].record.channel
    record.created = turn.now
    let seconds = workflows[tasks[task].record.workflow]?.record.reservationTimeout ?? 120
    record.expires = turn.now + seconds * 1000
    let place = reservations.insert(Reservation(id: id, record: record, task: task, worker: worker))
    reservationPlaces[id] = place
    touch(reservation: place, at: turn.now)
    timers.insert(Timer(due: record.expires, kind: .reservation, serial: record.serial, place: place))
    tasks[task].live.append(place)
    tasks[task].reservations.append(place)
    workers[worker].live.append(place)
    let order = nextReserved
    nextReserved += 1
    workers[worker].record.lastReserved = order
    workers[worker].record.version += 1
    workers[worker].record.changeLoad(on: record.channel) { load in
      load.pending += 1
      load.lastReserved = order
    }
    touch(worker: worker, at: turn.now)
    if !self.record.isMultiTask { moveForQueue(worker, task, \.reservationActivity, &turn) }
    refresh(worker)
    fact(.reservationCreated, reservation: place, choice: choice, turn.now)
    callOut(reservation: place, &turn)
  }

  /// In single tasking the queue's activities follow the worker's state; in multitasking they are ignored (taskrouter.md 4.3).
  private mutating func moveForQueue(_ worker: Int, _ task: Int, _ which: KeyPath<TaskQueueRecord, Identifier>, _ turn: inout Turn) {
    guard let queue = queuePlaces[tasks[task].record.queue] else { return }
    let activity = queues[queue].record[keyPath: which]
    guard !activity.isNone, activities[activity] != nil, workers[worker].record.activity != activity else { return }
    changeActivity(worker, to: activity, turn.now)
  }

  private mutating func callOut(reservation place: Int, _ turn: inout Turn) {
    let reservation = reservations[place]
    let task = tasks[reservation.task]
    guard let workflow = workflows[task.record.workflow], !workflow.record.assignmentCallbackURL.isEmpty else { return }
    var callout = AssignmentCallout()
    callout.account = record.account
    callout.workspace = id
    callout.workflow = task.record.workflow
    callout.queue = task.record.queue
    callout.task = task.id
    callout.worker = reservation.record.worker
    callout.reservation = reservation.id
    callout.at = turn.now
    turn.effects.send(Outgoing(target: "callouts", key: id, payload: .bytes([1] + callout.encoded())))
  }

  /// Moves a reservation's weight between the counts of its worker's channel.
  private mutating func shift(_ place: Int, to status: ReservationStatus, _ now: Int64) {
    let old = reservations[place].record.status
    let worker = reservations[place].worker
    workers[worker].record.changeLoad(on: reservations[place].record.channel) { load in
      switch old {
      case .pending: load.pending -= 1
      case .accepted: load.accepted -= 1
      case .wrapping: load.wrapping -= 1
      default: break
      }
      switch status {
      case .pending: load.pending += 1
      case .accepted: load.accepted += 1
      case .wrapping: load.wrapping += 1
      default: break
      }
    }
    touch(worker: worker, at: now)
    reservations[place].record.status = status
    reservations[place].record.version += 1
    touch(reservation: place, at: now)
    if old == .pending {
      let record = reservations[place].record
      timers.remove(Timer(due: record.expires, kind: .reservation, serial: record.serial, place: place))
    }
    if !status.isLive {
      tasks[reservations[place].task].live.removeAll { $0 == place }
      workers[worker].live.removeAll { $0 == place }
    }
    refresh(worker)
  }

  mutating func accept(_ place: Int, _ turn: inout Turn) {
    let task = reservations[place].task
    shift(place, to: .accepted, turn.now)
    tasks[task].record.status = .assigned
    tasks[task].record.since = turn.now
    tasks[task].record.version += 1
    touch(task: task, at: turn.now)
    setTimer(task)
    if !record.isMultiTask { moveForQueue(reservations[place].worker, task, \.assignmentActivity, &turn) }
    fact(.reservationAccepted, reservation: place, turn.now)
    for sibling in tasks[task].live where sibling != place && reservations[sibling].record.status == .pending {
      let worker = reservations[sibling].worker
      shift(sibling, to: .rescinded, turn.now)
      fact(.reservationRescinded, reservation: sibling, turn.now)
      offer(worker, &turn)
    }
  }

  /// Ends an offer without an accept. The task goes back when no other offer of it is out; then the worker may get other work.
  mutating func decline(_ place: Int, as status: ReservationStatus, moveTo activity: Identifier? = nil, _ turn: inout Turn) {
    let task = reservations[place].task
    let worker = reservations[place].worker
    let returns = endOffer(place, as: status, turn.now)
    // Before anything is matched: who did not answer must not be asked again at once.
    if let activity, !activity.isNone, activities[activity] != nil, workers[worker].record.activity != activity {
      changeActivity(worker, to: activity, turn.now)
    }
    if returns { returnToQueue(task, &turn) }
    offer(worker, &turn)
  }

  /// The first half of `decline`: the offer is over, and nothing is matched yet. True when its task has no other offer out and waits for `returnToQueue`.
  mutating func endOffer(_ place: Int, as status: ReservationStatus, _ now: Int64) -> Bool {
    let task = reservations[place].task
    shift(place, to: status, now)
    let returns = tasks[task].live.isEmpty && tasks[task].record.status == .reserved
    if returns {
      tasks[task].record.status = .pending
      tasks[task].record.version += 1
      tasks[task].record.reEvaluated =
        status == .timeout ? "reservation_timeout" : status == .rejected ? "reservation_rejected" : "reservation_canceled"
      touch(task: task, at: now)
    }
    fact(
      status == .timeout ? .reservationTimeout : status == .rejected ? .reservationRejected : .reservationCanceled, reservation: place, now)
    return returns
  }

  /// Ends offers because their task is over or gone.
  mutating func cancelReservations(ofTask task: Int, as status: ReservationStatus, _ kind: FactKind, _ turn: inout Turn) {
    for place in tasks[task].live {
      let worker = reservations[place].worker
      shift(place, to: status, turn.now)
      fact(kind, reservation: place, turn.now)
      offer(worker, &turn)
    }
  }

  mutating func wrapUp(reservation place: Int, _ turn: inout Turn) {
    shift(place, to: .wrapping, turn.now)
    fact(.reservationWrapup, reservation: place, turn.now)
  }

  mutating func complete(reservation place: Int, _ turn: inout Turn) {
    let worker = reservations[place].worker
    shift(place, to: .completed, turn.now)
    fact(.reservationCompleted, reservation: place, turn.now)
    offer(worker, &turn)
  }

  /// A new activity, with the event that tells of it; the caller refreshes nothing, the worker's classes follow here.
  mutating func changeActivity(_ worker: Int, to activity: Identifier, _ now: Int64) {
    let previous = workers[worker].record.activity
    let since = workers[worker].record.statusChanged
    workers[worker].record.activity = activity
    workers[worker].record.statusChanged = now
    workers[worker].record.version += 1
    touch(worker: worker, at: now)
    refresh(worker)
    var details = ByteWriter(capacity: 16)
    details.signed(workers[worker].record.version)
    details.signed(now - since)
    pending.facts.append(
      Fact(
        kind: FactKind.workerActivityUpdate.rawValue, at: now, subjects: [workers[worker].id, activity, previous], details: details.bytes))
  }
}
