import Expressions
import JSON
import Machines
import Resources
import Workflows

/// From documents to a workspace and back: the indexes are made anew, everything else is as it was.
extension Space {
  static func load(_ id: Identifier, settings: TaskRoutingSettings, _ documents: [DocumentKey: [UInt8]]) throws(DecodingFailure) -> Space? {
    guard let bytes = documents[DocumentKey(kind: Kind.workspace, id: id)] else { return nil }
    var space = Space(id: id, settings: settings, record: try WorkspaceRecord(decoding: bytes))
    try check([space.record.serialFloor, space.record.reservedFloor])
    space.nextSerial = space.record.serialFloor
    space.nextReserved = space.record.reservedFloor
    // Keys alone are sorted, kind by kind: documents would be moved and counted with them.
    var kinds: [UInt8: [Identifier]] = [:]
    for key in documents.keys { kinds[key.kind, default: []].append(key.id) }
    func each(_ kind: UInt8, _ body: (Identifier, [UInt8]) throws(DecodingFailure) -> Void) throws(DecodingFailure) {
      for id in (kinds[kind] ?? []).sorted() {
        if let bytes = documents[DocumentKey(kind: kind, id: id)] { try body(id, bytes) }
      }
    }
    try each(IdempotencyKeys.kind) { (id, bytes) throws(DecodingFailure) in try space.keys.load(id, bytes) }
    try each(Kind.silence) { (id, bytes) throws(DecodingFailure) in space.silences[id] = try SilenceRecord(decoding: bytes).until }
    guard !space.record.isDeleted else {
      space.silences = space.silences.filter { $0.key == id }
      return space
    }
    for kind in [Kind.activity, Kind.taskChannel, Kind.taskQueue, Kind.bulkImport, Kind.refusedLine].sorted() {
      try each(kind) { (id, bytes) throws(DecodingFailure) in
        try space.loadConfiguration(DocumentKey(kind: kind, id: id), bytes, documents)
      }
    }
    try each(Kind.workflow) { (id, bytes) throws(DecodingFailure) in try space.loadWorkflow(id, bytes, documents) }
    try each(Kind.worker) { (id, bytes) throws(DecodingFailure) in try space.loadWorker(id, bytes, documents) }
    space.taskPlaces.reserveCapacity(kinds[Kind.task]?.count ?? 0)
    try each(Kind.task) { (id, bytes) throws(DecodingFailure) in try space.loadTask(id, bytes, documents) }
    var reservations: [(Identifier, ReservationRecord)] = []
    try each(Kind.reservation) { (id, bytes) throws(DecodingFailure) in reservations.append((id, try ReservationRecord(decoding: bytes))) }
    try space.loadReservations(reservations)
    space.index()
    return space
  }

  /// Numbers that are added to: beyond these bounds they are damage, and a sum of them would end the process at each start.
  private static func check(_ numbers: [Int64]) throws(DecodingFailure) {
    for number in numbers where number.magnitude > 1 << 53 { throw .malformed("a number out of range in a document: \(number)", at: 0) }
  }

  private mutating func loadConfiguration(_ key: DocumentKey, _ bytes: [UInt8], _ all: [DocumentKey: [UInt8]]) throws(DecodingFailure) {
    switch key.kind {
    case Kind.activity:
      let activity = try ActivityRecord(decoding: bytes)
      try Space.check([activity.serial])
      activities[key.id] = activity
      nextSerial = max(nextSerial, activity.serial + 1)
    case Kind.taskChannel:
      let channel = try TaskChannelRecord(decoding: bytes)
      try Space.check([channel.serial])
      channels[key.id] = channel
      channelNames[channel.uniqueName] = key.id
      nextSerial = max(nextSerial, channel.serial + 1)
    case Kind.taskQueue:
      let queue = try TaskQueueRecord(decoding: bytes)
      try Space.check([queue.serial])
      nextSerial = max(nextSerial, queue.serial + 1)
      let expression: Expression
      do throws(ExpressionError) { expression = try Expression(parsing: queue.targetWorkers, as: .workerTarget) } catch {
        throw .malformed("the expression of a task queue: \(error)", at: 0)
      }
      queuePlaces[key.id] = queues.insert(Queue(id: key.id, record: queue, expression: expression))
    case Kind.bulkImport: imports[key.id] = try ImportRecord(decoding: bytes)
    case Kind.refusedLine: refusedLines[key.id] = try RefusedLineRecord(decoding: bytes)
    default: break
    }
  }

