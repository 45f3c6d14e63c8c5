import Expressions
import JSON
import Journal
import Machines
import Resources
import Workflows

/// A task's way through its workflow (taskrouter.md 5.2).
extension Space {
  /// How a filter was left, which decides what comes after the last one.
  private enum Left { case never, bySkip, byTime }

  func attributes(ofTask task: Int) -> JSONDocument { JSONDocument.read(tasks[task].attributes) }

  /// Whether any filter or the default takes such a task: asked before it is made.
  func accepts(_ workflow: Workflow, _ attributes: JSONDocument) -> Bool {
    workflow.document.defaultFilter != nil || workflow.document.filters.contains { $0.expression.evaluate(task: attributes) }
  }

  /// Places a task from the given filter on: its first matching filter's first step, and so on, until it waits, is reserved, or is out of the workflow.
  mutating func route(_ task: Int, fromFilter start: Int = 0, _ turn: inout Turn) {
    guard let workflow = workflows[tasks[task].record.workflow] else { return }
    let attributes = attributes(ofTask: task)
    var left: Left = tasks[task].record.placement.hasTimedOut ? .byTime : .never
    var place = start
    while place < workflow.document.filters.count {
      defer { place += 1 }
      guard workflow.document.filters[place].expression.evaluate(task: attributes) else { continue }
      // The sum of the steps' times starts at the task's birth in the first filter, at its present age in later ones (5.3).
      tasks[task].record.placement.boundary = left == .never && start == 0 ? tasks[task].record.created : turn.now
      tasks[task].record.placement.filter = place
      switch enterTargets(task, workflow.document.filters[place].targets, from: 0, &turn) {
      case nil: return
      case let how?:
        left = how
        tasks[task].record.placement.hasTimedOut = how == .byTime
      }
    }
    leaveWorkflow(task, workflow, left, &turn)
  }

  private mutating func leaveWorkflow(_ task: Int, _ workflow: Workflow, _ left: Left, _ turn: inout Turn) {
    if left == .byTime {
      fact(.workflowTimeout, task: task, turn.now)
      return cancel(task, reason: "Workflow timed out", &turn)
    }
    if let target = workflow.document.defaultFilter {
      tasks[task].record.placement.filter = Placement.defaultFilter
      tasks[task].record.placement.boundary = turn.now
      _ = enterTargets(task, [target], from: 0, isLast: true, &turn)
      return
    }
    fact(.workflowSkipped, task: task, turn.now)
    cancel(task, reason: "Workflow skipped", &turn)
  }

  /// Enters steps of one filter until one of them holds the task. Nil when it waits or is reserved; otherwise how the last step was left.
  private mutating func enterTargets(
    _ task: Int, _ targets: [WorkflowTarget], from start: Int, isLast: Bool = false, _ turn: inout Turn
  ) -> Left? {
    var left = Left.byTime
    for place in targets.indices.dropFirst(start) {
      let target = targets[place]
      tasks[task].record.placement.target = place
      if let priority = target.priority { tasks[task].record.priority = Int64(priority) }
      tasks[task].record.placement.isTimed = target.timeout != nil
      if let timeout = target.timeout { tasks[task].record.placement.boundary += Int64(timeout) * 1000 }
      touch(task: task, at: turn.now)
      guard let queueID = SIDKind.taskQueue.parse(target.queue), let queue = queuePlaces[queueID] else { continue }
      enterQueue(task, queue, turn.now)
      fact(.workflowTargetMatched, task: task, turn.now)
      wait(task)
      match(task, &turn)
      guard tasks[task].record.status == .pending else { return nil }
      if !isLast, let skip = target.skipIf, skip.evaluate(counts(ofQueue: queue)) {
        stopWaiting(task)
        left = .bySkip
        continue
      }
      if tasks[task].record.placement.isTimed, tasks[task].record.placement.boundary <= turn.now {
        stopWaiting(task)
        fact(.taskQueueTimeout, task: task, turn.now)
        left = .byTime
        continue
      }
      setTimer(task)
      return nil
    }
    return left
  }

