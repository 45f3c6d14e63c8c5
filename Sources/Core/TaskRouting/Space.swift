import Expressions
import JSON
import Journal
import Machines
import Resources
import Workflows

/// What an operator can set about this machine.
package struct TaskRoutingSettings: Sendable {
  /// How long finished tasks stay readable, milliseconds (taskrouter.md 2.8: 5 minutes).
  package var purgeAfter: Int64 = 300_000
  /// How long a task may be assigned before it is taken away, milliseconds (taskrouter.md 11: 24 hours); 0: without end.
  package var assignedLimit: Int64 = 86_400_000
  /// Moves from pending to reserved after which a task is canceled (taskrouter.md 4.1).
  package var maxAssignments = 1000
  /// How long a task for one named worker may wait for its reservation, milliseconds (taskrouter.md 14, #16).
  package var routingTargetWait: Int64 = 60_000

  /// Waiting tasks that are placed again within the command that asks for it; the others follow in slices.
  package var placedAtOnce = 100

  package init() {}
}

/// One workspace: its configuration, its people, its work, and the indexes that match them. Everything but the indexes stands in documents.
struct Space: Sendable {
  let id: Identifier
  let settings: TaskRoutingSettings
  var record: WorkspaceRecord
  var nextSerial: Int64 = 1
  /// The order of reservations: longest idle first means smallest of these first.
  var nextReserved: Int64 = 1

  var activities: [Identifier: ActivityRecord] = [:]
  var channels: [Identifier: TaskChannelRecord] = [:]
  var channelNames: [String: Identifier] = [:]
  var queues = Slab<Queue>()
  var queuePlaces: [Identifier: Int] = [:]
  var workflows: [Identifier: Workflow] = [:]

  var workers = Slab<Worker>()
  var workerPlaces: [Identifier: Int] = [:]
  /// By lower-cased name: unique in the workspace without regard to case (taskrouter.md 2.3).
  var workerNames: [String: Int] = [:]

  var tasks = Slab<Task>()
  var taskPlaces: [Identifier: Int] = [:]
  var reservations = Slab<Reservation>()
  var reservationPlaces: [Identifier: Int] = [:]

  var classes = Slab<EligibilityClass>()
  var classPlaces: [ClassKey: Int] = [:]
  /// Classes that had no waiting task when they were listed, each once, oldest first; those that still have none go when there are too many.
  var idleClasses: [Int] = []
  /// Classes whose membership can change when a worker's activity or load does.
  var changingClasses: Set<Int> = []
  /// Queues of which the same is true, and whose members are known.
  var changingQueues: Set<Int> = []
  var conditions = Interned<Expression>()
  var orders = Interned<OrderBy>()

  var timers = OrderedIndex<Timer>()
  /// Up to when what a task, a reservation or the workspace's clearing was due for does not fire: it ended the process too often.
  var silences: [Identifier: Int64] = [:]
  var keys = IdempotencyKeys()
  var imports: [Identifier: ImportRecord] = [:]
  var dirtyImports: Set<Identifier> = []
  /// Refused lines kept for reading, per import: the first thousand.
  var refusedLines: [Identifier: RefusedLineRecord] = [:]
  /// Workflows whose waiting tasks are being placed again, slice by slice.
  var reEvaluating: [Identifier] = []
  var reEvaluationCursor: [Identifier: Int64] = [:]

  var pending = PendingEffects()

  init(id: Identifier, settings: TaskRoutingSettings, record: WorkspaceRecord) {
    self.id = id
    self.settings = settings
    self.record = record
  }

  var nextDue: Int64? {
    switch (timers.first?.due, keys.nextDue) {
    case (let a?, let b?): min(a, b)
    case (let a?, nil): a
    case (nil, let b): b
    }
  }

  mutating func takeSerial() -> Int64 {
    defer { nextSerial += 1 }
    return nextSerial
  }