  private mutating func loadWorkflow(_ id: Identifier, _ bytes: [UInt8], _ all: [DocumentKey: [UInt8]]) throws(DecodingFailure) {
    let record = try WorkflowRecord(decoding: bytes)
    try Space.check([record.serial])
    nextSerial = max(nextSerial, record.serial + 1)
    guard let text = all[DocumentKey(kind: Kind.workflowConfiguration, id: id)] else {
      throw .malformed("a workflow without its configuration", at: 0)
    }
    let document: WorkflowDocument
    do throws(WorkflowError) { document = try WorkflowDocument(parsing: text) } catch {
      throw .malformed("the configuration of a workflow: \(error)", at: 0)
    }
    var workflow = Workflow(id: id, record: record, configuration: text, document: document)
    for revision in record.kept {
      guard let text = all[KeptRevision.key(id, revision.number)], let document = try? WorkflowDocument(parsing: text) else {
        throw .malformed("a workflow without revision \(revision.number) of its configuration", at: 0)
      }
      workflow.older[revision.number] = Workflow.Revision(configuration: text, document: document)
    }
    workflows[id] = workflow
    if record.reEvaluatedRevision > 0 {
      reEvaluating.append(id)
      reEvaluationCursor[id] = 0
    }
  }

  private mutating func loadWorker(_ id: Identifier, _ bytes: [UInt8], _ all: [DocumentKey: [UInt8]]) throws(DecodingFailure) {
    let record = try WorkerRecord(decoding: bytes)
    try Space.check([record.serial, record.lastReserved])
    nextSerial = max(nextSerial, record.serial + 1)
    nextReserved = max(nextReserved, record.lastReserved + 1)
    let text = all[DocumentKey(kind: Kind.workerAttributes, id: id)] ?? Array("{}".utf8)
    let place = workers.insert(Worker(id: id, record: record, attributes: JSONDocument.read(text)))
    workerPlaces[id] = place
    workerNames[record.friendlyName.lowercased()] = place
  }

  private mutating func loadTask(_ id: Identifier, _ bytes: [UInt8], _ all: [DocumentKey: [UInt8]]) throws(DecodingFailure) {
    let record = try TaskRecord(decoding: bytes)
    try Space.check(
      [record.serial, record.priority, record.created, record.virtualStart, record.timeout, record.since, record.placement.boundary])
    let isRouted = record.routingTarget.flatMap { SIDKind.worker.parse($0) } != nil
    guard record.status != .pending || isRouted || queuePlaces[record.queue] != nil else {
      throw .malformed("a waiting task without its queue", at: 0)
    }
    nextSerial = max(nextSerial, record.serial + 1)
    let text = all[DocumentKey(kind: Kind.taskAttributes, id: id)] ?? Array("{}".utf8)
    let place = tasks.insert(Task(id: id, record: record, attributes: text))
    taskPlaces[id] = place
    guard !record.status.isOver else { return }
    workflows[record.workflow]?.tasks[record.placement.revision, default: 0] += 1
    workflows[record.workflow]?.order.insert(Governed(serial: record.serial, task: place))
    if let queue = queuePlaces[record.queue] { queues[queue].tasks += 1 }
  }

  private mutating func loadReservations(_ found: [(Identifier, ReservationRecord)]) throws(DecodingFailure) {
    for (id, record) in found.sorted(by: { $0.1.serial < $1.1.serial }) {
      try Space.check([record.serial, record.expires])
      nextSerial = max(nextSerial, record.serial + 1)
      guard let task = taskPlaces[record.task] else { throw .malformed("a reservation without its task", at: 0) }
      let worker = workerPlaces[record.worker] ?? -1
      guard worker >= 0 || !record.status.isLive else { throw .malformed("a live reservation without its worker", at: 0) }
      let place = reservations.insert(Reservation(id: id, record: record, task: task, worker: worker))
      reservationPlaces[id] = place
      tasks[task].reservations.append(place)
      if record.status.isLive {
        tasks[task].live.append(place)
        workers[worker].live.append(place)
      }
      if record.status == .pending, record.expires > silence(of: id) ?? .min {
        timers.insert(Timer(due: record.expires, kind: .reservation, serial: record.serial, place: place))
      }
    }
  }

  /// Timers and waiting lists. Nothing is offered: whatever could be was, before.
  private mutating func index() {
    for (_, place) in tasks.indices.map({ (tasks[$0].record.serial, $0) }).sorted(by: { $0.0 < $1.0 }) {
      setTimer(place)
      if tasks[place].record.status == .pending { wait(place) }
    }
  }

