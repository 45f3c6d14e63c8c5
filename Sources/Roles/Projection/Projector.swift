package import Handover
import Journal
package import Ports
package import Resources

/// Folds the journal of one partition off the hot path and makes from it: the `events` topic, the snapshot (`*.state`) with the ledger behind it, and what
/// else follows from events (journal.md, "Projection"). Those who listen live are told as soon as a decision is read, before the transaction.
package actor Projector {
  package nonisolated let queue: any WorkQueue
  package nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

  private let options: Options
  private let log: any EventLog
  private let handover: Handover?
  private let live: (@Sendable ([LiveEvent]) -> Void)?
  private let notify: @Sendable (ProjectorNotice) -> Void

  private var image = Image()
  private var transactions: (any ProjectionSession)?
  private var reader: (any LogReader)?
  private var readsJournal = false
  private var gathered: Gathered
  private var isWriting = false
  private var isScheduled = false
  private var isReading = false
  private var isStopped = true
  private var failures = 0
  private var generation = 0
  private var stopping: (@Sendable () -> Void)?
  /// Is stopping and has read to the end: others may go on writing, so there would always be more.
  private var isDrained = false
  /// Why it has stopped and will not go on by itself; nil while it works.
  private var trouble: String?
  /// The journal's offset up to which everything is written.
  private var written: Int64 = 0
  package var events: Int { gathered.events }
  package private(set) var refused = 0

  package init(
    options: Options, log: any EventLog, queue: any WorkQueue, handover: Handover? = nil, consumers: [any EventConsumer] = [],
    live: (@Sendable ([LiveEvent]) -> Void)? = nil, isHeard: @escaping @Sendable (Identifier) -> Bool = { _ in true },
    notify: @escaping @Sendable (ProjectorNotice) -> Void = { _ in }
  ) {
    self.options = options
    self.log = log
    self.queue = queue
    self.handover = handover
    self.live = live
    let nobody: @Sendable (Identifier) -> Bool = { _ in false }
    gathered = Gathered(
      packs: options.packsEvents, events: TopicPartition("events", options.partition), consumers: consumers,
      isHeard: live == nil ? nobody : isHeard)
    self.notify = notify
  }

  private nonisolated func post(_ body: @escaping @Sendable (isolated Projector) -> Void) {
    queue.post { self.assumeIsolated { body($0) } }
  }

  private var state: TopicPartition { TopicPartition(options.family + ".state", options.partition) }
  private var journal: TopicPartition { TopicPartition(options.family + ".journal", options.partition) }

  package nonisolated func start() {
    post { $0.begin() }
  }

  /// Writes what is there to be read and stops, after `milliseconds` in any case: what comes meanwhile, and the rest, is projected at the next start. `done` is called
  /// on the queue, once.
  package nonisolated func stop(within milliseconds: Int64 = 5000, _ done: @escaping @Sendable () -> Void = {}) {
    post { projector in
      let first = projector.stopping
      projector.stopping = {
        first?()
        done()
      }
      guard !projector.isStopped else { return projector.end() }
      _ = projector.queue.schedule(afterMilliseconds: milliseconds) { projector.assumeIsolated { $0.end() } }
      projector.read(projector.generation)
    }
  }

  private func end() {
    guard let done = stopping else { return }
    stopping = nil
    isStopped = true
    handover?.note(projected: nil)
    generation += 1
    letGo()
    done()
  }

  private func letGo() {
    reader?.close()
    reader = nil
    transactions?.close()
    transactions = nil
  }

  /// Only once whoever projected this partition before can write no more the snapshot is read, from which this one goes on.
  private func begin() {
    generation += 1
    isStopped = false
    trouble = nil
    isWriting = false
    // Whoever was to write belongs to the time before, and will not.
    isScheduled = false
    isDrained = false
    image = Image()
    readsJournal = false
    gathered.forget()
    letGo()
    let current = generation
    log.openProjection("\(options.family)/\(options.partition)") { [weak self] outcome in
      self?.post { $0.opened(outcome, current) }
    }
  }

  private func opened(_ outcome: Result<any ProjectionSession, LogFailure>, _ current: Int) {
    switch outcome {
    case .failure(let failure):
      guard current == generation, !isStopped else { return }
      notify(.failed("\(journal): \(failure)"))
      beginAgain(current)
    case .success(let session):
      guard current == generation, !isStopped else { return session.close() }
      transactions = session
      reader = log.openReader(state, from: 0, key: nil, visibility: .committed) { [weak self] in self?.post { $0.read(current) } }
      read(current)
    }
  }

  // MARK: Reading

  /// How it stands, told on the queue.
  package nonisolated func look(_ body: @escaping @Sendable (ProjectorStanding) -> Void) {
    post { projector in
      let isClean = projector.readsJournal && projector.gathered.isEmpty
      let position = isClean && !projector.isWriting ? projector.image.ledger.nextOffset : projector.written
      body(ProjectorStanding(position: position, trouble: projector.trouble, events: projector.events))
    }
  }

  private func read(_ current: Int) {
    guard current == generation, !isStopped, !isDrained, !isReading, !isWriting || gathered.weight < options.most, let reader
    else {
      return
    }
    isReading = true
    defer { isReading = false }
    do {
      // A decision may be a hundred timers: few at a time, or one transaction would hold up what other partitions derive.
      let records = readsJournal ? try reader.take(records: 50, bytes: 256 << 10) : try reader.take(records: 500, bytes: 2 << 20)
      if records.isEmpty {
        // What is on its way rings when it is here.
        guard reader.isAtEnd else { return }
        if !readsJournal { openJournal(current) } else { caughtUp() }
        return
      }
      var told: [LiveEvent] = []
      // A journal has no holes: a snapshot made from what is left would be taken for all there ever was.
      if readsJournal, image.ledger.nextOffset == 0, let first = records.first, first.offset > 0 {
        return giveUp("\(journal) begins at \(first.offset) and \(state) has no snapshot; restore the topics from a copy")
      }
      for record in records {
        if readsJournal { try fold(record, &told) } else { try image.takeSnapshot(key: record.key, value: record.value) }
      }
      if !told.isEmpty { live?(told) }
    } catch let failure as LogFailure {
      notify(.failed("\(journal): \(failure)"))
      return beginAgain(current)
    } catch {
      return giveUp("\(readsJournal ? journal : state): \(error)")
    }
    if readsJournal, gathered.weight >= options.most { write(current) } else { schedule(current) }
    post { $0.read(current) }
  }

  /// Nothing that cannot be read is passed over: what follows from it would be missing for ever.
  private func giveUp(_ why: String) {
    isStopped = true
    handover?.note(projected: nil)
    trouble = why
    notify(.unreadable(why))
    // What was read before it is good.
    if readsJournal { write(generation) }
  }

  private func openJournal(_ current: Int) {
    reader?.close()
    readsJournal = true
    handover?.note(projected: image.ledger.nextOffset)
    reader = log.openReader(journal, from: image.ledger.nextOffset, key: nil, visibility: .committed) { [weak self] in
      self?.post { $0.read(current) }
    }
    post { $0.read(current) }
  }

  /// Soon at first; what lasts is not tried, and told, five times a second.
  private func beginAgain(_ failed: Int) {
    guard failed == generation else { return }
    // Nothing that is still read counts: what was gathered may be gone.
    generation += 1
    readsJournal = false
    letGo()
    let current = generation
    failures = min(failures + 1, 5)
    _ = queue.schedule(afterMilliseconds: 100 << Int64(failures)) { [weak self] in
      self?.assumeIsolated { projector in
        guard projector.generation == current else { return }
        projector.begin()
      }
    }
  }

  /// Folds one journal record, step by step, so that each fact is told with the documents as they were then.
  private func fold(_ record: LogRecord, _ told: inout [LiveEvent]) throws {
    let parsed =
      try record.value.flatMap { handover?.take($0) }.map { .decision($0) } ?? JournalRecord(decoding: record.value, at: record.offset)
    switch image.accept(parsed, at: record.offset) {
    case .opened: return
    case .refused: refused += 1
    case .accepted:
      guard case .decision(let decision) = parsed else { return }
      for scope in decision.scopes {
        gathered.scopes.insert(scope.scope)
        take(scope, &told)
      }
    }
  }

  private func take(_ scope: ScopeSteps, _ told: inout [LiveEvent]) {
    var sequence = scope.firstEvent
    for step in scope.steps {
      switch step {
      case .put(let key, let bytes):
        image.set(scope.scope, key, bytes)
        gathered.change(scope.scope, key, bytes)
      case .delete(let key):
        image.set(scope.scope, key, nil)
        gathered.change(scope.scope, key, nil)
      case .fact(let fact):
        if options.hasEvents, let event = gathered.tell(fact, scope.scope, sequence, image.documents[scope.scope] ?? [:]) {
          told.append(event)
        }
        sequence += 1
      }
    }
  }

  // MARK: Writing

  private func caughtUp() {
    let isClean = gathered.isEmpty
    guard stopping == nil else {
      isDrained = true
      return isClean && !isWriting ? end() : write(generation)
    }
    if isClean, !isWriting {
      handover?.note(projected: image.ledger.nextOffset)
    } else if !isClean {
      schedule(generation)
    }
  }

  private func schedule(_ current: Int) {
    guard readsJournal, !isScheduled, !isWriting, !gathered.isEmpty else { return }
    isScheduled = true
    _ = queue.schedule(afterMilliseconds: options.interval) { [weak self] in
      self?.assumeIsolated { projector in
        guard projector.generation == current else { return }
        projector.isScheduled = false
        projector.write(current)
      }
    }
  }

  /// One transaction: what was derived, the documents that changed, the marks that moved, and last the ledger that they correspond to.
  private func write(_ current: Int) {
    guard current == generation, !isWriting, !gathered.isEmpty else { return }
    isWriting = true
    let records = gathered.take(state, image.ledger)
    let offset = image.ledger.nextOffset
    transactions?.project(records, source: journal, position: offset) { [weak self] outcome in
      self?.post { $0.written(outcome, upTo: offset, current) }
    }
  }

  private func written(_ outcome: Result<Void, LogFailure>, upTo offset: Int64, _ current: Int) {
    guard current == generation else { return }
    isWriting = false
    switch outcome {
    case .failure(let failure):
      // The outcome may be unknown: from the last ledger in the snapshot, again.
      notify(.failed("\(failure)"))
      beginAgain(current)
    case .success:
      failures = 0
      written = offset
      if !isStopped { handover?.note(projected: offset) }
      notify(.caughtUp(offset: offset))
      trim(below: offset)
      guard !isDrained else { return gathered.isEmpty ? end() : write(current) }
      schedule(current)
      read(current)
    }
  }

  private var lastTrim: Int64 = 0

  /// The journal may go up to the stored ledger, the inputs up to the owner's position in it, events by age alone; nothing that is younger than the retention.
  private func trim(below offset: Int64) {
    guard offset - lastTrim >= options.trimEvery else { return }
    lastTrim = offset
    let horizon = image.ledger.now - options.retention
    trim(journal, below: offset, olderThan: horizon)
    for (input, topic) in options.inputs.enumerated() {
      trim(TopicPartition(topic, options.partition), below: image.ledger.positions[UInt8(input)] ?? 0, olderThan: horizon)
    }
    if options.hasEvents { trim(gathered.target, below: .max, olderThan: horizon) }
  }

  private func trim(_ source: TopicPartition, below limit: Int64, olderThan horizon: Int64) {
    log.offset(source, since: horizon) { [weak self] found in
      self?.post { projector in
        switch found {
        case .failure(let failure): projector.notify(.failed("trimming \(source): \(failure)"))
        case .success(let young):
          projector.log.trim(source, before: min(young, limit)) { [weak projector] outcome in
            guard case .failure(let failure) = outcome else { return }
            projector?.post { $0.notify(.failed("trimming \(source): \(failure)")) }
          }
        }
      }
    }
  }
}