  /// When the newest of all is removed, the workspace itself remembers how far the numbers have come: they are never given twice, by whichever owner.
  mutating func retire(serial: Int64) {
    guard serial + 1 == nextSerial else { return }
    record.serialFloor = nextSerial
    pending.writesWorkspace = true
  }
}

extension Space {
  struct Queue: Sendable {
    let id: Identifier
    var record: TaskQueueRecord
    var expression: Expression
    /// Workers that the expression admits; made when the queue is first used, kept up to date from then on.
    var members: Set<Int>?
    /// Tasks that are not over and stand in this queue.
    var tasks = 0
  }

  struct Workflow: Sendable {
    let id: Identifier
    var record: WorkflowRecord
    var configuration: [UInt8]
    var document: WorkflowDocument
    /// Tasks that are not over and are governed by it, by the revision that placed them.
    var tasks: [Int64: Int] = [:]
    /// The same tasks in the order of their creation, for placing them again.
    var order = OrderedIndex<Governed>()
    /// Older revisions that still hold tasks: what these wait for does not change before they are placed again.
    var older: [Int64: Revision] = [:]

    struct Revision: Sendable {
      var configuration: [UInt8]
      var document: WorkflowDocument
    }

    var taskCount: Int { tasks.values.reduce(0, +) }

    func document(ofRevision revision: Int64) -> WorkflowDocument {
      revision == record.revision ? document : older[revision]?.document ?? document
    }

    func names(queue sid: String) -> Bool {
      document.queueSids.contains(sid) || older.values.contains { $0.document.queueSids.contains(sid) }
    }
  }

  struct Governed: Comparable, Sendable {
    var serial: Int64
    var task: Int

    static func < (a: Governed, b: Governed) -> Bool { a.serial < b.serial }
  }

  struct Worker: Sendable {
    let id: Identifier
    var record: WorkerRecord
    var attributes: JSONDocument
    /// Classes that it belongs to, with its place among their ready workers while it is ready.
    var memberships: [Membership] = []
    var live: [Int] = []
    var isDirty = false

    static let blank = Worker(id: .none, record: WorkerRecord(), attributes: JSONDocument.read(Array("{}".utf8)))
  }

  struct Membership: Sendable {
    var group: Int
    var ready: ReadyKey?
  }

  struct Task: Sendable {
    let id: Identifier
    var attributes: [UInt8]
    var live: [Int] = []
    var reservations: [Int] = []
    var timer: Int64 = 0
    /// Its class while it waits, and its place there.
    var group = -1
    private var rank: Int64 = 0
    private var time: Int64 = 0
    var record: TaskRecord
    private(set) var isWaiting = false
    var isDirty = false

    init(id: Identifier, record: TaskRecord, attributes: [UInt8]) {
      self.id = id
      self.record = record
      self.attributes = attributes
    }

    mutating func enter(_ group: Int, at key: WaitingKey) {
      self.group = group
      (rank, time, isWaiting) = (key.rank, key.time, true)
    }

    /// Where it waited, and no longer does. `place`: its own.
    mutating func leave(_ place: Int, newestFirst: Bool) -> WaitingKey {
      group = -1
      isWaiting = false
      return WaitingKey(rank: rank, time: time, serial: newestFirst ? -record.serial : record.serial, task: place)
    }

    /// What is left in a place that is free.
    static let blank = Task(id: .none, record: TaskRecord(), attributes: [])
  }

  struct Reservation: Sendable {
    let id: Identifier
    var record: ReservationRecord
    var task: Int
    var worker: Int
    var isDirty = false

    static let blank = Reservation(id: .none, record: ReservationRecord(), task: -1, worker: -1)
  }
}

/// When something is due: reservations before tasks at the same instant, so that an unanswered offer ends before its task's step does.
struct Timer: Comparable, Sendable {
  enum Kind: UInt8, Sendable { case reservation, task }
  var due: Int64
  /// Of what it belongs to: the same whoever owns the partition, which places are not.
  var serial: Int64
  private var narrowPlace: Int32
  var kind: Kind

