import Journal
import Machines
import Ports
import Resources

/// A confirmed decision that waits for hot state before its requests are answered.
struct Awaiting {
  var offset: Int64
  var scopes: Set<Identifier>
  var replies: [Reply]
}

extension PartitionRunner {
  /// Step 5 of "Owning a partition": strictly in sequence order.
  func confirm(tag: UInt64, at offset: Int64) {
    guard let flight = flights.first, flight.tag == tag else { return reopen(.sessionLost("a report out of order")) }
    if offset == ledger.nextOffset { return accept(offset) }
    guard offset > ledger.nextOffset else {
      return reopen(.sessionLost("a report at offset \(offset), which is behind the journal's \(ledger.nextOffset)"))
    }
    beginFolding(upTo: offset)
  }

  /// Something came between this record and the last: the fold decides what was accepted, and where.
  private func beginFolding(upTo offset: Int64) {
    let current = session
    let reader = ports.log.openReader(options.journal, from: ledger.nextOffset, key: nil, visibility: .committed) { [weak self] in
      self?.post { $0.continueFolding(current) }
    }
    folding = Folding(reader: reader, upTo: offset)
    continueFolding(current)
  }

  private func continueFolding(_ current: Int) {
    guard current == session, let running = folding else { return }
    do {
      while ledger.nextOffset <= running.upTo {
        let records = try running.reader.take(records: 500, bytes: 1 << 20)
        if records.isEmpty {
          guard running.reader.isAtEnd else { return }
          return reopen(.sessionLost("the journal ends before an acknowledged record"))
        }
        for record in records where record.offset <= running.upTo {
          switch try JournalRecord(decoding: record.value ?? []) {
          case .open(let open) where open.incarnation != incarnation: return reopen(.fenced(byOffset: record.offset))
          case .open: ledger.nextOffset = record.offset + 1
          case .decision(let decision):
            if let flight = flights.first, decision.incarnation == incarnation, decision.epoch == ledger.epoch,
              decision.sequence == flight.decision.sequence
            {
              accept(record.offset)
            } else {
              ledger.nextOffset = record.offset + 1
            }
          }
        }
      }
    } catch {
      return reopen(.sessionLost("between two of its records: \(error)"))
    }
    running.reader.close()
    folding = nil
    let held = heldReports
    heldReports = []
    take(held, of: current)
  }

  /// The first flight is in the journal, accepted. Only now: outbox, hot state, answers (step 6).
  private func accept(_ offset: Int64) {
    let flight = flights.removeFirst()
    let decision = flight.decision
    ports.meter.journaled(since: flight.sent)
    var applies: [Identifier: ScopeApply] = [:]
    var order: [Identifier] = []
    for scope in decision.scopes {
      if applies[scope.scope] == nil {
        order.append(scope.scope)
        applies[scope.scope] = ScopeApply(
          scope: scope.scope, previous: ledger.scopes[scope.scope]?.offset ?? -1, mark: offset, changes: [])
      }
      var changes: [Change] = []
      changes.reserveCapacity(scope.steps.count)
      for step in scope.steps {
        switch step {
        case .put(let key, let bytes): changes.append(Change(key: key, bytes: bytes))
        case .delete(let key): changes.append(Change(key: key, bytes: nil))
        case .fact: continue
        }
      }
      applies[scope.scope]?.changes += changes
    }
    if flight.isYielding { yielding.offset = offset }
    ledger.take(decision, at: offset)
    forgetRestarts(decision)
    send(decision.outbox)
    apply(order.compactMap { applies[$0] }, Awaiting(offset: offset, scopes: Set(order), replies: decision.replies))
    scheduleTimer()
    checkQuiet()
  }

  // MARK: Hot state

  private func apply(_ entries: [ScopeApply], _ waiting: Awaiting) {
    // Scopes that are behind anyway are not written to: the refill brings everything.
    let fresh = entries.filter { !behind.contains($0.scope) }
    if fresh.isEmpty {
      awaiting.append(waiting)
      release()
      return startRefill()
    }
    awaiting.append(waiting)
    let current = session
    let (meter, begun) = (ports.meter, ports.meter.now())
    ports.hot.apply(fresh) { [weak self] outcome in
      meter.applied(since: begun)
      self?.post { $0.applied(fresh, outcome, current) }
    }
  }

