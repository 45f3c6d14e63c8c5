package import Journal
package import Machines
package import Resources

/// What must not be done because it ended the process too often (journal.md, "Poison").
extension TaskRoutingMachine {
  package mutating func reject(_ command: Command, _ verdict: Verdict, _ turn: inout Turn) {
    if case .question = command.origin { return turn.effects.reply(to: command.replyTo, verdict) }
    if case .line(let importing, let number, let count) = command.origin {
      return rejectLine(command, importing, number, count, verdict, &turn)
    }
    guard command.idempotency != nil, let place = places[command.scope] ?? addHusk(for: command, &turn), var space = take(place) else {
      return turn.effects.reply(to: command.replyTo, verdict)
    }
    let isOwner = space.record.account == command.account
    let answer = isOwner ? space.keys.settle(command, verdict, at: turn.now, into: &turn.effects) : verdict
    put(consume space, place)
    turn.effects.reply(to: command.replyTo, answer)
  }

  /// Only the making of a workspace gets anywhere without one. Its key has to stand somewhere, so the workspace is there as one that is deleted already; its repeats find it, as
  /// its identifier follows from the key.
  private mutating func addHusk(for command: Command, _ turn: inout Turn) -> Int? {
    guard command.account != .none else { return nil }
    var record = WorkspaceRecord()
    record.account = command.account
    record.isDeleted = true
    record.created = turn.now
    record.updated = turn.now
    turn.effects.put(command.scope, DocumentKey(kind: Kind.workspace, id: command.scope), record.encoded())
    return add(Space(id: command.scope, settings: settings, record: record))
  }

  private mutating func rejectLine(
    _ command: Command, _ importing: Identifier, _ number: UInt64, _ count: UInt64, _ verdict: Verdict, _ turn: inout Turn
  ) {
    guard case (let place, var space)? = takeLive(command) else { return }
    space.rejectLine(importing, number, count, verdict.message, turn.now)
    space.flush(&turn)
    put(consume space, place)
  }

  package func timer(of scope: Identifier?, dueAt now: Int64) -> Errand? {
    guard let due = firstDue(of: scope), due.at <= now else { return nil }
    return spaces[due.place]?.timer(dueAt: now)
  }

  package mutating func dropTimer(of scope: Identifier?, _ turn: inout Turn) {
    guard let due = firstDue(of: scope), due.at <= turn.now, var space = take(due.place) else { return }
    space.dropTimer(&turn)
    put(consume space, due.place)
  }

  package var sliced: Errand? {
    if let place = evaluating.first { return spaces[place]?.reEvaluation }
    guard let place = clearing.first?.place, let scope = spaces[place]?.id else { return nil }
    return Errand(scope: scope, document: DocumentKey(kind: Kind.workspace, id: scope), at: 0)
  }

  package mutating func dropSlice(_ turn: inout Turn) {
    if let place = evaluating.first {
      guard var space = take(place) else { return }
      space.endReEvaluation()
      space.flush(&turn)
      if space.reEvaluating.isEmpty { evaluating.removeFirst() }
      return put(consume space, place)
    }
    guard !clearing.isEmpty else { return }
    let place = clearing.removeFirst().place
    guard var space = take(place) else { return }
    space.silence(space.id, until: turn.now, &turn)
    put(consume space, place)
  }

  package static func words(for errand: Errand) -> String {
    let workspace = "workspace \(SIDKind.workspace.text(errand.scope))"
    let due = "due at \(Dates.iso8601Milliseconds(errand.at))"
    switch errand.document.kind {
    case Kind.task: return "the timer of task \(SIDKind.task.text(errand.document.id)) of \(workspace), \(due)"
    case Kind.reservation: return "the timeout of reservation \(SIDKind.reservation.text(errand.document.id)) of \(workspace), \(due)"
    case Kind.workflow:
      return
        "placing the tasks of workflow \(SIDKind.workflow.text(errand.document.id)) of \(workspace) again, by its revision \(errand.at)"
    case Kind.workspace: return "clearing away the deleted \(workspace)"
    default: return "the expiry of idempotency key \(errand.document.id.hex) of \(workspace), \(due)"
    }
  }
}

extension Space {
  /// Up to when what was due for this does not fire; nil where everything does.
  func silence(of id: Identifier) -> Int64? { silences.isEmpty ? nil : silences[id] }

  mutating func silence(_ id: Identifier, until instant: Int64, _ turn: inout Turn) {
    silences[id] = instant
    turn.effects.put(self.id, DocumentKey(kind: Kind.silence, id: id), SilenceRecord(until: instant).encoded())
  }

  mutating func endSilence(of id: Identifier) {
    guard !silences.isEmpty, silences.removeValue(forKey: id) != nil else { return }
    delete(Kind.silence, id)
  }

  /// Whether something of a task is due that is not to be left alone.
  func isDue(_ instant: Int64, _ task: Int, _ now: Int64) -> Bool { instant <= now && instant > silence(of: tasks[task].id) ?? .min }

  /// The same one that `fireFirst` would fire. Nothing may end the process here: it is not noted yet.
  func timer(dueAt now: Int64) -> Errand? {
    guard let timer = timers.first, timer.due <= now else { return keys.firstExpiry(scope: id).flatMap { $0.at <= now ? $0 : nil } }
    let document =
      switch timer.kind {
      case .task: DocumentKey(kind: Kind.task, id: tasks.isTaken(timer.place) ? tasks[timer.place].id : .none)
      case .reservation: DocumentKey(kind: Kind.reservation, id: reservations.isTaken(timer.place) ? reservations[timer.place].id : .none)
      }
    return Errand(scope: id, document: document, at: timer.due)
  }

  mutating func dropTimer(_ turn: inout Turn) {
    guard let timer = timers.first, timer.due <= turn.now else {
      if let due = keys.nextDue, due <= turn.now { keys.keepFirst(scope: id, into: &turn.effects) }
      return
    }
    timers.remove(timer)
    switch timer.kind {
    case .task:
      guard tasks.isTaken(timer.place) else { return }
      tasks[timer.place].timer = 0
      silence(tasks[timer.place].id, until: timer.due, &turn)
      // What else the task waits for comes later.
      setTimer(timer.place)
    case .reservation:
      guard reservations.isTaken(timer.place) else { return }
      silence(reservations[timer.place].id, until: timer.due, &turn)
    }
  }

  /// The placing again that `reEvaluateSlice` would go on with.
  var reEvaluation: Errand? {
    guard let workflow = reEvaluating.first, let revision = workflows[workflow]?.record.reEvaluatedRevision else { return nil }
    return Errand(scope: id, document: DocumentKey(kind: Kind.workflow, id: workflow), at: revision)
  }

  /// The first of the workflows whose tasks are placed again is done with, or given up.
  mutating func endReEvaluation() {
    guard !reEvaluating.isEmpty else { return }
    let workflow = reEvaluating.removeFirst()
    reEvaluationCursor[workflow] = nil
    workflows[workflow]?.record.reEvaluatedRevision = 0
    if let record = workflows[workflow]?.record { put(Kind.workflow, workflow, record) }
  }
}
