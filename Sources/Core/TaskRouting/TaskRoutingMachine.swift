package import Journal
package import Machines
package import Resources

/// The work-distribution machine: all workspaces of one partition (taskrouter.md 4 to 7). Pure: what it knows stands in its documents.
package struct TaskRoutingMachine: Machine {
  let settings: TaskRoutingSettings
  private(set) var spaces: [Space?] = []
  private(set) var places: [Identifier: Int] = [:]
  /// When each workspace's first timer is due.
  private(set) var dues = OrderedIndex<Due>()
  private var dueOf: [Int64?] = []
  /// Deleted workspaces whose documents are being cleared away, oldest first.
  var clearing: [Clearing] = []
  private var touched: Set<Int> = []

  struct Due: Comparable, Sendable {
    var at: Int64
    var place: Int

    static func < (a: Due, b: Due) -> Bool { a.at != b.at ? a.at < b.at : a.place < b.place }
  }

  /// What is left of a deleted workspace: keys still to be removed, and the idempotency keys, which outlive it.
  struct Clearing: Sendable {
    var place: Int
    var left: [DocumentKey]
    /// What the workspace held, taken apart slice by slice, so that deleting costs the same whatever is in it. Nil after a start, when all keys are known at once.
    var remains: Space?
  }

  package init(settings: TaskRoutingSettings, documents: [Identifier: [DocumentKey: [UInt8]]]) throws(DecodingFailure) {
    self.settings = settings
    for (scope, contents) in documents.sorted(by: { $0.key < $1.key }) {
      guard let space = try Space.load(scope, settings: settings, contents) else { continue }
      let place = add(space)
      if space.record.isDeleted, space.silence(of: scope) == nil {
        startClearing(place, contents.keys.filter { Space.isCleared($0) }.sorted())
      }
      if !space.reEvaluating.isEmpty { evaluating.append(place) }
      schedule(place, space.nextDue)
    }
  }

  mutating func add(_ space: Space) -> Int {
    let place = spaces.count
    spaces.append(space)
    places[space.id] = place
    dueOf.append(nil)
    return place
  }

  private mutating func startClearing(_ place: Int, _ keys: [DocumentKey], _ remains: Space? = nil) {
    clearing.append(Clearing(place: place, left: keys, remains: remains))
  }

  mutating func schedule(_ place: Int, _ due: Int64?) {
    guard due != dueOf[place] else { return }
    if let old = dueOf[place] { dues.remove(Due(at: old, place: place)) }
    if let due { dues.insert(Due(at: due, place: place)) }
    dueOf[place] = due
  }

  package var nextDue: Int64? { dues.first?.at }

  package func nextDue(of scope: Identifier) -> Int64? { places[scope].flatMap { dueOf[$0] } }

  /// Where the earliest timer is of a workspace, or of all.
  func firstDue(of scope: Identifier?) -> Due? {
    guard let scope else { return dues.first }
    guard let place = places[scope], let at = dueOf[place] else { return nil }
    return Due(at: at, place: place)
  }

  package var hasSlice: Bool { !clearing.isEmpty || !evaluating.isEmpty }

  var evaluating: [Int] = []

  // MARK: Commands

  package static func published(_ bytes: [UInt8]) throws(PublishedRecordError) -> Command {
    do throws(WorkItemError) {
      let item = try WorkItem.request(bytes, isPublished: true)
      return Command(scope: item.workspace ?? .none, account: .none, body: item.request.encoded())
    } catch {
      throw PublishedRecordError(error.message)
    }
  }

  package mutating func handle(_ command: Command, _ turn: inout Turn) {
    switch command.origin {
    case .question(let importing): return answer(command, about: importing, &turn)
    case .line(let importing, let number, let count): return handleLine(command, importing, number, count, &turn)
    case .request, .outbox: break
    }
    // Before the body is read: that may have been what ended the process the first time.
    if let known = answerFromKey(command) { return turn.effects.reply(to: command.replyTo, known) }
    let request: Request
    do throws(DecodingFailure) { request = try Request(decoding: command.body) } catch {
      return turn.effects.reply(to: command.replyTo, Verdict(status: 400, code: 20001, message: "The command cannot be read: \(error)"))
    }
    if request.operation == .createWorkspace { return createWorkspace(command, request, &turn) }
    guard let place = places[command.scope], var space = take(place) else {
      return turn.effects.reply(to: command.replyTo, .notFound)
    }
    var command = command
    // Published by another system, which the log let in: whose workspace it is, is known here.
    if command.account == .none { command.account = space.record.account }
    if let early = space.answerWithoutDeciding(command) {
      put(consume space, place)
      return turn.effects.reply(to: command.replyTo, early)
    }
    guard request.operation != .deleteWorkspace else {
      put(consume space, place)
      return deleteWorkspace(place, command, &turn)
    }
    let verdict = space.perform(request, &turn)
    space.flush(&turn)
    space.remember(verdict, of: command, &turn)
    put(consume space, place)
    turn.effects.reply(to: command.replyTo, verdict)
  }

  /// Takes a workspace out, so that it is changed in place and not copied; `put` puts it back and keeps its timer.
  mutating func take(_ place: Int) -> Space? { spaces[place].take() }

  /// Takes out the workspace of a command unless it is deleted or another account's. Asking before taking would copy it.
  mutating func takeLive(_ command: Command) -> (place: Int, space: Space)? {
    guard let place = places[command.scope], let space = take(place) else { return nil }
    if space.record.account == command.account, !space.record.isDeleted { return (place, consume space) }
    put(consume space, place)
    return nil
  }

  mutating func put(_ space: consuming Space, _ place: Int) {
    let due = space.nextDue
    if !space.reEvaluating.isEmpty, !evaluating.contains(place) { evaluating.append(place) }
    if !space.dirtyImports.isEmpty { touched.insert(place) }
    spaces[place] = consume space
    schedule(place, due)
  }

  /// What a repeated command was answered the first time.
  private func answerFromKey(_ command: Command) -> Verdict? {
    guard let key = command.idempotency, let place = places[command.scope], spaces[place]?.record.account == command.account else {
      return nil
    }
    return spaces[place]?.keys.answer(to: key)
  }

  private mutating func createWorkspace(_ command: Command, _ request: Request, _ turn: inout Turn) {
    guard places[command.scope] == nil else {
      return turn.effects.reply(to: command.replyTo, Verdict(status: 409, code: 20409, message: "The workspace exists already"))
    }
    var space = Space.make(command.scope, account: command.account, request, settings: settings, &turn)
    space.flush(&turn)
    let verdict = Verdict(status: 201, scope: command.scope, document: DocumentKey(kind: Kind.workspace, id: command.scope))
    space.remember(verdict, of: command, &turn)
    schedule(add(space), space.nextDue)
    tellDirectory(command, isThere: true, verdict, &turn)
  }

  /// The account's directory follows through the outbox, and it is the directory that answers, so that both are readable then (architecture.md, "Topics").
  private func tellDirectory(_ command: Command, isThere: Bool, _ verdict: Verdict, _ turn: inout Turn) {
    var body = ByteWriter(capacity: 64)
    body.byte(DirectoryNote.version)
    body.byte(isThere ? 1 : 0)
    body.identifier(command.scope)
    verdict.write(to: &body)
    let note = Command(scope: command.account, account: command.account, replyTo: command.replyTo, body: [DirectoryNote.tag] + body.bytes)
    turn.effects.send(Outgoing(target: DirectoryNote.topic, key: command.account, payload: .command(note)))
  }

  private mutating func deleteWorkspace(_ place: Int, _ command: Command, _ turn: inout Turn) {
    guard var space = take(place) else { return }
    let keys = space.configurationKeys().sorted()
    space.record.isDeleted = true
    space.fact(.workspaceDeleted, about: space.id, turn.now)
    space.pending.writesWorkspace = true
    space.flush(&turn)
    let verdict = Verdict(status: 204)
    space.remember(verdict, of: command, &turn)
    // Everything in it is gone for the machine at once; the documents go in slices.
    var husk = Space(id: space.id, settings: settings, record: space.record)
    husk.keys = space.keys
    put(husk, place)
    evaluating.removeAll { $0 == place }
    startClearing(place, keys, consume space)
    tellDirectory(command, isThere: false, verdict, &turn)
  }

  // MARK: Imports

  private mutating func handleLine(_ command: Command, _ importing: Identifier, _ number: UInt64, _ count: UInt64, _ turn: inout Turn) {
    guard case (let place, var space)? = takeLive(command) else { return }
    space.decideLine(command.body, importing, number, count, &turn)
    space.flush(&turn)
    put(consume space, place)
  }

  /// Answers how many lines of an import are decided: with everything before the question.
  private mutating func answer(_ command: Command, about importing: Identifier, _ turn: inout Turn) {
    guard case (let place, var space)? = takeLive(command) else { return turn.effects.reply(to: command.replyTo, .notFound) }
    var verdict = Verdict(status: 200, scope: command.scope, document: DocumentKey(kind: Kind.bulkImport, id: importing))
    verdict.number = space.imports[importing]?.decided ?? 0
    // From the question on the import is there to be asked about.
    if space.imports[importing] == nil {
      var record = ImportRecord()
      record.created = turn.now
      record.updated = turn.now
      space.imports[importing] = record
      space.dirtyImports.insert(importing)
    }
    put(consume space, place)
    turn.effects.reply(to: command.replyTo, verdict)
  }

  // MARK: Time

  package mutating func fire(of scope: Identifier?, _ turn: inout Turn) {
    guard let due = firstDue(of: scope), let key = spaces[due.place]?.id else { return }
    guard var space = take(due.place) else { preconditionFailure("a timer of a workspace that is not there: \(key)") }
    space.fireFirst(&turn)
    space.flush(&turn)
    put(consume space, due.place)
  }

  // MARK: Long commands

  package mutating func slice(limit: Int, _ turn: inout Turn) {
    if let place = evaluating.first {
      guard var space = take(place) else { return }
      space.reEvaluateSlice(limit: limit, &turn)
      space.flush(&turn)
      if space.reEvaluating.isEmpty { evaluating.removeFirst() }
      return put(consume space, place)
    }
    guard !clearing.isEmpty, let scope = spaces[clearing[0].place]?.id else { return }
    if clearing[0].left.count < limit { clearing[0].left += clearing[0].remains?.takeKeys(limit) ?? [] }
    for key in clearing[0].left.suffix(limit) { turn.effects.delete(scope, key) }
    clearing[0].left.removeLast(min(limit, clearing[0].left.count))
    if clearing[0].left.isEmpty, clearing[0].remains?.isEmptied != false { clearing.removeFirst() }
  }

  package mutating func close(_ turn: inout Turn) {
    for place in touched.sorted() {
      guard var space = take(place) else { continue }
      for id in space.dirtyImports.sorted() {
        if let record = space.imports[id] {
          turn.effects.put(space.id, DocumentKey(kind: Kind.bulkImport, id: id), record.encoded())
        }
      }
      space.dirtyImports = []
      spaces[place] = space
    }
    touched = []
  }

  package func documents(of scope: Identifier) -> [(key: DocumentKey, bytes: [UInt8])] {
    guard let place = places[scope], let space = spaces[place] else { return [] }
    return space.allDocuments()
  }

  /// Every scope that has documents.
  package var scopes: [Identifier] { places.keys.sorted() }
}