  private func applied(_ entries: [ScopeApply], _ outcome: Result<[ApplyOutcome], HotStateFailure>, _ current: Int) {
    guard current == session else { return }
    switch outcome {
    case .success(let outcomes):
      for (entry, outcome) in zip(entries, outcomes) {
        if outcome == .gap {
          fallBehind([entry.scope])
        } else {
          settle(entry.scope, upTo: entry.mark)
        }
      }
    case .failure(let failure):
      notify(.hotStateUnavailable("\(failure)"))
      hotIsReachable = false
      fallBehind(entries.map(\.scope))
    }
    release()
    startRefill()
    decide()
  }

  /// A scope has everything up to `mark`.
  private func settle(_ scope: Identifier, upTo mark: Int64) {
    for place in awaiting.indices {
      guard awaiting[place].offset <= mark else { break }
      awaiting[place].scopes.remove(scope)
    }
  }

  /// Answers, in order, what hot state has taken.
  private func release() {
    var byNode: [String: [Reply]] = [:]
    var nodes: [String] = []
    var done = 0
    for entry in awaiting {
      guard entry.scopes.isEmpty else { break }
      for reply in entry.replies {
        if byNode[reply.to.node] == nil { nodes.append(reply.to.node) }
        byNode[reply.to.node, default: []].append(reply)
      }
      done += 1
    }
    awaiting.removeFirst(max(done, awaiting.count - options.mostAwaiting))
    for node in nodes { ports.bus.publish("replies/\(node)", Reply.encode(byNode[node] ?? [])) }
    endYielding()
    checkQuiet()
  }

  private func fallBehind(_ scopes: [Identifier]) {
    isComplete = false
    behind.formUnion(scopes)
    notify(.hotStateBehind(scopes: behind.count))
  }

  /// At the start: all marks are compared with the ledger before anything is decided.
  func compareMarks() {
    phase = .filling
    askMarks { runner, scopes, outcome in
      switch outcome {
      case .success(let marks):
        runner.hotIsReachable = true
        runner.isComplete = false
        runner.take(marks, of: scopes)
      case .failure(let failure):
        runner.hotIsReachable = false
        runner.notify(.hotStateUnavailable("\(failure)"))
        runner.behind.formUnion(scopes.map(\.scope))
        runner.changesCompared = runner.changesHeard
      }
      runner.phase = .running
      runner.release()
      runner.startRefill()
      runner.decide()
      runner.scheduleComparison()
    }
  }

  /// Later: whenever hot state may have changed underneath, and every few seconds. Applies that were sent before the question are done when it is answered.
  func compareAgain(afterChange isChanged: Bool) {
    if isChanged {
      isComplete = false
      changesHeard += 1
    }
    guard phase == .running else { return }
    askMarks { runner, scopes, outcome in
      guard runner.phase == .running else { return }
      switch outcome {
      case .success(let marks):
        runner.hotIsReachable = true
        let before = runner.behind.count
        runner.take(marks, of: scopes)
        if runner.behind.count > before {
          runner.isComplete = false
          runner.notify(.hotStateBehind(scopes: runner.behind.count))
        }
        runner.release()
        runner.startRefill()
        runner.decide()
      case .failure(let failure): runner.notify(.hotStateUnavailable("\(failure)"))
      }
    }
  }

  private func askMarks(
    _ body:
      @escaping @Sendable (
        isolated PartitionRunner<M>, [(scope: Identifier, mark: Int64)], Result<[Int64], HotStateFailure>
      ) -> Void
  ) {
    let scopes = ledger.scopes.keys.sorted().map { (scope: $0, mark: ledger.scopes[$0]?.offset ?? -1) }
    let current = session
    let heard = changesHeard
    comparing += 1
    ports.hot.marks(scopes.map(\.scope)) { [weak self] outcome in
      self?.post { runner in
        guard runner.session == current else { return }
        runner.comparing -= 1
        if case .success = outcome { runner.changesCompared = heard }
        body(runner, scopes, outcome)
      }
    }
  }

  private func take(_ marks: [Int64], of scopes: [(scope: Identifier, mark: Int64)]) {
    for ((scope, wanted), mark) in zip(scopes, marks) {
      if mark < wanted { behind.insert(scope) } else { settle(scope, upTo: wanted) }
    }
  }

  func watchHotState() {
    watch?.cancel()
    watch = ports.hot.watch { [weak self] in self?.post { $0.compareAgain(afterChange: true) } }
  }

  func scheduleComparison() {
    guard options.compareInterval > 0 else { return }
    compareTimer?.cancel()
    let current = session
    compareTimer = queue.schedule(afterMilliseconds: options.compareInterval) { [weak self] in
      self?.assumeIsolated { runner in
        guard runner.session == current else { return }
        runner.compareAgain(afterChange: false)
        runner.scheduleComparison()
      }
    }
  }

