import Expressions
import JSON
import Machines
import Resources

/// Waiting tasks that any worker is equally fit or unfit for: same queue, same channel, same step, same values of what the step's expression reads of the task
/// (architecture.md, "Matching without scanning"). A worker is tested once a class, never once a task.
struct EligibilityClass: Sendable {
  let key: ClassKey
  var isNewestFirst: Bool
  /// The attributes of the task that made it; all its tasks agree in what the expression reads.
  let sample: JSONDocument?
  var waiting = OrderedIndex<WaitingKey>()
  var ready = OrderedIndex<ReadyKey>()
  var members: Set<Int> = []
  /// It stands in the list of classes that may be dropped.
  var isListedIdle = false
}

struct ClassKey: Hashable, Sendable {
  /// The queue's place; -1 for a task that is routed to one worker outside any queue.
  var queue: Int
  var channel: Identifier
  /// Places of expression and order among the interned ones; -1 for none.
  var condition = -1
  var order = -1
  /// The known worker's SID or name; nil when the step names none.
  var known: String?
  /// The worker that the task is routed to; `.none` for all others.
  var routed = Identifier.none
  /// Routed to a worker without regard to activity and capacity.
  var ignoresCapacity = false
  var values: [UInt8] = []
}

/// A task's place among those of its class: rank first (priority, or nothing in a newest-first queue), then time, then order of arrival.
struct WaitingKey: Comparable, Sendable {
  var rank: Int64
  var time: Int64
  var serial: Int64
  var task: Int

  static func < (a: WaitingKey, b: WaitingKey) -> Bool {
    if a.rank != b.rank { return a.rank < b.rank }
    return a.time != b.time ? a.time < b.time : a.serial < b.serial
  }
}

/// A worker's place among the ready ones of a class: by the step's order if it has one, then longest idle, then oldest.
struct ReadyKey: Comparable, Sendable {
  var order: OrderKey
  var idle: Int64
  var serial: Int64
  var worker: Int

  static func < (a: ReadyKey, b: ReadyKey) -> Bool {
    if a.order != b.order { return a.order < b.order }
    return a.idle != b.idle ? a.idle < b.idle : a.serial < b.serial
  }
}

/// Why this worker got this task: what the reservation's event says about the choice.
struct Choice: Sendable {
  enum Rule: UInt8, Sendable { case longestIdle, orderBy, onlyCandidate, priorityThenAge, newestFirst, routedDirectly }
  var rule: Rule
  /// Ready workers considered, or waiting tasks considered when a worker became free.
  var candidates: Int
}

extension Space {
  /// A worker as expressions see it. It is made once a test, and tests come by the hundred thousand, so it holds what may be asked for and looks nothing up before.
  struct View: WorkerFacts {
    let attributes: JSONDocument
    let friendlyName: String
    let id: Identifier
    let activity: Identifier
    let loads: [ChannelLoad]
    let activities: [Identifier: ActivityRecord]
    let channelNames: [String: Identifier]

    var sid: String { SIDKind.worker.text(id) }
    var activitySid: String { SIDKind.activity.text(activity) }
    var activityName: String { activities[activity]?.friendlyName ?? "" }

    func channel(_ uniqueName: String) -> ChannelFacts? {
      guard let id = channelNames[uniqueName] else { return nil }
      let load = loads.load(on: id)
      return ChannelFacts(
        configuredCapacity: load.capacity, assignedTasks: load.accepted, availableCapacityPercentage: load.availablePercentage)
    }
  }

  func view(of worker: Int) -> View {
    View(
      attributes: workers[worker].attributes, friendlyName: workers[worker].record.friendlyName, id: workers[worker].id,
      activity: workers[worker].record.activity, loads: workers[worker].record.channels, activities: activities, channelNames: channelNames)
  }

  func isAvailable(_ worker: Int) -> Bool { activities[workers[worker].record.activity]?.isAvailable == true }

  // MARK: Membership

  mutating func members(ofQueue place: Int) -> Set<Int> {
    if let members = queues[place].members { return members }
    var members: Set<Int> = []
    let expression = queues[place].expression
    if expression.isConstantTrue {
      members = Set(workerPlaces.values)
    } else if !expression.matchesNobody {
      for worker in workerPlaces.values where expression.evaluate(task: nil, worker: view(of: worker)) { members.insert(worker) }
    }
    queues[place].members = members
    if expression.readsWorkerActivity || expression.readsWorkerChannels { changingQueues.insert(place) }
    return members
  }