  mutating func enterQueue(_ task: Int, _ queue: Int, _ now: Int64) {
    let old = tasks[task].record.queue
    guard old != queues[queue].id else { return }
    if let place = queuePlaces[old] {
      queues[place].tasks -= 1
      fact(.taskQueueMoved, task: task, now)
    }
    queues[queue].tasks += 1
    tasks[task].record.queue = queues[queue].id
    tasks[task].record.queueEntered = now
    touch(task: task, at: now)
    fact(.taskQueueEntered, task: task, now)
  }

  /// The class of a task's present step.
  mutating func makeClass(ofTask task: Int) -> Int {
    let record = tasks[task].record
    if let text = record.routingTarget, let worker = SIDKind.worker.parse(text) {
      var key = ClassKey(queue: -1, channel: record.channel)
      key.routed = worker
      key.ignoresCapacity = record.ignoresCapacity
      return makeClass(key, sample: nil)
    }
    var key = ClassKey(queue: queuePlaces[record.queue] ?? -1, channel: record.channel)
    guard let target = target(ofTask: task), target.expression != nil || target.orderBy != nil || target.knownWorker != nil else {
      return makeClass(key, sample: nil)
    }
    let attributes = attributes(ofTask: task)
    if let expression = target.expression, !expression.isConstantTrue {
      key.condition = conditions.place(of: expression.text) { expression }
      key.values = expression.taskClass(of: attributes)
    }
    if let order = target.orderBy { key.order = orders.place(of: order.text) { order } }
    // A known worker that the task does not name is nobody, which no worker's name or SID is.
    if let known = target.knownWorker { key.known = known.resolve(in: attributes) ?? "" }
    return makeClass(key, sample: key.condition >= 0 ? attributes : nil)
  }

  func target(ofTask task: Int) -> WorkflowTarget? {
    let record = tasks[task].record
    guard let workflow = workflows[record.workflow] else { return nil }
    let document = workflow.document(ofRevision: record.placement.revision)
    switch record.placement.filter {
    case Placement.direct: return nil
    case Placement.defaultFilter: return document.defaultFilter
    case let filter:
      guard document.filters.indices.contains(filter) else { return nil }
      let targets = document.filters[filter].targets
      return targets.indices.contains(record.placement.target) ? targets[record.placement.target] : nil
    }
  }

  /// A task whose offers have all ended: still inside its step, it waits there again; past it, it goes on (taskrouter.md 5.5, reading A).
  mutating func returnToQueue(_ task: Int, _ turn: inout Turn) {
    if tasks[task].record.assignments >= settings.maxAssignments {
      return cancel(task, reason: "Task TTL Exceeded or Max assignment count exceeded", &turn)
    }
    if isOutdated(task) { return routeAnew(task, &turn) }
    let placement = tasks[task].record.placement
    if placement.isTimed, isDue(placement.boundary, task, turn.now) { return advance(task, &turn) }
    wait(task)
    match(task, &turn)
    setTimer(task)
  }

  /// Leaves a step whose time is over for the next one, or for the next matching filter.
  mutating func advance(_ task: Int, _ turn: inout Turn) {
    stopWaiting(task)
    fact(.taskQueueTimeout, task: task, turn.now)
    if isOutdated(task) { return routeAnew(task, &turn) }
    guard let workflow = workflows[tasks[task].record.workflow] else { return }
    let placement = tasks[task].record.placement
    let targets = workflow.document.filters.indices.contains(placement.filter) ? workflow.document.filters[placement.filter].targets : []
    guard let left = enterTargets(task, targets, from: placement.target + 1, &turn) else { return }
    tasks[task].record.placement.hasTimedOut = left == .byTime
    routeOn(task, after: placement.filter, left == .bySkip, &turn)
  }

  /// Whether the workflow has changed since the task was placed: at its next evaluation it goes by the new configuration (taskrouter.md 5.5).
  private func isOutdated(_ task: Int) -> Bool {
    guard !tasks[task].record.isDirect, let workflow = workflows[tasks[task].record.workflow] else { return false }
    return tasks[task].record.placement.revision != workflow.record.revision
  }