  /// Readers may take the absence of a scope for an answer from here on. Not while a change is heard of that no comparison has followed yet: others may be missing than those
  /// that were filled. Nor while a comparison is under way: hot state takes it for done as soon as it has answered, and the answer may tell of a scope that is missing.
  private func declareComplete() {
    guard comparing == 0, phase == .running, !isComplete, behind.isEmpty, refill == nil, hotIsReachable else { return }
    guard changesCompared == changesHeard else { return compareAgain(afterChange: false) }
    attempts += 1
    let current = session
    ports.hot.setComplete(options.partition, token: RefillToken(epoch: ledger.epoch, attempt: attempts)) { [weak self] outcome in
      self?.post { runner in
        guard runner.session == current, runner.behind.isEmpty else { return }
        switch outcome {
        case .success: runner.isComplete = true
        case .failure(let failure): runner.notify(.hotStateUnavailable("\(failure)"))
        }
      }
    }
  }

  /// Fills one scope after another from the machine. A copy is taken only when nothing is in flight, so that it is exactly what the journal says up to the mark.
  func startRefill() {
    guard !behind.isEmpty else { return declareComplete() }
    guard phase == .running, refill == nil, flights.isEmpty, let scope = behind.sorted().first, let machine else { return }
    attempts += 1
    let documents = machine.documents(of: scope).map { Document(key: $0.key, bytes: $0.bytes) }
    refill = Refill(
      scope: scope, token: RefillToken(epoch: ledger.epoch, attempt: attempts), mark: ledger.scopes[scope]?.offset ?? -1,
      documents: documents)
    let current = session
    guard let refill else { return }
    ports.hot.beginRefill(scope, token: refill.token, expected: refill.mark) { [weak self] outcome in
      self?.post { $0.continueRefill(outcome, current) }
    }
  }

  private func continueRefill(_ outcome: Result<RefillOutcome, HotStateFailure>, _ current: Int) {
    guard current == session, var running = refill else { return }
    switch outcome {
    case .success(.notNeeded): return endRefill(running)
    case .success(.refused) where running.isBeginning:
      // Its token is greater: it is a newer owner's. Whoever waits here for a refill decides nothing, and would never hear from the journal that it is fenced.
      return reopen(.sessionLost("a newer owner has begun to fill hot state"))
    case .failure, .success(.refused):
      refill = nil
      if case .failure(let failure) = outcome {
        hotIsReachable = false
        notify(.hotStateUnavailable("\(failure)"))
      }
      return retryRefill(current)
    case .success(.done): break
    }
    let step: @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void = { [weak self] outcome in
      self?.post { $0.continueRefill(outcome, current) }
    }
    if running.isEnded { return endRefill(running) }
    if let chunk = running.nextChunk(of: options.refillDocuments) {
      refill = running
      ports.hot.refillChunk(running.scope, token: running.token, number: chunk.number, documents: chunk.documents, deliver: step)
    } else {
      running.isEnded = true
      refill = running
      ports.hot.endRefill(running.scope, token: running.token, chunks: running.chunks, mark: running.mark, deliver: step)
    }
  }

  private func endRefill(_ running: Refill) {
    refill = nil
    hotIsReachable = true
    behind.remove(running.scope)
    count { $0.refills += 1 }
    settle(running.scope, upTo: running.mark)
    release()
    startRefill()
    decide()
  }

  private func retryRefill(_ current: Int) {
    watchTimer?.cancel()
    watchTimer = queue.schedule(afterMilliseconds: 100) { [weak self] in
      self?.assumeIsolated { runner in
        guard runner.session == current else { return }
        runner.hotIsReachable = true
        runner.startRefill()
        runner.decide()
      }
    }
    decide()
  }
}

/// What is read of the journal between two of the owner's records.
struct Folding {
  var reader: any LogReader
  var upTo: Int64
}

/// A scope on its way into hot state, in pieces.
struct Refill {
  let scope: Identifier
  let token: RefillToken
  let mark: Int64
  let documents: [Document]
  private var sent = 0
  private(set) var chunks = 0
  var isEnded = false
  /// Nothing of it is sent but its beginning.
  var isBeginning: Bool { sent == 0 && !isEnded }

  init(scope: Identifier, token: RefillToken, mark: Int64, documents: [Document]) {
    self.scope = scope
    self.token = token
    self.mark = mark
    self.documents = documents
  }

  mutating func nextChunk(of most: Int) -> (number: Int, documents: [Document])? {
    guard sent < documents.count else { return nil }
    let piece = documents[sent..<min(sent + max(1, most), documents.count)]
    sent = piece.endIndex
    defer { chunks += 1 }
    return (chunks, Array(piece))
  }
}