  mutating func forgetMembers(ofQueue place: Int) {
    queues[place].members = nil
    changingQueues.remove(place)
  }

  func isEligible(_ worker: Int, for key: ClassKey, sample: JSONDocument?) -> Bool {
    if !key.routed.isNone { return workers[worker].id == key.routed }
    if let known = key.known, known != workers[worker].record.friendlyName, known != SIDKind.worker.text(workers[worker].id) {
      return false
    }
    guard key.condition >= 0 else { return true }
    return conditions[key.condition].evaluate(task: sample, worker: view(of: worker))
  }

  /// Those of `workers` who are eligible, in their order, in which they also lie in memory.
  private func eligible(_ workers: Set<Int>, for key: ClassKey, sample: JSONDocument?) -> [Int] {
    let all = workers.sorted()
    guard key.known == nil, key.condition >= 0 else { return all.filter { isEligible($0, for: key, sample: sample) } }
    // Every worker of a large queue comes by here for every kind of task that is new.
    let condition = conditions[key.condition]
    return all.filter { condition.evaluate(task: sample, worker: view(of: $0)) }
  }

  mutating func makeClass(_ key: ClassKey, sample: JSONDocument?) -> Int {
    if let place = classPlaces[key] { return place }
    let newestFirst = key.queue >= 0 && queues[key.queue].record.order == .lifo
    let place = classes.insert(EligibilityClass(key: key, isNewestFirst: newestFirst, sample: sample))
    classPlaces[key] = place
    if isChanging(key) { changingClasses.insert(place) }
    if key.routed.isNone {
      for worker in eligible(members(ofQueue: key.queue), for: key, sample: sample) { join(worker, place) }
    } else if let worker = workerPlaces[key.routed] {
      join(worker, place)
    }
    noteIdle(place)
    return place
  }

  private func isChanging(_ key: ClassKey) -> Bool {
    guard key.queue >= 0 else { return false }
    let queue = queues[key.queue].expression
    if queue.readsWorkerActivity || queue.readsWorkerChannels { return true }
    return key.condition >= 0 && (conditions[key.condition].readsWorkerActivity || conditions[key.condition].readsWorkerChannels)
  }

  /// Lists a class without waiting tasks; when too many are listed, the older half goes, except those that have work again.
  private mutating func noteIdle(_ group: Int) {
    guard !classes[group].isListedIdle else { return }
    classes[group].isListedIdle = true
    idleClasses.append(group)
    guard idleClasses.count > Self.idleClassLimit else { return }
    let old = idleClasses.prefix(Self.idleClassLimit / 2)
    idleClasses.removeFirst(Self.idleClassLimit / 2)
    for place in old {
      classes[place].isListedIdle = false
      if classes[place].waiting.isEmpty { dropClass(place) }
    }
  }

  /// Small, because every member pays for each class that it is in; a class made again costs one test a member.
  private static var idleClassLimit: Int { 256 }

  mutating func dropClass(_ place: Int) {
    for worker in classes[place].members { workers[worker].memberships.removeAll { $0.group == place } }
    if classes[place].isListedIdle { idleClasses.removeAll { $0 == place } }
    changingClasses.remove(place)
    classPlaces[classes[place].key] = nil
    classes.remove(place, leaving: EligibilityClass(key: ClassKey(queue: -1, channel: .none), isNewestFirst: false, sample: nil))
  }

  private mutating func join(_ worker: Int, _ group: Int) {
    classes[group].members.insert(worker)
    let key = readyKey(worker, group)
    if let key { becomeReady(key, group) }
    workers[worker].memberships.append(Membership(group: group, ready: key))
  }

  private mutating func becomeReady(_ key: ReadyKey, _ group: Int) {
    classes[group].ready.insert(key)
    if !classes[group].waiting.isEmpty { pending.awake.append(group) }
  }

  private mutating func leave(_ worker: Int, _ group: Int) {
    classes[group].members.remove(worker)
    guard let at = workers[worker].memberships.firstIndex(where: { $0.group == group }) else { return }
    if let key = workers[worker].memberships[at].ready { classes[group].ready.remove(key) }
    workers[worker].memberships.swapAt(at, workers[worker].memberships.count - 1)
    workers[worker].memberships.removeLast()
  }