  /// Places a task that waits as if it had just come, its age apart.
  mutating func routeAnew(_ task: Int, _ turn: inout Turn) {
    stopWaiting(task)
    touch(task: task, at: turn.now)
    ungovern(task, turn.now)
    tasks[task].record.placement = Placement()
    govern(task)
    route(task, &turn)
  }

  private mutating func routeOn(_ task: Int, after filter: Int, _ skipped: Bool, _ turn: inout Turn) {
    guard let workflow = workflows[tasks[task].record.workflow] else { return }
    let attributes = attributes(ofTask: task)
    let hasNext = workflow.document.filters.indices.contains { place in
      place > filter && workflow.document.filters[place].expression.evaluate(task: attributes)
    }
    if hasNext { return route(task, fromFilter: filter + 1, &turn) }
    leaveWorkflow(task, workflow, skipped ? .bySkip : .byTime, &turn)
  }

  /// Counts of a queue's workers, for `skip_if` (taskrouter.md 5.6). O(members of the queue).
  func counts(ofQueue place: Int) -> WorkerCounts {
    var counts = WorkerCounts()
    for worker in queues[place].members ?? [] {
      let activity = workers[worker].record.activity
      counts.byActivity[SIDKind.activity.text(activity), default: 0] += 1
      if activities[activity]?.isAvailable == true { counts.available += 1 } else { counts.unavailable += 1 }
    }
    return counts
  }

  // MARK: Time

  /// Sets a task's one timer to whatever comes first for it.
  mutating func setTimer(_ task: Int) {
    let record = tasks[task].record
    let silence = silence(of: tasks[task].id) ?? .min
    var first = Int64.max
    func take(_ instant: Int64) { if instant > silence { first = min(first, instant) } }
    switch record.status {
    case .pending:
      take(record.created + record.timeout * 1000)
      if record.placement.isTimed { take(record.placement.boundary) }
      if record.routingTarget?.hasPrefix("WK") == true { take(record.created + settings.routingTargetWait) }
    case .reserved: take(record.created + record.timeout * 1000)
    case .assigned: take(lastMoment(ofAssigned: record))
    case .wrapping: break
    case .completed, .canceled: take(record.since + settings.purgeAfter)
    }
    let due = first == .max ? 0 : first
    guard due != tasks[task].timer else { return }
    if tasks[task].timer != 0 { timers.remove(Timer(due: tasks[task].timer, kind: .task, serial: record.serial, place: task)) }
    if due != 0 { timers.insert(Timer(due: due, kind: .task, serial: record.serial, place: task)) }
    tasks[task].timer = due
  }

  /// A task of a release that did not note when it was accepted counts from its last change.
  private func lastMoment(ofAssigned record: TaskRecord) -> Int64 {
    settings.assignedLimit == 0 ? .max : (record.since == 0 ? record.updated : record.since) + settings.assignedLimit
  }

  mutating func fireTask(_ task: Int, _ turn: inout Turn) {
    tasks[task].timer = 0
    let record = tasks[task].record
    if record.status.isOver { return purge(task) }
    if record.status == .assigned, isDue(lastMoment(ofAssigned: record), task, turn.now) { return remove(task, .taskSystemDeleted, &turn) }
    // A limit that moved meanwhile is set anew.
    guard record.status.isWaiting else { return setTimer(task) }
    if isDue(record.created + record.timeout * 1000, task, turn.now) { return cancel(task, reason: "Task TTL Exceeded", &turn) }
    guard record.status == .pending else { return setTimer(task) }
    if record.routingTarget?.hasPrefix("WK") == true, isDue(record.created + settings.routingTargetWait, task, turn.now) {
      fact(.reservationFailed, task: task, turn.now)
      return cancel(task, reason: "RoutingTarget SLA for Reservation creation was not met", &turn)
    }
    if record.placement.isTimed, isDue(record.placement.boundary, task, turn.now) { advance(task, &turn) }
    if taskPlaces[tasks[task].id] == task { setTimer(task) }
  }
}