  /// Documents of everything but tasks, reservations and workers.
  func configurationKeys() -> [DocumentKey] {
    var keys: [DocumentKey] = []
    keys += activities.keys.map { DocumentKey(kind: Kind.activity, id: $0) }
    keys += channels.keys.map { DocumentKey(kind: Kind.taskChannel, id: $0) }
    keys += queuePlaces.keys.map { DocumentKey(kind: Kind.taskQueue, id: $0) }
    for (id, workflow) in workflows {
      keys += workflow.older.keys.map { KeptRevision.key(id, $0) }
      keys += [DocumentKey(kind: Kind.workflow, id: id), DocumentKey(kind: Kind.workflowConfiguration, id: id)]
    }
    keys += imports.keys.map { DocumentKey(kind: Kind.bulkImport, id: $0) }
    keys += refusedLines.keys.map { DocumentKey(kind: Kind.refusedLine, id: $0) }
    keys += silences.keys.map { DocumentKey(kind: Kind.silence, id: $0) }
    return keys
  }

  /// Whether `takeKeys` has given everything away.
  var isEmptied: Bool { mutating get { tasks.lastTaken == nil && workers.lastTaken == nil } }

  /// Takes tasks with their reservations, then workers, out of a deleted workspace, about `limit` documents' worth, and answers their keys. O(limit).
  mutating func takeKeys(_ limit: Int) -> [DocumentKey] {
    var keys: [DocumentKey] = []
    while keys.count < limit, let place = tasks.lastTaken {
      keys += [DocumentKey(kind: Kind.task, id: tasks[place].id), DocumentKey(kind: Kind.taskAttributes, id: tasks[place].id)]
      keys += tasks[place].reservations.map { DocumentKey(kind: Kind.reservation, id: reservations[$0].id) }
      tasks.removeLast()
    }
    while keys.count < limit, let place = workers.lastTaken {
      keys += [DocumentKey(kind: Kind.worker, id: workers[place].id), DocumentKey(kind: Kind.workerAttributes, id: workers[place].id)]
      workers.removeLast()
    }
    return keys
  }

  func allDocuments() -> [(key: DocumentKey, bytes: [UInt8])] {
    var out: [(key: DocumentKey, bytes: [UInt8])] = [(DocumentKey(kind: Kind.workspace, id: id), record.encoded())]
    out.reserveCapacity(2 * tasks.count + 2 * workers.count + reservations.count + 100)
    out += keys.documents()
    out += activities.map { (DocumentKey(kind: Kind.activity, id: $0.key), $0.value.encoded()) }
    out += channels.map { (DocumentKey(kind: Kind.taskChannel, id: $0.key), $0.value.encoded()) }
    out += queuePlaces.values.map { (DocumentKey(kind: Kind.taskQueue, id: queues[$0].id), queues[$0].record.encoded()) }
    for workflow in workflows.values {
      out.append((DocumentKey(kind: Kind.workflow, id: workflow.id), workflow.record.encoded()))
      out.append((DocumentKey(kind: Kind.workflowConfiguration, id: workflow.id), workflow.configuration))
      out += workflow.older.map { (KeptRevision.key(workflow.id, $0.key), $0.value.configuration) }
    }
    // In the order of their places, which is about that of their creation: a million of them are read one behind the other, and stand so in every list they go into.
    for place in workers.indices {
      out.append((DocumentKey(kind: Kind.worker, id: workers[place].id), workers[place].record.encoded()))
      out.append((DocumentKey(kind: Kind.workerAttributes, id: workers[place].id), workers[place].attributes.text))
    }
    for place in tasks.indices {
      out.append((DocumentKey(kind: Kind.task, id: tasks[place].id), tasks[place].record.encoded()))
      out.append((DocumentKey(kind: Kind.taskAttributes, id: tasks[place].id), tasks[place].attributes))
    }
    out += reservations.indices.map {
      (DocumentKey(kind: Kind.reservation, id: reservations[$0].id), reservations[$0].record.encoded())
    }
    out += imports.map { (DocumentKey(kind: Kind.bulkImport, id: $0.key), $0.value.encoded()) }
    out += silences.map { (DocumentKey(kind: Kind.silence, id: $0.key), SilenceRecord(until: $0.value).encoded()) }
    out += refusedLines.map { (DocumentKey(kind: Kind.refusedLine, id: $0.key), $0.value.encoded()) }
    return out
  }
}