  /// Its place among the ready workers of a class; nil when it cannot take a task of it now.
  private func readyKey(_ worker: Int, _ group: Int) -> ReadyKey? {
    let key = classes[group].key
    let record = workers[worker].record
    let load = record.load(on: key.channel)
    if !key.ignoresCapacity {
      guard isAvailable(worker) else { return nil }
      guard record.isBusySingleTask(record: self.record) == false, load.hasRoom else { return nil }
    }
    let idle = channels[key.channel]?.isOptimized == true ? load.lastReserved : record.lastReserved
    let order = key.order >= 0 ? orders[key.order].key(of: workers[worker].attributes) : OrderKey.none
    return ReadyKey(order: order, idle: idle, serial: record.serial, worker: worker)
  }

  /// Brings a worker's place in all its classes up to date after anything about it changed. O(classes of the worker).
  mutating func refresh(_ worker: Int) {
    for queue in changingQueues { updateQueue(worker, queue) }
    for group in changingClasses { updateMembership(worker, group) }
    for at in workers[worker].memberships.indices {
      let membership = workers[worker].memberships[at]
      let key = readyKey(worker, membership.group)
      guard key != membership.ready else { continue }
      workers[worker].memberships[at].ready = key
      guard let old = membership.ready else {
        if let key { becomeReady(key, membership.group) }
        continue
      }
      classes[membership.group].ready.remove(old)
      if let key { classes[membership.group].ready.insert(key) }
    }
  }

  /// After something changed that expressions read and no worker has of its own (names of activities and channels). O(workers).
  mutating func refreshAll() {
    for worker in workerPlaces.values.sorted() { refresh(worker) }
  }

  /// Whether what an expression answers can change without a change of attributes.
  var hasChangingExpressions: Bool { !changingClasses.isEmpty || !changingQueues.isEmpty }

  private mutating func updateMembership(_ worker: Int, _ group: Int) {
    let key = classes[group].key
    guard key.queue >= 0 else { return }
    let fits = queues[key.queue].members?.contains(worker) == true && isEligible(worker, for: key, sample: classes[group].sample)
    let isMember = classes[group].members.contains(worker)
    if fits, !isMember { join(worker, group) } else if !fits, isMember { leave(worker, group) }
  }

  private mutating func updateQueue(_ worker: Int, _ queue: Int) {
    guard queues[queue].members != nil else { return }
    let expression = queues[queue].expression
    if !expression.matchesNobody, expression.evaluate(task: nil, worker: view(of: worker)) {
      queues[queue].members?.insert(worker)
    } else {
      queues[queue].members?.remove(worker)
    }
  }

  /// After a worker was made or its attributes changed: it is tested once for each queue in use and each class.
  mutating func reclassify(_ worker: Int) {
    for queue in queuePlaces.values { updateQueue(worker, queue) }
    for group in classPlaces.values.sorted() {
      let key = classes[group].key
      let inQueue = key.queue < 0 || queues[key.queue].members?.contains(worker) == true
      let fits = inQueue && isEligible(worker, for: key, sample: classes[group].sample)
      let isMember = classes[group].members.contains(worker)
      if fits, !isMember { join(worker, group) } else if !fits, isMember { leave(worker, group) }
    }
    refresh(worker)
  }

  /// After a queue's expression changed: the members of its classes are found anew; the tasks stay where they wait. O(workers × classes of the queue).
  mutating func renewMembers(ofQueue queue: Int) {
    forgetMembers(ofQueue: queue)
    let members = members(ofQueue: queue)
    for group in classPlaces.filter({ $0.key.queue == queue }).map(\.value).sorted() {
      let key = classes[group].key
      if isChanging(key) { changingClasses.insert(group) } else { changingClasses.remove(group) }
      for worker in classes[group].members.subtracting(members).sorted() { leave(worker, group) }
      for worker in members.subtracting(classes[group].members).sorted() where isEligible(worker, for: key, sample: classes[group].sample) {
        join(worker, group)
      }
    }
  }

  /// After a queue's order changed: its tasks are put in the other order. O(tasks that wait in it).
  mutating func reorder(queue: Int) {
    for group in classPlaces.filter({ $0.key.queue == queue }).map(\.value).sorted() {
      var waiting: [Int] = []
      classes[group].waiting.ascend { key in
        waiting.append(key.task)
        return true
      }
      classes[group].waiting = OrderedIndex()
      classes[group].isNewestFirst = queues[queue].record.order == .lifo
      for task in waiting { enlist(task, group) }
    }
  }

