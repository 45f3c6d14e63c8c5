import JSON
import Journal
import Machines
import Resources

/// Workers and their channels (taskrouter.md 2.3, 2.4, 4.3).
extension Space {
  mutating func createWorker(_ request: Request, _ turn: inout Turn) -> Verdict {
    let name = request.text(.friendlyName) ?? ""
    if workerNames[name.lowercased()] != nil { return .refuse("FriendlyName '\(name)' is already the name of a worker of this workspace") }
    let activity = request.identifier(.activity) ?? record.defaultActivity
    guard activities[activity] != nil else {
      return .refuse("ActivitySid '\(SIDKind.activity.text(activity))' is no activity of this workspace")
    }
    let attributes = request.bytes(.attributes) ?? Array("{}".utf8)
    guard let document = try? JSONDocument(parsing: attributes) else { return .refuse("Attributes is not valid JSON") }
    var worker = WorkerRecord()
    worker.serial = takeSerial()
    worker.friendlyName = name
    worker.activity = activity
    worker.created = turn.now
    worker.statusChanged = turn.now
    let made = turn.identifier()
    let place = workers.insert(Worker(id: made, record: worker, attributes: document))
    workerPlaces[made] = place
    workerNames[name.lowercased()] = place
    pending.puts.append((DocumentKey(kind: Kind.workerAttributes, id: made), attributes))
    touch(worker: place, at: turn.now)
    fact(.workerCreated, about: made, turn.now)
    reclassify(place)
    offer(place, &turn)
    return Verdict(status: 201, scope: id, document: DocumentKey(kind: Kind.worker, id: made))
  }

  mutating func updateWorker(_ request: Request, _ turn: inout Turn) -> Verdict {
    guard let place = workerPlaces[request.target] else { return .notFound }
    let record = workers[place].record
    if let wanted = request.ifMatch, wanted != record.version { return .versionMismatch(record.version, wanted) }
    if let name = request.text(.friendlyName), let other = workerNames[name.lowercased()], other != place {
      return .refuse("FriendlyName '\(name)' is already the name of a worker of this workspace")
    }
    var document: JSONDocument?
    if let attributes = request.bytes(.attributes), attributes != workers[place].attributes.text {
      guard let parsed = try? JSONDocument(parsing: attributes) else { return .refuse("Attributes is not valid JSON") }
      document = parsed
    }
    let activity = request.identifier(.activity)
    if activity == nil, request.flag(.rejectPendingReservations) == true { return Space.rejectsWithoutMove }
    if let activity, let refusal = refusal(moving: place, to: activity, rejects: request.flag(.rejectPendingReservations) ?? false) {
      return refusal
    }

    var isTested = false
    if let name = request.text(.friendlyName), name != record.friendlyName {
      workerNames[record.friendlyName.lowercased()] = nil
      workerNames[name.lowercased()] = place
      workers[place].record.friendlyName = name
      workers[place].record.version += 1
      touch(worker: place, at: turn.now)
      isTested = true
    }
    if let document {
      workers[place].attributes = document
      workers[place].record.version += 1
      pending.puts.append((DocumentKey(kind: Kind.workerAttributes, id: request.target), document.text))
      touch(worker: place, at: turn.now)
      var details = ByteWriter(capacity: 4)
      details.signed(workers[place].record.version)
      pending.facts.append(
        Fact(kind: FactKind.workerAttributesUpdate.rawValue, at: turn.now, subjects: [request.target], details: details.bytes))
      isTested = true
    }
    if isTested { reclassify(place) }
    if let activity, activity != record.activity {
      let goesAway = activities[activity]?.isAvailable != true
      let pendingOnes = goesAway ? workers[place].live.filter { reservations[$0].record.status == .pending } : []
      // Rejected, then moved (taskrouter.md 4.3), and only then are the tasks that come back offered: to somebody else.
      let returning = pendingOnes.filter { endOffer($0, as: .rejected, turn.now) }.map { reservations[$0].task }
      changeActivity(place, to: activity, turn.now)
      for task in returning { returnToQueue(task, &turn) }
    }
    offer(place, &turn)
    return Verdict(status: 200, scope: id, document: DocumentKey(kind: Kind.worker, id: request.target))
  }