/// What a workspace's partition tells its account's: it is there, or gone. The account's machine reads it and answers the waiting request.
package enum DirectoryNote {
  package static let topic = "account.commands"
  package static let tag: UInt8 = 200
  package static let version: UInt8 = 1
}

extension Space {
  /// Idempotency keys and the workspace's own document stay when the rest is cleared away.
  static func isCleared(_ key: DocumentKey) -> Bool { key.kind != IdempotencyKeys.kind && key.kind != Kind.workspace }

  /// What needs no deciding: somebody else's workspace, or one that is gone.
  func answerWithoutDeciding(_ command: Command) -> Verdict? {
    guard record.account == command.account else { return .notFound }
    return record.isDeleted ? .notFound : nil
  }

  mutating func perform(_ request: Request, _ turn: inout Turn) -> Verdict {
    switch request.operation {
    case .updateWorkspace: updateWorkspace(request, &turn)
    case .createActivity: createActivity(request, &turn)
    case .updateActivity: updateActivity(request, &turn)
    case .deleteActivity: deleteActivity(request, &turn)
    case .createWorker: createWorker(request, &turn)
    case .updateWorker: updateWorker(request, &turn)
    case .deleteWorker: deleteWorker(request, &turn)
    case .updateWorkerChannel: updateWorkerChannel(request, &turn)
    case .createTaskChannel: createTaskChannel(request, &turn)
    case .updateTaskChannel: updateTaskChannel(request, &turn)
    case .deleteTaskChannel: deleteTaskChannel(request, &turn)
    case .createTaskQueue: createTaskQueue(request, &turn)
    case .updateTaskQueue: updateTaskQueue(request, &turn)
    case .deleteTaskQueue: deleteTaskQueue(request, &turn)
    case .createWorkflow: createWorkflow(request, &turn)
    case .updateWorkflow: updateWorkflow(request, &turn)
    case .deleteWorkflow: deleteWorkflow(request, &turn)
    case .createTask: createTask(request, &turn)
    case .updateTask: updateTask(request, &turn)
    case .deleteTask: deleteTask(request, &turn)
    case .updateReservation: updateReservation(request, &turn)
    case .createWorkspace, .deleteWorkspace, .skipLines:
      Verdict(status: 400, code: 20001, message: "The operation does not belong to a workspace")
    }
  }

  mutating func fireFirst(_ turn: inout Turn) {
    guard let timer = timers.first, timer.due <= turn.now else {
      if let due = keys.nextDue, due <= turn.now { keys.expireFirst(scope: id, into: &turn.effects) }
      return
    }
    timers.remove(timer)
    switch timer.kind {
    case .task: if tasks.isTaken(timer.place) { fireTask(timer.place, &turn) }
    case .reservation:
      guard reservations.isTaken(timer.place), reservations[timer.place].record.status == .pending else { return }
      decline(timer.place, as: .timeout, moveTo: record.timeoutActivity, &turn)
    }
  }
}