  mutating func removeWorkerFromClasses(_ worker: Int) {
    for membership in workers[worker].memberships {
      classes[membership.group].members.remove(worker)
      if let key = membership.ready { classes[membership.group].ready.remove(key) }
    }
    workers[worker].memberships = []
    for queue in queuePlaces.values { queues[queue].members?.remove(worker) }
  }

  // MARK: Waiting and being offered

  /// Puts a task among those that wait, in the class of its present step.
  mutating func wait(_ task: Int) {
    enlist(task, makeClass(ofTask: task))
  }

  private mutating func enlist(_ task: Int, _ group: Int) {
    let record = tasks[task].record
    let key =
      classes[group].isNewestFirst
      ? WaitingKey(rank: 0, time: -record.virtualStart, serial: -record.serial, task: task)
      : WaitingKey(rank: -record.priority, time: record.virtualStart, serial: record.serial, task: task)
    classes[group].waiting.insert(key)
    tasks[task].enter(group, at: key)
  }

  mutating func stopWaiting(_ task: Int) {
    guard tasks[task].isWaiting else { return }
    let group = tasks[task].group
    let key = tasks[task].leave(task, newestFirst: classes[group].isNewestFirst)
    let wasThere = classes[group].waiting.remove(key)
    assert(wasThere, "a waiting task that is not where it says it is")
    if classes[group].waiting.isEmpty { noteIdle(group) }
  }

  /// Serves every class in which a worker became ready while tasks wait: the last thing that a command does, so that no path can forget one.
  mutating func settle(_ turn: inout Turn) {
    while !pending.awake.isEmpty {
      pending.awake.removeAll { !classes.isTaken($0) || classes[$0].ready.isEmpty || classes[$0].waiting.isEmpty }
      // The best task first, so that it does not matter in which order the classes were found.
      guard let task = pending.awake.compactMap({ first(of: $0) }).min()?.key.task else { return }
      match(task, &turn)
    }
  }

  private struct Ranked: Comparable {
    var isPreferred: Bool
    var key: WaitingKey

    static func < (a: Ranked, b: Ranked) -> Bool { a.isPreferred != b.isPreferred ? a.isPreferred : a.key < b.key }
  }

  /// The first task of a class, and its rank among those of other classes (taskrouter.md 7.2).
  private func first(of group: Int) -> Ranked? {
    guard let key = classes[group].waiting.first else { return nil }
    return Ranked(isPreferred: classes[group].isNewestFirst == (record.prioritizedOrder == .lifo), key: key)
  }

  /// Offers a waiting task while somebody is ready for it. A ready worker with better work waiting gets that first.
  mutating func match(_ task: Int, _ turn: inout Turn) {
    while tasks[task].isWaiting, let first = classes[tasks[task].group].ready.first {
      guard let best = bestTask(for: first.worker) else { return }
      if best.task == task {
        let group = tasks[task].group
        let count = classes[group].ready.count
        let rule: Choice.Rule =
          classes[group].key.routed.isNone
          ? (count == 1 ? .onlyCandidate : classes[group].key.order >= 0 ? .orderBy : .longestIdle) : .routedDirectly
        reserve(task, Choice(rule: rule, candidates: count), &turn)
      } else {
        offer(first.worker, &turn)
      }
    }
  }

  /// Gives a worker that has room the best of what waits for it, until it is full or nothing waits. O(classes of the worker) each.
  mutating func offer(_ worker: Int, _ turn: inout Turn) {
    while let best = bestTask(for: worker) {
      let group = tasks[best.task].group
      let rule: Choice.Rule =
        !classes[group].key.routed.isNone ? .routedDirectly : classes[group].isNewestFirst ? .newestFirst : .priorityThenAge
      reserve(best.task, Choice(rule: rule, candidates: best.considered), worker: worker, &turn)
    }
  }

  /// The task that this worker should have next, among the first of each of its classes (taskrouter.md 7.2).
  private func bestTask(for worker: Int) -> (task: Int, considered: Int)? {
    var best: Ranked?
    var considered = 0
    for membership in workers[worker].memberships where membership.ready != nil {
      guard let first = first(of: membership.group) else { continue }
      considered += classes[membership.group].waiting.count
      if best.map({ first < $0 }) ?? true { best = first }
    }
    return best.map { ($0.key.task, considered) }
  }
}

extension WorkerRecord {
  /// In a single-tasking workspace one live reservation, of whatever channel, is all that a worker can have.
  func isBusySingleTask(record: WorkspaceRecord) -> Bool {
    !record.isMultiTask && channels.contains { $0.live > 0 }
  }
}