  private static let rejectsWithoutMove = Verdict.refuse(
    "RejectPendingReservations=true is only valid together with a move to an unavailable activity")

  private func refusal(moving place: Int, to activity: Identifier, rejects: Bool) -> Verdict? {
    guard let target = activities[activity] else {
      return .refuse("ActivitySid '\(SIDKind.activity.text(activity))' is no activity of this workspace")
    }
    if rejects, target.isAvailable { return Space.rejectsWithoutMove }
    let waiting = workers[place].live.count { reservations[$0].record.status == .pending }
    guard !target.isAvailable, waiting > 0, !rejects, workers[place].record.activity != activity else { return nil }
    return .refuse(
      "Worker [\(SIDKind.worker.text(workers[place].id))] cannot have its activity updated while it has \(waiting) pending reservations.")
  }

  mutating func deleteWorker(_ request: Request, _ turn: inout Turn) -> Verdict {
    guard let place = workerPlaces[request.target] else { return .notFound }
    let record = workers[place].record
    if let wanted = request.ifMatch, wanted != record.version { return .versionMismatch(record.version, wanted) }
    let sid = SIDKind.worker.text(request.target)
    if !workers[place].live.isEmpty {
      return .refuse("Worker \(sid) cannot be deleted: it has \(workers[place].live.count) live reservations")
    }
    if isAvailable(place) { return .refuse("Worker \(sid) cannot be deleted: it is in an available activity") }
    fact(.workerDeleted, about: request.target, turn.now)
    removeWorkerFromClasses(place)
    retire(serial: record.serial)
    if record.lastReserved + 1 == nextReserved {
      self.record.reservedFloor = nextReserved
      pending.writesWorkspace = true
    }
    workerNames[record.friendlyName.lowercased()] = nil
    workerPlaces[request.target] = nil
    pending.removedWorkers.append(place)
    delete(Kind.worker, request.target)
    delete(Kind.workerAttributes, request.target)
    return Verdict(status: 204)
  }

  /// `side` is the worker; the channel is named by its task channel (the ingress turns a `WC…` SID into it).
  mutating func updateWorkerChannel(_ request: Request, _ turn: inout Turn) -> Verdict {
    guard let place = workerPlaces[request.side], let channel = channelTarget(request), channels[channel] != nil else { return .notFound }
    if let refusal = outOfRange(request) { return refusal }
    let old = workers[place].record.load(on: channel)
    let capacity = request.integer(.capacity).map(Int.init) ?? old.capacity
    let available = request.flag(.available) ?? old.isAvailable
    let verdict = Verdict(status: 200, scope: id, document: DocumentKey(kind: Kind.worker, id: request.side))
    guard capacity != old.capacity || available != old.isAvailable else { return verdict }
    workers[place].record.changeLoad(on: channel) { load in
      load.capacity = capacity
      load.isAvailable = available
      load.updated = turn.now
    }
    workers[place].record.version += 1
    touch(worker: place, at: turn.now)
    refresh(place)
    var details = ChannelFactDetails()
    details.workerVersion = workers[place].record.version
    details.capacity = capacity
    details.previousCapacity = old.capacity
    details.isAvailable = available
    details.live = old.live
    for (changed, kind) in [
      (capacity != old.capacity, FactKind.workerCapacityUpdate), (available != old.isAvailable, .workerChannelAvailabilityUpdate),
    ] where changed {
      pending.facts.append(Fact(kind: kind.rawValue, at: turn.now, subjects: [request.side, channel], details: details.fieldBytes()))
    }
    offer(place, &turn)
    return verdict
  }
}
