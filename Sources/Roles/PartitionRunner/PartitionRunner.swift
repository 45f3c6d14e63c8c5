import Journal
package import Machines
package import Ports
import Resources

/// Owns one partition: open, catch up, decide, confirm, apply, hand over (journal.md, "Owning a partition"). Everything happens on its queue; the log, hot state and the
/// bus answer by posting to it, so the whole protocol is one sequence of steps that a simulation can drive.
package actor PartitionRunner<M: Machine> {
  package nonisolated let queue: any WorkQueue
  package nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }
  package nonisolated let options: RunnerOptions
  let ports: RunnerPorts
  let settings: M.Settings
  let notify: @Sendable (RunnerNotice) -> Void

  /// What is being done with the partition now.
  enum Phase: Equatable {
    case stopped, opening, catchingUp, filling, running
  }

  var phase = Phase.stopped
  /// Grows with every session; answers that belong to an older one are not heard.
  var session = 0
  var journal: (any AppendSession)?
  var incarnation: UInt64 = 0
  var pause: (any Cancellable)?
  var failures = 0

  /// As the journal's accepted records have it, and as it will be when everything in flight is accepted.
  var ledger = Ledger()
  var ahead = Ledger()
  var machine: M?

  var readers: [any LogReader] = []
  var backlog: [[LogRecord]] = []
  var drained: [Bool] = []
  /// Inputs of which more is on its way: neither read to the end nor anything here to read.
  var awaited: [Bool] = []
  var flights: [Flight] = []
  var nextTag: UInt64 = 1
  /// One command a decision: after a batch was too large for the log.
  var decidesSingly = false
  /// Input records that are decided as rejected without being handled: too large to decide.
  var doomed: [String: String] = [:]
  var isWoken = false
  var yielding = Yielding()
  /// An input whose position is not in the log any more.
  var lostInput: String?
  /// Inputs that were made anew or lost their end, and where they are read from instead.
  var restarts: [TopicPartition: Int64] = [:]
  /// Inputs of which that has to be found out before the next start.
  var displaced: Set<TopicPartition> = []
  var timer: (due: Int64, wake: any Cancellable)?
  /// Timers that the decision being made may still fire.
  var timersLeft = 0
  /// Runs between two slices of a long command.
  var slicePause: (any Cancellable)?

  var outbox: [Peer: Sender] = [:]
  var acknowledged: [Peer: UInt64] = [:]
  var markTimer: (any Cancellable)?

  /// Decisions that are confirmed but whose scopes hot state has not taken yet.
  var awaiting: [Awaiting] = []
  var behind: Set<Identifier> = []
  var attempts: Int64 = 0
  var hotIsReachable = true
  var refill: Refill?
  var watchTimer: (any Cancellable)?
  /// Hot state knows that every scope is there.
  var isComplete = false
  var watch: (any Cancellable)?
  /// Times that what hot state stores may have changed underneath, and up to which of them all marks were compared since.
  var changesHeard = 0
  var changesCompared = 0
  /// Comparisons that are not answered yet.
  var comparing = 0
  var compareTimer: (any Cancellable)?

  /// What came between two of its own records is being read; reports wait meanwhile.
  var folding: Folding?
  var heldReports: [AppendReport] = []

  var quietWaiters: [@Sendable () -> Void] = []
  /// Set when no more input is taken; what is in flight is seen through.
  var finishing: (@Sendable () -> Void)?
  package private(set) var counters = RunnerCounters()
  /// The counters as the meter was last told them.
  var metered = RunnerCounters()
  /// Why the partition is not decided now, in words for whoever looks after it; nil while it is.
  package internal(set) var trouble: String?

  package init(
    options: RunnerOptions, ports: RunnerPorts, settings: M.Settings, queue: any WorkQueue,
    notify: @escaping @Sendable (RunnerNotice) -> Void = { _ in }
  ) {
    self.options = options
    self.ports = ports
    self.settings = settings
    self.queue = queue
    self.notify = notify
  }

  /// Runs `body` on the queue, with the runner in its hands. Callable from anywhere.
  package nonisolated func post(_ body: @escaping @Sendable (isolated PartitionRunner<M>) -> Void) {
    queue.post { self.assumeIsolated { body($0) } }
  }

  /// Takes the partition.
  package nonisolated func start() {
    post { runner in
      guard runner.phase == .stopped else { return }
      runner.watchHotState()
      runner.open()
    }
  }

  /// Lets the partition go: no ceremony (journal.md). What is in flight is decided by the journal. `done` is called on the queue.
  package nonisolated func stop(_ done: @escaping @Sendable () -> Void = {}) {
    post { runner in
      runner.forget()
      runner.phase = .stopped
      runner.pause?.cancel()
      runner.watch?.cancel()
      runner.watch = nil
      done()
    }
  }

  /// Lets the partition go once everything decided is confirmed and applied, or after `milliseconds` in any case: what is in the journal is safe either way.
  /// `done` is called on the queue, once.
  package nonisolated func finish(within milliseconds: Int64, _ done: @escaping @Sendable () -> Void) {
    post { runner in
      guard runner.phase == .running else { return runner.stop(done) }
      let first = runner.finishing
      runner.finishing = {
        first?()
        done()
      }
      _ = runner.queue.schedule(afterMilliseconds: milliseconds) { runner.assumeIsolated { $0.endFinishing() } }
      // Not held by itself where the time is over first.
      runner.quietWaiters.append { [weak runner] in runner?.assumeIsolated { $0.endFinishing() } }
      runner.checkQuiet()
    }
  }

  package nonisolated func finish(within milliseconds: Int64) async {
    await withCheckedContinuation { done in finish(within: milliseconds) { done.resume() } }
  }

  private func endFinishing() {
    guard finishing != nil else { return }
    // Finishing until it has stopped: what was decided in between would land in the journal, and nobody would answer it.
    stop { self.assumeIsolated { $0.finished() } }
  }

  private func finished() {
    let done = finishing
    finishing = nil
    done?()
  }

  package var isReady: Bool { phase == .running && behind.isEmpty && isComplete }

  func count(_ change: (inout RunnerCounters) -> Void) { change(&counters) }

  // MARK: Open

  func open() {
    forget()
    session += 1
    phase = .opening
    incarnation = ports.identifiers.seed()
    let current = session
    let log = ports.log.openSession(options.journal, durability: .synced) { [weak self] reports in
      self?.post { $0.take(reports, of: current) }
    }
    journal = log
    let record = JournalRecord.open(Open(incarnation: incarnation, node: options.node, at: ports.clock.now()))
    log.append([NewRecord(key: [], value: record.encoded())], tag: 0)
  }

  /// Drops everything that is not in the journal.
  func forget() {
    load?.callOff()
    load = nil
    journal?.close()
    journal = nil
    for reader in readers { reader.close() }
    readers = []
    backlog = []
    drained = []
    awaited = []
    folding?.reader.close()
    folding = nil
    heldReports = []
    isComplete = false
    comparing = 0
    flights = []
    yielding.rest?.cancel()
    yielding = Yielding()
    awaiting = []
    behind = []
    refill = nil
    for sender in outbox.values { sender.session?.close() }
    outbox = [:]
    acknowledged = [:]
    machine = nil
    timer?.wake.cancel()
    timer = nil
    slicePause?.cancel()
    slicePause = nil
    markTimer?.cancel()
    markTimer = nil
    watchTimer?.cancel()
    watchTimer = nil
    compareTimer?.cancel()
    compareTimer = nil
    catchUp?.reader.close()
    catchUp = nil
    session += 1
  }

  /// Opens again after a while that grows with the failures and is never the same for two owners.
  func reopen(_ why: RunnerNotice) {
    notify(why)
    guard finishing == nil else { return abandonFlights() }
    trouble = why.trouble
    forget()
    phase = .opening
    failures += 1
    count { $0.reopened += 1 }
    var random = SeededGenerator(seed: ports.identifiers.seed())
    let most = UInt64(min(50 << min(failures, 7), 5000))
    let wait = Int64(most / 2 + random.next() % (most / 2 + 1))
    let current = session
    pause = queue.schedule(afterMilliseconds: wait) { [weak self] in
      self?.assumeIsolated { runner in
        guard runner.session == current, runner.phase == .opening else { return }
        runner.open()
      }
    }
  }

  /// Who leaves does not open again, against whoever comes next. What was confirmed is still applied and answered.
  private func abandonFlights() {
    journal?.close()
    journal = nil
    folding?.reader.close()
    folding = nil
    heldReports = []
    // It is ahead of the journal by what is given up: nobody may fill hot state from it.
    if !flights.isEmpty { machine = nil }
    flights = []
    checkQuiet()
  }

  func take(_ reports: [AppendReport], of reported: Int) {
    for (place, report) in reports.enumerated() {
      guard reported == session else { return }
      guard folding == nil else {
        heldReports += reports[place...]
        return
      }
      switch report.outcome {
      case .failure(let failure): return reopen(.sessionLost("\(failure)"))
      case .success(let offset) where offset < 0: return reopen(.sessionLost("a report without a valid offset (\(offset))"))
      case .success(let offset):
        if phase == .opening {
          notify(.opened(epoch: offset))
          beginCatchUp(openedAt: offset)
        } else {
          confirm(tag: report.tag, at: offset)
        }
      }
    }
    decide()
  }

  // MARK: Catch up

  struct CatchUp {
    var reader: any LogReader
    var image = Image()
    var readsJournal = false
    var openedAt: Int64
    private var answers: [(appended: Int64, waiting: Awaiting)] = []

    init(reader: any LogReader, openedAt: Int64) {
      self.reader = reader
      self.openedAt = openedAt
    }

    /// Whoever decided them may have died before it answered; who has an answer already hears no second one.
    mutating func keepReplies(_ parsed: JournalRecord, _ record: LogRecord) {
      guard case .decision(let decision) = parsed, !decision.replies.isEmpty else { return }
      let waiting = Awaiting(offset: record.offset, scopes: Set(decision.scopes.map(\.scope)), replies: decision.replies)
      answers.append((record.appended, waiting))
      if answers.count > 2000 { answers.removeFirst(1000) }
    }

    func replies(since instant: Int64) -> [Awaiting] { answers.filter { $0.appended >= instant }.map(\.waiting) }
  }
  var catchUp: CatchUp?
  /// What a machine is being made of, on another queue.
  var load: MachineLoad?

  private func beginCatchUp(openedAt offset: Int64) {
    phase = .catchingUp
    let current = session
    let reader = ports.log.openReader(options.state, from: 0, key: nil, visibility: .committed) { [weak self] in
      self?.post { $0.continueCatchUp(current) }
    }
    catchUp = CatchUp(reader: reader, openedAt: offset)
    continueCatchUp(current)
  }

  /// Folds some more of the snapshot, then of the journal, and comes back later for the rest: other partitions share the queue.
  private func continueCatchUp(_ current: Int) {
    guard current == session, phase == .catchingUp, var progress = catchUp else { return }
    catchUp = nil
    do {
      let records = try progress.reader.take(records: 2000, bytes: 4 << 20)
      if records.isEmpty, !progress.reader.isAtEnd {
        // On its way; the reader wakes us.
        catchUp = progress
        return
      }
      if records.isEmpty, !progress.readsJournal {
        progress.reader.close()
        // The projector goes on meanwhile: its snapshot may be past our Open, which then never comes from the journal.
        guard progress.image.ledger.nextOffset <= progress.openedAt else { return try begin(progress.image, openedAt: progress.openedAt) }
        progress.readsJournal = true
        progress.reader = ports.log.openReader(options.journal, from: progress.image.ledger.nextOffset, key: nil, visibility: .committed) {
          [weak self] in self?.post { $0.continueCatchUp(current) }
        }
      } else if records.isEmpty {
        // The acked Open is durable, so it will come; the reader wakes us.
        catchUp = progress
        return
      }
      for record in records {
        guard progress.readsJournal else {
          try progress.image.takeSnapshot(key: record.key, value: record.value)
          continue
        }
        // A journal has no holes. Who began in the middle would take what is left for all there ever was, and a projector would write it down so.
        guard record.offset <= progress.image.ledger.nextOffset || progress.image.ledger.nextOffset > 0 else {
          progress.reader.close()
          return giveUp(
            "\(options.journal) begins at \(record.offset) and \(options.state) has no snapshot: what was decided before is missing; restore the topics from a copy"
          )
        }
        let parsed = try JournalRecord(decoding: record.value, at: record.offset)
        if progress.image.takeJournal(parsed, at: record.offset) == .accepted { progress.keepReplies(parsed, record) }
        if record.offset >= progress.openedAt {
          progress.reader.close()
          return try begin(progress.image, openedAt: progress.openedAt, progress.replies(since: ports.clock.now() - options.patience))
        }
      }
    } catch let failure as LogFailure {
      progress.reader.close()
      return reopen(.sessionLost("catching up: \(failure)"))
    } catch {
      // Not skipped: an unknown record is a reason to let the partition be (journal.md, "Acceptance rule").
      progress.reader.close()
      return giveUp("\(progress.readsJournal ? options.journal : options.state): \(error)")
    }
    catchUp = progress
    post { $0.continueCatchUp(current) }
  }

  private func begin(_ image: Image, openedAt offset: Int64, _ unanswered: [Awaiting] = []) throws {
    guard image.ledger.epoch == offset, image.ledger.incarnation == incarnation else { return outdone(image, openedAt: offset) }
    if image.refused > 0 { notify(.refusedRecords(image.refused)) }
    ledger = image.ledger
    ahead = image.ledger
    let sizes = (documents: image.documents.values.reduce(0) { $0 + $1.count }, scopes: ledger.scopes.count)
    let (documents, settings, current) = (image.documents, settings, session)
    guard let loading = ports.loading else {
      machine = try M(settings: settings, documents: documents)
      return settleDisplaced { $0.openInputs(unanswered, sizes) }
    }
    let load = MachineLoad(documents)
    self.load = load
    loading.post { [weak self] in
      guard let documents = load.take() else { return }
      let made = Result { () throws(DecodingFailure) in try M(settings: settings, documents: documents) }
      self?.post { runner in
        guard runner.session == current else { return }
        runner.load = nil
        switch made {
        case .success(let machine): runner.machine = machine
        case .failure(let failure): return runner.giveUp("\(runner.options.state): \(failure)")
        }
        runner.settleDisplaced { $0.openInputs(unanswered, sizes) }
      }
    }
  }

  private func openInputs(_ unanswered: [Awaiting], _ sizes: (documents: Int, scopes: Int)) {
    failures = 0
    trouble = nil
    let current = session
    for (place, topic) in options.inputs.enumerated() {
      let source = TopicPartition(topic, options.partition)
      let position = restarts[source] ?? ledger.positions[UInt8(place)] ?? 0
      let reader = ports.log.openReader(source, from: position, key: nil, visibility: .ordered) { [weak self] in
        self?.post { $0.wake(current, input: place) }
      }
      readers.append(reader)
      backlog.append([])
      drained.append(false)
      awaited.append(false)
    }
    awaiting = unanswered
    resendOutbox()
    notify(.ready(documents: sizes.documents, scopes: sizes.scopes))
    compareMarks()
  }

  private func wake(_ current: Int, input: Int) {
    guard current == session, drained.indices.contains(input) else { return }
    drained[input] = false
    awaited[input] = false
    decide()
  }

  // MARK: Quiet

  /// Calls `body` once nothing waits: inputs read to their ends, every timer that is due fired, everything confirmed and applied.
  package func whenQuiet(_ body: @escaping @Sendable () -> Void) {
    quietWaiters.append(body)
    decide()
    checkQuiet()
  }

  func checkQuiet() {
    guard !quietWaiters.isEmpty, phase == .running, flights.isEmpty, awaiting.isEmpty, behind.isEmpty else { return }
    if finishing == nil {
      guard drained.allSatisfy({ $0 }), backlog.allSatisfy(\.isEmpty), machine?.hasSlice != true else { return }
      if let due = machine?.nextDue, due <= ports.clock.now() { return }
    }
    let waiters = quietWaiters
    quietWaiters = []
    for waiter in waiters { waiter() }
  }

  /// The product's time was moved: timers are looked at again.
  package func clockMoved() {
    timer?.wake.cancel()
    timer = nil
    decide()
  }
}
