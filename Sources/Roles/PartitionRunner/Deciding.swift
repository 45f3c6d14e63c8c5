import Handover
import Journal
import Machines
import Ports
import Resources

/// A decision on its way into the journal.
struct Flight {
  var tag: UInt64
  var decision: Decision
  /// It has records of a later input, a slice of a long command, or timers that no command waited for.
  var isYielding: Bool
  /// When it was handed to the journal, by the meter's clock.
  var sent: Int64
}

extension PartitionRunner {
  /// Decides what waits, while there is room in flight. Comes back by itself as long as there is more.
  func decide() {
    guard phase == .running, refill == nil, behind.isEmpty || !needsDrain else { return checkQuiet() }
    guard finishing == nil, flights.count < options.mostInFlight, var machine else { return checkQuiet() }
    guard flights.isEmpty || isWorthwhile else { return checkQuiet() }
    // The runner's copy goes, so that the machine is changed in place.
    self.machine = nil
    let begun = ports.clock.monotonic()
    timersLeft = options.mostTimers
    var turn = Turn(now: ahead.now, seed: ports.identifiers.seed(), place: ahead.nextSequence)
    var decision = Decision(incarnation: incarnation, epoch: ledger.epoch, sequence: ahead.nextSequence, now: ahead.now)
    // One record a decision may take long to get through the inputs, and nothing may stand beside it: what is late gets decisions of its own in between.
    let isTimersTurn = decidesSingly && isLate(machine.nextDue ?? .max, ahead.now)
    let isIdle = isTimersTurn ? false : handleInputs(&machine, &turn, &decision)
    var stoodBack = decision.positions.keys.contains { $0 > 0 }
    if isIdle { decidesSingly = false }
    if !decidesSingly || decision.positions.isEmpty,
      fireOthers(&machine, upTo: isIdle ? max(turn.now, ports.clock.now()) : turn.now, &turn, &decision)
    {
      stoodBack = true
    }
    if isIdle {
      if machine.hasSlice, slicePause == nil, mayYield, turn.effects.size < options.decisionBytes {
        stoodBack = true
        takeSlice(&machine, &turn, &decision)
        pauseSlices()
      }
    }
    machine.close(&turn)
    self.machine = machine
    if let lost = lostInput {
      lostInput = nil
      return reopen(.inputOutOfRange(lost))
    }
    decision.now = turn.now
    collect(turn.effects, into: &decision)
    if let marks = takeAcknowledged() { decision.sent = marks }
    guard !decision.isEmpty else {
      scheduleTimer()
      return checkQuiet()
    }
    append(decision, isYielding: stoodBack, begun: begun)
  }

  /// A few commands wait for the report of what is in flight, behind which `decide` is called again.
  private var isWorthwhile: Bool {
    if backlog[0].isEmpty { _ = refillBacklog(0, options.batch) }
    guard let next = backlog[0].last, backlog[0].count < options.worthwhile else { return true }
    // What is due before it fills decisions of its own: one behind the other, it would wait for all of them.
    if let scope = Identifier(keyBytes: next.key), let due = machine?.nextDue(of: scope), due <= max(ahead.now, next.appended) {
      return true
    }
    return backlog[0].reduce(0) { $0 + ($1.value?.count ?? 0) } >= options.decisionBytes / 4
  }

  /// Whether deciding must wait until nothing is in flight, so that a scope can be copied.
  var needsDrain: Bool { !behind.isEmpty && hotIsReachable }