  var place: Int { Int(narrowPlace) }

  init(due: Int64, kind: Kind, serial: Int64, place: Int) {
    (self.due, self.kind, self.serial, narrowPlace) = (due, kind, serial, Int32(place))
  }

  static func < (a: Timer, b: Timer) -> Bool {
    if a.due != b.due { return a.due < b.due }
    return a.kind != b.kind ? a.kind.rawValue < b.kind.rawValue : a.serial < b.serial
  }
}

/// Texts that many tasks share, compiled once and named by a number.
struct Interned<Value: Sendable>: Sendable {
  private(set) var values: [Value] = []
  private var places: [String: Int] = [:]

  mutating func place(of text: String, _ make: () -> Value) -> Int {
    if let place = places[text] { return place }
    places[text] = values.count
    values.append(make())
    return values.count - 1
  }

  subscript(_ place: Int) -> Value { values[place] }
}

/// What one command has changed so far, put in order when it is over: documents, then facts about them, then what is gone.
struct PendingEffects: Sendable {
  var puts: [(DocumentKey, [UInt8])] = []
  var facts: [Fact] = []
  var deletes: [DocumentKey] = []
  var tasks: [Int] = []
  var workers: [Int] = []
  var reservations: [Int] = []
  var removedTasks: [Int] = []
  var removedWorkers: [Int] = []
  var removedReservations: [Int] = []
  /// Classes that got a ready worker while tasks waited in them.
  var awake: [Int] = []
  var writesWorkspace = false
}

extension Space {
  mutating func put(_ kind: UInt8, _ id: Identifier, _ record: some DocumentRecord) {
    pending.puts.append((DocumentKey(kind: kind, id: id), record.encoded()))
  }

  mutating func delete(_ kind: UInt8, _ id: Identifier) { pending.deletes.append(DocumentKey(kind: kind, id: id)) }

  mutating func touch(task place: Int, at now: Int64) {
    tasks[place].record.updated = now
    guard !tasks[place].isDirty else { return }
    tasks[place].isDirty = true
    pending.tasks.append(place)
  }

  mutating func touch(worker place: Int, at now: Int64) {
    workers[place].record.updated = now
    guard !workers[place].isDirty else { return }
    workers[place].isDirty = true
    pending.workers.append(place)
  }

  mutating func touch(reservation place: Int, at now: Int64) {
    reservations[place].record.updated = now
    guard !reservations[place].isDirty else { return }
    reservations[place].isDirty = true
    pending.reservations.append(place)
  }

  /// Ends a command: what it changed goes into the effects, each document once.
  mutating func flush(_ turn: inout Turn) {
    settle(&turn)
    if pending.writesWorkspace { turn.effects.put(id, DocumentKey(kind: Kind.workspace, id: id), record.encoded()) }
    for (key, bytes) in pending.puts { turn.effects.put(id, key, bytes) }
    for place in pending.tasks where taskPlaces[tasks[place].id] == place {
      tasks[place].isDirty = false
      turn.effects.put(id, DocumentKey(kind: Kind.task, id: tasks[place].id), tasks[place].record.encoded())
    }
    for place in pending.workers where workerPlaces[workers[place].id] == place {
      workers[place].isDirty = false
      turn.effects.put(id, DocumentKey(kind: Kind.worker, id: workers[place].id), workers[place].record.encoded())
    }
    for place in pending.reservations where reservationPlaces[reservations[place].id] == place {
      reservations[place].isDirty = false
      turn.effects.put(id, DocumentKey(kind: Kind.reservation, id: reservations[place].id), reservations[place].record.encoded())
    }
    for fact in pending.facts { turn.effects.fact(id, fact) }
    for key in pending.deletes { turn.effects.delete(id, key) }
    sweepRemoved()
    pending = PendingEffects()
  }
}