  /// Handles input records in order of precedence. True when the first input was read to its end.
  private func handleInputs(_ machine: inout M, _ turn: inout Turn, _ decision: inout Decision) -> Bool {
    var handled = 0
    for input in readers.indices {
      if input > 0, handled > 0, !backlog[0].isEmpty || !drained[0] { return false }
      let allowed = most(of: input)
      let most = decidesSingly ? min(1, allowed) : allowed
      var left = most
      while left > 0, turn.effects.size < options.decisionBytes {
        if backlog[input].isEmpty, !refillBacklog(input, most) { break }
        guard let next = backlog[input].last else { break }
        // Nobody waits for these: what is due before them has its turn with what else is due, and stands back as they do.
        let scope = scopeDue(before: next, turn.now, &machine)
        if input > 0, let scope, isCourteous, machine.nextDue(of: scope) ?? .max <= max(turn.now, ports.clock.now()) {
          return !decidesSingly
        }
        if let scope, !fireDue(of: scope, before: next, &machine, &turn, &decision) { return false }
        // A large one gets a decision of its own: together they might not fit into a record of the log.
        if handled > 0, turn.effects.size + (next.value?.count ?? 0) > options.decisionBytes { return false }
        let record = backlog[input].removeLast()
        handle(record, UInt8(input), &machine, &turn, &decision)
        handled += 1
        left -= 1
      }
      // Not idle: it stays so until this decision is in the journal, or one that is too large would be taken for the first one every time.
      if decidesSingly, handled > 0 { return false }
      // What is due is not held up by a long queue, but what arrived in time goes first.
      if input == 0, !(drained[0] && backlog[0].isEmpty) { return false }
    }
    return true
  }

  /// Reads more of an input; the backlog is kept backwards, so that taking from it is cheap. False at the end, or when the log failed.
  private func refillBacklog(_ input: Int, _ most: Int) -> Bool {
    guard !drained[input], !awaited[input] else { return false }
    do {
      let records = try readers[input].take(records: most, bytes: options.decisionBytes)
      guard !records.isEmpty else {
        drained[input] = readers[input].isAtEnd
        awaited[input] = !drained[input]
        return false
      }
      backlog[input] = records.reversed()
      return true
    } catch {
      let source = TopicPartition(options.inputs[input], options.partition)
      lostInput = "\(source): \(error)"
      note(error, of: source, at: readers[input].position)
      drained[input] = true
      return false
    }
  }

  private func handle(_ record: LogRecord, _ input: UInt8, _ machine: inout M, _ turn: inout Turn, _ decision: inout Decision) {
    decision.positions[input] = record.offset + 1
    turn.now = max(turn.now, record.appended)
    ahead.forgetImports(beforeRecordAppendedAt: record.appended)
    if let reason = rejection(of: record, input) { return reject(record, input, reason, &machine, &turn, &decision) }
    if record.value?.first == UInt8(ascii: "{") { return handlePublished(record, input, &machine, &turn, &decision) }
    let command: Command
    do throws(DecodingFailure) { command = try Command(decoding: record.value ?? []) } catch {
      return reject(record, input, "the record cannot be read: \(error)", &machine, &turn, &decision)
    }
    guard isMine(command.scope) else { return reject(record, input, "the key belongs to another partition", &machine, &turn, &decision) }
    guard isNext(command, record, &decision) else { return }
    handle(command, record, input, &machine, &turn, &decision)
  }

  /// A record of another system's. Its key may have led it to any partition: the workspace's own gets it through the outbox, once.
  private func handlePublished(_ record: LogRecord, _ input: UInt8, _ machine: inout M, _ turn: inout Turn, _ decision: inout Decision) {
    var command: Command
    // A body from outside: reading it may be what ends the process.
    ports.poison.note(input: input, partition: options.partition, position: record.offset)
    let parsed = Result { () throws(PublishedRecordError) in try M.published(record.value ?? []) }
    ports.poison.clear()
    switch parsed {
    case .success(let published): command = published
    case .failure(let error): return reject(record, input, error.reason, &machine, &turn, &decision)
    }
    command.replyTo = ReplyAddress(node: RunnerOptions.nobody, request: UInt64(record.offset))
    guard isMine(command.scope) else {
      return turn.effects.send(Outgoing(target: options.inputs[Int(input)], key: command.scope, payload: .command(command)))
    }
    // Its key may not have said whose it is.
    while timersLeft > 0, let due = machine.nextDue(of: command.scope), due <= turn.now {
      fire(of: command.scope, due, &machine, &turn, &decision)
    }
    handle(command, record, input, &machine, &turn, &decision)
  }

  private func handle(
    _ command: Command, _ record: LogRecord, _ input: UInt8, _ machine: inout M, _ turn: inout Turn, _ decision: inout Decision
  ) {
    count { $0.commands += 1 }
    if input == 0 { ports.courtesy.note(ports.clock.monotonic()) }
    ports.poison.note(input: input, partition: options.partition, position: record.offset)
    machine.handle(command, &turn)
    ports.poison.clear()
    guard command.replyTo?.node == RunnerOptions.nobody else { return }
    // Nobody waits for the answer: a refusal is kept where operators look.
    for reply in turn.effects.takeReplies(to: RunnerOptions.nobody) where reply.verdict.isError {
      let reason = reply.verdict.message.isEmpty ? "what it names was not found" : reply.verdict.message
      name(record, input, reason, &turn, &decision)
    }
  }

  func isMine(_ scope: Identifier) -> Bool {
    guard let count = ports.log.partitions(of: options.journal.topic) else { return true }
    return Partitioner.partition(of: scope, among: count) == options.partition
  }

  /// Messages of other partitions and lines of imports are numbered: only the next is taken. A lower one is a repeat, a higher one follows a gap and comes again.
  func isNext(_ command: Command, _ record: LogRecord, _ decision: inout Decision) -> Bool {
    switch command.origin {
    case .request, .question: return true
    case .outbox(let source, let number):
      guard number == (ahead.sources[source] ?? 0) + 1 else { return false }
      ahead.sources[source] = number
      decision.received[source] = number
      return true
    case .line(let importing, let number, let count):
      guard count > 0, number == (ahead.imports[importing]?.number ?? 0) + 1 else { return false }
      let mark = ImportMark(id: importing, number: number + count - 1, appended: record.appended)
      ahead.imports[importing] = mark
      decision.imports.removeAll { $0.id == importing }
      decision.imports.append(mark)
      return true
    }
  }

  /// Fires what was due in a record's own scope before it came. False where the record has to wait for the next decision: there is more than one takes, or nothing may stand
  /// beside it.
  private func fireDue(
    of scope: Identifier, before record: LogRecord, _ machine: inout M, _ turn: inout Turn, _ decision: inout Decision
  ) -> Bool {
    let now = max(turn.now, record.appended)
    while timersLeft > 0, turn.effects.size < options.decisionBytes, let due = machine.nextDue(of: scope), due <= now {
      fire(of: scope, due, &machine, &turn, &decision)
    }
    if let due = machine.nextDue(of: scope), due <= now { return false }
    return !decidesSingly
  }

  /// A record's scope if something in it was due before the record came. The machine is handed on and not copied.
  private func scopeDue(before record: LogRecord, _ now: Int64, _ machine: inout M) -> Identifier? {
    guard let scope = Identifier(keyBytes: record.key), let due = machine.nextDue(of: scope) else { return nil }
    return due <= max(now, record.appended) ? scope : nil
  }

  /// Fires what else is due: scopes share nothing, so no command waits for another's timers, of which a large import may leave a hundred thousand for one instant. True where
  /// there was something.
  private func fireOthers(_ machine: inout M, upTo now: Int64, _ turn: inout Turn, _ decision: inout Decision) -> Bool {
    guard let first = machine.nextDue, first <= now else { return false }
    var most = timersLeft
    if isCourteous {
      let hasCommands = decision.positions[0] != nil
      let isLate = isLate(first, now)
      guard isLate ? !flights.contains(where: \.isYielding) : mayFire else { return false }
      if hasCommands {
        most = min(most, isLate ? options.courteousTimers : options.timersBesideCommands)
      } else if !isLate {
        most = min(most, options.courteousTimers)
      }
    }
    var fired = false
    while most > 0, turn.effects.size < options.decisionBytes, let due = machine.nextDue, due <= now {
      fire(of: nil, due, &machine, &turn, &decision)
      most -= 1
      fired = true
    }
    return fired
  }

  private func isLate(_ due: Int64, _ now: Int64) -> Bool { due <= now - options.timerPatience }

  private func fire(of scope: Identifier?, _ due: Int64, _ machine: inout M, _ turn: inout Turn, _ decision: inout Decision) {
    turn.now = max(turn.now, due)
    fireFirst(of: scope, &machine, &turn, &decision)
    timersLeft -= 1
  }

  /// Numbers events and messages and puts everything into the decision.
  private func collect(_ effects: Effects, into decision: inout Decision) {
    var events: [Identifier: UInt64] = [:]
    for var scope in effects.scopes {
      let before = events[scope.scope] ?? ahead.scopes[scope.scope]?.events ?? 0
      scope.firstEvent = before + 1
      events[scope.scope] = before + UInt64(scope.facts)
      decision.scopes.append(scope)
    }
    var numbers: [Peer: UInt64] = [:]
    for message in effects.outgoing {
      let partitions = ports.log.partitions(of: message.target) ?? 1
      let peer = Peer(topic: message.target, partition: Partitioner.partition(of: message.key, among: partitions))
      let number = numbers[peer] ?? ahead.targets[peer]?.next ?? 1
      numbers[peer] = number + 1
      var payload: [UInt8]
      switch message.payload {
      case .bytes(let bytes): payload = bytes
      case .command(var command):
        command.origin = .outbox(source: options.source, number: number)
        payload = command.encoded()
      }
      decision.outbox.append(
        OutboxMessage(target: peer.topic, partition: peer.partition, number: number, key: message.key.keyBytes, payload: payload))
      payload = []
    }
    decision.replies = effects.replies
  }

  private func append(_ decision: Decision, isYielding: Bool, begun: Int64) {
    let bytes = JournalRecord.decision(decision).encoded()
    guard bytes.count <= options.recordBytes else { return tooLarge(decision, bytes.count) }
    ahead.take(decision, at: -1)
    let flight = Flight(tag: nextTag, decision: decision, isYielding: isYielding, sent: ports.meter.now())
    if flight.isYielding {
      beginYielding(begun)
      awaitProjector()
    }
    flights.append(flight)
    ports.handover?.put(decision, written: bytes)
    journal?.append([NewRecord(key: [], value: bytes)], tag: nextTag)
    nextTag += 1
    count {
      $0.decisions += 1
      $0.bytes += bytes.count
    }
    ports.meter.decided(commands: counters.commands - metered.commands, timers: counters.timers - metered.timers, bytes: bytes.count)
    metered = counters
    let hasMore =
      backlog.contains { !$0.isEmpty } || zip(drained, awaited).contains { !$0 && !$1 } || (machine?.hasSlice == true && slicePause == nil)
    guard hasMore, flights.count < options.mostInFlight else { return scheduleTimer() }
    wakeLater()
  }

  /// The first slice of a long command is decided with it; the next ones after a pause: the log and its readers belong to everybody.
  private func pauseSlices() {
    let current = session
    slicePause = queue.schedule(afterMilliseconds: options.slicePause) { [weak self] in
      self?.assumeIsolated { runner in
        guard runner.session == current else { return }
        runner.slicePause = nil
        runner.decide()
      }
    }
  }

  private func wakeLater() {
    guard !isWoken else { return }
    isWoken = true
    post { runner in
      runner.isWoken = false
      runner.decide()
    }
  }

  /// The machine has moved already, so everything unconfirmed is forgotten; then each command is decided alone, and the one that is too large alone is rejected.
  private func tooLarge(_ decision: Decision, _ bytes: Int) {
    if decidesSingly {
      for (input, position) in decision.positions {
        doomed["\(input)/\(position - 1)"] = "its decision takes \(bytes) bytes, more than the log's \(options.recordBytes) a record"
      }
    }
    decidesSingly = true
    reopen(.decisionTooLarge(bytes: bytes))
  }

  /// When the inputs are drained, timers follow the clock. `atLeast`: not sooner than in so many milliseconds.
  func scheduleTimer(atLeast: Int64 = 0) {
    guard let due = machine?.nextDue else {
      timer?.wake.cancel()
      timer = nil
      return
    }
    guard timer?.due != due else { return }
    timer?.wake.cancel()
    timer = nil
    let current = session
    // A timer far away is looked at again every minute: the product's clock may have been moved.
    var wait = max(min(ports.clock.delay(until: due), 60_000), atLeast)
    if wait <= 0, isCourteous {
      // What is under way, or the rest behind it, brings it back; or it becomes late.
      let patience = ports.clock.delay(until: due + options.timerPatience)
      if !flights.isEmpty, patience <= 0 { return }
      if !mayFire { wait = min(max(patience, 0), 60_000) }
    }
    timer = (
      due,
      queue.schedule(afterMilliseconds: wait) { [weak self] in
        self?.assumeIsolated { runner in
          guard runner.session == current else { return }
          runner.timer = nil
          runner.decide()
          // What is due waits for what is in flight, whose report brings the timer back; where nothing could be decided just now, for a moment.
          if runner.flights.isEmpty { runner.scheduleTimer(atLeast: 5) }
        }
      }
    )
  }
}
