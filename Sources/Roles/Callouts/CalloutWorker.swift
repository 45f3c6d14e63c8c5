import Accounts
import Forms
package import Ingress
import JSON
import Journal
import Machines
package import Observability
package import Ports
import Projection
import Resources
import TaskRouting

/// Signs what is sent with an account's token.
package protocol Signer: Sendable {
  /// base64(HMAC-SHA1(key, message)).
  func sign(_ message: [UInt8], key: [UInt8]) -> String
}

/// Performs what machines and projectors want said to the outside, and brings answers back as commands (architecture.md, rule 5). Reads the `callouts` topic of one
/// partition; at least once: what was under way at a crash is sent again.
package actor CalloutWorker {
  package nonisolated let queue: any WorkQueue
  package nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

  package struct Limits: Sendable {
    /// Under way at once for one workspace and server, and waiting for it; beyond that a callout fails at once. Counted per workspace: what hangs for one may be quick for
    /// another behind the same host, and a hanging server delays nobody else.
    package var perTarget = 32
    package var waitingPerTarget = 2000
    /// Under way at once altogether. From half of it on each workspace and server gets `perCrowdedTarget`, so that a few that hang leave places for all others.
    package var open = 512
    package var perCrowdedTarget = 2
    /// Read from the topic but not finished.
    package var unfinished = 20_000
    /// Milliseconds that a server has to answer (taskrouter.md 8.2, 9.1).
    package var assignmentTimeout: Int64 = 5000
    package var eventTimeout: Int64 = 15_000

    package init() {}
  }

  private let partition: Int
  private let log: any EventLog
  private let hot: any HotReads
  private let accounts: any HotReads
  private let caller: any HTTPCaller
  private let signer: any Signer
  private let commander: Commander
  private let logger: Logger
  private let limits: Limits
  private let finished: @Sendable (_ kind: String, _ outcome: String) -> Void

  private var positions: (any AppendSession)?
  private var keptOffset: Int64 = 0
  private var reader: (any LogReader)?
  private var nextOffset: Int64 = 0
  private var savedOffset: Int64 = 0
  private var trimmed: Int64 = 0
  private var done: Set<Int64> = []
  private var unfinished = 0
  private var targets: [Lane: Target] = [:]
  /// Requests under way.
  private var open = 0
  private var asked = Recent(most: 20_000)
  private var isStopping = false
  private let bell = Bell()
  private let ended = Bell()

  private struct Lane: Hashable, Sendable {
    var workspace: Identifier
    /// Scheme, host and port.
    var server: String
  }
  private struct Target {
    var running = 0
    var waiting: [Job] = []
    /// Things whose last event is still under way.
    var busy: Set<String> = []
  }
  private struct Job: Sendable {
    var offset: Int64
    var payload: Payload
    var lane: Lane
    var order: String?
  }
  private enum Payload: Sendable {
    case assignment(AssignmentCallout, WorkflowRecord)
    case event(EventCallout)
  }

  package init(
    partition: Int, log: any EventLog, hot: any HotReads, accounts: any HotReads, caller: any HTTPCaller, signer: any Signer,
    commander: Commander, queue: any WorkQueue, logger: Logger, limits: Limits = Limits(),
    finished: @escaping @Sendable (_ kind: String, _ outcome: String) -> Void = { _, _ in }
  ) {
    self.partition = partition
    self.log = log
    self.hot = hot
    self.accounts = accounts
    self.caller = caller
    self.signer = signer
    self.commander = commander
    self.queue = queue
    self.logger = logger.with(["callouts": "\(partition)"])
    self.limits = limits
    self.finished = finished
  }

  private var topic: TopicPartition { TopicPartition("callouts", partition) }
  private var state: TopicPartition { TopicPartition("callouts.state", partition) }

  package nonisolated func stop() {
    queue.post {
      self.assumeIsolated { $0.isStopping = true }
      self.bell.ring()
    }
  }

  /// Callouts that are read and not finished, told on the queue.
  package nonisolated func look(_ body: @escaping @Sendable (Int) -> Void) {
    queue.post { self.assumeIsolated { body($0.unfinished) } }
  }

  /// Returns once `run` has, after `stop`. For one caller.
  package nonisolated func end() async { await ended.wait() }

  /// Works until `stop`; what is under way then is finished first, within its own time-outs. What is cut off meanwhile the next run sends again.
  package func run() async {
    guard await begin() else { return ended.ring() }
    openReader()
    await withDiscardingTaskGroup { group in
      while !isStopping {
        for offer in takeJobs() { group.addTask { await self.resolve(offer.offset, offer.callout) } }
        for job in runnable() { group.addTask { await self.perform(job) } }
        savePosition()
        if !hasMore { await bell.wait() }
      }
    }
    savePosition()
    reader?.close()
    positions?.close()
    positions = nil
    ended.ring()
  }

  private var hasMore = false

  // MARK: Reading

  /// Goes on from where the last one was, whoever that was. False when it was stopped meanwhile.
  private func begin() async -> Bool {
    while !isStopping {
      do throws(LogFailure) {
        nextOffset = try await savedPosition()
        savedOffset = nextOffset
        keptOffset = nextOffset
        return !isStopping
      } catch {
        logger.error("callouts cannot begin", ["error": "\(error)"])
        await pause(200)
      }
    }
    return false
  }

  private func savedPosition() async throws(LogFailure) -> Int64 {
    let bell = bell
    let reader = log.openReader(state, from: 0, key: nil, visibility: .committed) { bell.ring() }
    defer { reader.close() }
    var last: LogRecord?
    while !isStopping {
      if let record = try reader.take(records: 100, bytes: 1 << 16).last {
        last = record
      } else if reader.isAtEnd {
        break
      } else {
        await bell.wait()
      }
    }
    guard let value = last?.value else { return 0 }
    var bytes = ByteReader(value)
    return (try? bytes.signed()) ?? 0
  }

  private func pause(_ milliseconds: Int64) async {
    await withCheckedContinuation { continuation in _ = queue.schedule(afterMilliseconds: milliseconds) { continuation.resume() } }
  }

  private func savePosition() {
    var position = savedOffset
    while done.remove(position) != nil { position += 1 }
    savedOffset = position
    guard position != keptOffset else { return }
    keptOffset = position
    var value = ByteWriter(capacity: 10)
    value.signed(position)
    keeper().append([NewRecord(key: [0], value: value.bytes)], tag: UInt64(position))
    guard position - trimmed >= 5000 else { return }
    trimmed = position
    log.trim(topic, before: position) { [logger] outcome in
      if case .failure(let failure) = outcome { logger.warning("callouts cannot be trimmed", ["error": "\(failure)"]) }
    }
  }

  /// The way to the place where the position is kept.
  private func keeper() -> any AppendSession {
    if let positions { return positions }
    let made = log.openSession(state, durability: .synced) { [weak self] reports in
      guard reports.contains(where: { if case .failure = $0.outcome { true } else { false } }) else { return }
      self?.queue.post { self?.assumeIsolated { $0.lostPositions(reports) } }
    }
    positions = made
    return made
  }

  /// The next one kept makes up for it; until then what is done since would be sent once more.
  private func lostPositions(_ reports: [AppendReport]) {
    logger.warning("the position of callouts could not be kept", ["reports": "\(reports.count)"])
    positions?.close()
    positions = nil
  }

  /// Queues events; returns offers, which need more than their record.
  private func takeJobs() -> [(offset: Int64, callout: AssignmentCallout)] {
    hasMore = false
    guard unfinished < limits.unfinished, let reader else { return [] }
    let records: [LogRecord]
    do throws(LogFailure) { records = try reader.take(records: 200, bytes: 1 << 20) } catch {
      logger.error("callouts cannot be read", ["error": "\(error)"])
      readAgain(after: error)
      return []
    }
    hasMore = !records.isEmpty
    var offers: [(offset: Int64, callout: AssignmentCallout)] = []
    for record in records {
      // Offsets of a plain topic are consecutive; where some are gone they count as done.
      while nextOffset < record.offset {
        done.insert(nextOffset)
        nextOffset += 1
      }
      nextOffset = record.offset + 1
      unfinished += 1
      let body = Array((record.value ?? []).dropFirst())
      if record.value?.first == CalloutTag.event, let callout = try? EventCallout(decoding: body) {
        let lane = Lane(workspace: Identifier(keyBytes: record.key) ?? .none, server: CalloutWorker.target(callout.url))
        enqueue(Job(offset: record.offset, payload: .event(callout), lane: lane, order: callout.order))
      } else if record.value?.first == CalloutTag.assignment, let callout = try? AssignmentCallout(decoding: body) {
        offers.append((record.offset, callout))
      } else {
        if record.value != nil { logger.error("a callout record cannot be read", ["offset": "\(record.offset)"]) }
        complete(record.offset)
      }
    }
    return offers
  }

  private func openReader() {
    let bell = bell
    reader = log.openReader(topic, from: nextOffset, key: nil, visibility: .committed) { bell.ring() }
  }

  /// A reader that failed is at its end. Where the topic was made anew, or lost records, the next one begins with what is there.
  private func readAgain(after failure: LogFailure) {
    reader?.close()
    reader = nil
    if case .outOfRange(let start, _) = failure {
      nextOffset = start
      savedOffset = start
      done = []
    }
    _ = queue.schedule(afterMilliseconds: 1000) { [weak self] in
      self?.assumeIsolated { worker in
        guard !worker.isStopping else { return }
        worker.openReader()
        worker.bell.ring()
      }
    }
  }

  /// Queues an offer for its workflow's server. A callout may be quicker than hot state, which at a start is still being filled: what it speaks of is waited for.
  private func resolve(_ offset: Int64, _ callout: AssignmentCallout) async {
    let keys = [DocumentKey(kind: Kind.reservation, id: callout.reservation), DocumentKey(kind: Kind.workflow, id: callout.workflow)]
    let found = await waitFor(callout.workspace, keys, in: hot)
    defer { bell.ring() }
    // Stopped before it was found: the next run takes it up.
    if found == nil, isStopping {
      unfinished -= 1
      return
    }
    guard let workflow = found?[1].flatMap({ try? WorkflowRecord(decoding: $0) }) else {
      finished("assignment", "outdated")
      return complete(offset)
    }
    // An owner that takes over sends again what it cannot know to be here. Each offer is made once, so its reservation tells a repeat; not before it was found, or one that was not
    // there yet would take its repeat with it.
    guard !workflow.assignmentCallbackURL.isEmpty, asked.insert(callout.reservation) else { return complete(offset) }
    let lane = Lane(workspace: callout.workspace, server: CalloutWorker.target(workflow.assignmentCallbackURL))
    enqueue(Job(offset: offset, payload: .assignment(callout, workflow), lane: lane, order: nil))
  }

  /// Documents as soon as the first of them is there; nil when it does not come within a few seconds: it was removed long ago.
  private func waitFor(_ scope: Identifier, _ keys: [DocumentKey], in home: any HotReads) async -> [[UInt8]?]? {
    for pause: Int64 in [2, 5, 10, 20, 50, 100, 200, 400, 800, 1000, 1000, 0] {
      if let found = try? await home.get(scope, keys).documents, found[0] != nil { return found }
      guard !isStopping, pause > 0 else { return nil }
      await self.pause(pause)
    }
    return nil
  }

  /// Scheme, host and port: whom one hanging connection concerns.
  static func target(_ url: String) -> String {
    let parts = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
    return parts.count >= 3 ? "\(parts[0])//\(parts[2])".lowercased() : url
  }

  /// A URL as the log may have it: what a customer put before the host or behind the path may be a password or a key.
  static func shown(_ url: String) -> String {
    let bare = url.prefix { $0 != "?" && $0 != "#" }
    let parts = bare.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count >= 3, let at = parts[2].lastIndex(of: "@") else { return String(bare) }
    return ([parts[0], parts[1], parts[2][parts[2].index(after: at)...]] + parts.dropFirst(3)).joined(separator: "/")
  }

  // MARK: Who may go

  private func enqueue(_ job: Job) {
    // A few that hang must not fill up what is read of all: nobody waits with more than a fifth of the room that is left.
    let most = max(limits.perTarget, min(limits.waitingPerTarget, (limits.unfinished - unfinished) / 5))
    guard targets[job.lane, default: Target()].waiting.count < most else {
      logger.warning("a callout is given up: its server has too many waiting", ["target": CalloutWorker.shown(job.lane.server)])
      finished(kind(job), "overloaded")
      return complete(job.offset)
    }
    targets[job.lane, default: Target()].waiting.append(job)
  }

  private func complete(_ offset: Int64) {
    unfinished -= 1
    done.insert(offset)
  }

  private func runnable() -> [Job] {
    var ready: [Job] = []
    for (lane, target) in targets where !target.waiting.isEmpty && mayBegin(target) {
      var target = target
      var later: [Job] = []
      for job in target.waiting {
        guard mayBegin(target), job.order.map({ !target.busy.contains($0) }) ?? true else {
          later.append(job)
          continue
        }
        if let order = job.order { target.busy.insert(order) }
        target.running += 1
        open += 1
        ready.append(job)
      }
      target.waiting = later
      targets[lane] = target
    }
    return ready
  }

  private func mayBegin(_ target: Target) -> Bool {
    guard open < limits.open else { return false }
    return target.running < (open < limits.open / 2 ? limits.perTarget : limits.perCrowdedTarget)
  }

  private func kind(_ job: Job) -> String {
    if case .event = job.payload { "event" } else { "assignment" }
  }

  private func perform(_ job: Job) async {
    let outcome: String
    switch job.payload {
    case .event(let callout): outcome = await tell(callout)
    case .assignment(let callout, let workflow): outcome = await ask(callout, workflow)
    }
    finished(kind(job), outcome)
    // Cut off by our own end, most likely: not done, so that the next run sends it again.
    if isStopping, outcome == "failed" || outcome == "lost" { unfinished -= 1 } else { complete(job.offset) }
    open -= 1
    targets[job.lane]?.running -= 1
    if let order = job.order { targets[job.lane]?.busy.remove(order) }
    if let target = targets[job.lane], target.running == 0, target.waiting.isEmpty { targets[job.lane] = nil }
    bell.ring()
  }

  // MARK: Sending

  /// One try, and the reply does not matter (taskrouter.md 14, #13).
  private func tell(_ callout: EventCallout) async -> String {
    do throws(OutboundFailure) {
      let reply = try await post(callout.url, callout.body, account: callout.account, limits.eventTimeout)
      guard reply.status >= 300 else { return "delivered" }
      logger.warning("an event callback was refused", ["url": CalloutWorker.shown(callout.url), "status": "\(reply.status)"])
      return "refused"
    } catch {
      logger.warning("an event callback failed", ["url": CalloutWorker.shown(callout.url), "reason": error.reason])
      return "failed"
    }
  }

  private func post(_ url: String, _ body: String, account: Identifier, _ timeout: Int64) async throws(OutboundFailure) -> OutboundReply {
    let found = await waitFor(account, [DocumentKey(kind: AccountKind.account, id: account)], in: accounts)
    guard let token = found?[0].flatMap({ try? AccountRecord(decoding: $0) })?.authToken else {
      throw OutboundFailure(reason: "the account, whose token signs, cannot be read")
    }
    let signature = signer.sign(Array(TwilioSignature.message(url: url, form: body).utf8), key: Array(token.utf8))
    let headers = [
      (name: "Content-Type", value: "application/x-www-form-urlencoded; charset=utf-8"), (name: "X-Twilio-Signature", value: signature),
      (name: "Accept", value: "application/json"),
    ]
    return try await caller.post(OutboundRequest(url: url, headers: headers, body: Array(body.utf8), timeout: timeout))
  }

  /// The assignment callback and its fallback (taskrouter.md 8.2).
  private func ask(_ callout: AssignmentCallout, _ workflow: WorkflowRecord) async -> String {
    guard let body = await assignmentForm(callout) else { return "outdated" }
    for url in [workflow.assignmentCallbackURL, workflow.fallbackAssignmentCallbackURL] where !url.isEmpty {
      do throws(OutboundFailure) {
        let reply = try await post(url, body, account: callout.account, limits.assignmentTimeout)
        switch AssignmentReply.read(reply) {
        case .instruction(let instruction): return await carryOut(instruction, callout)
        case .nothing: return "answered"
        case .alert(let code, let message):
          logger.warning(
            "an assignment reply was not understood", ["url": CalloutWorker.shown(url), "code": "\(code)", "message": message])
          return "misunderstood"
        case .failed(let why): logger.warning("an assignment callback failed", ["url": CalloutWorker.shown(url), "reason": why])
        }
      } catch {
        logger.warning("an assignment callback failed", ["url": CalloutWorker.shown(url), "reason": error.reason])
      }
    }
    return "failed"
  }

  /// The request's parameters (taskrouter.md 8.1); nil when the offer is not open any more.
  private func assignmentForm(_ callout: AssignmentCallout) async -> String? {
    let keys = [
      DocumentKey(kind: Kind.reservation, id: callout.reservation), DocumentKey(kind: Kind.task, id: callout.task),
      DocumentKey(kind: Kind.taskAttributes, id: callout.task), DocumentKey(kind: Kind.worker, id: callout.worker),
      DocumentKey(kind: Kind.workerAttributes, id: callout.worker), DocumentKey(kind: Kind.workspace, id: callout.workspace),
    ]
    guard let found = try? await hot.get(callout.workspace, keys).documents,
      let reservation = found[0].flatMap({ try? ReservationRecord(decoding: $0) }),
      reservation.status == .pending, let task = found[1].flatMap({ try? TaskRecord(decoding: $0) })
    else { return nil }
    func text(_ place: Int) -> String { String(decoding: found[place] ?? Array("{}".utf8), as: UTF8.self) }
    let worker = found[3].flatMap { try? WorkerRecord(decoding: $0) }
    let workspace = found[5].flatMap { try? WorkspaceRecord(decoding: $0) }
    return FormText.encode([
      ("AccountSid", SIDKind.account.text(callout.account)), ("WorkspaceSid", SIDKind.workspace.text(callout.workspace)),
      ("WorkspaceName", workspace?.friendlyName ?? ""), ("WorkflowSid", SIDKind.workflow.text(callout.workflow)),
      ("TaskQueueSid", SIDKind.taskQueue.text(callout.queue)), ("TaskSid", SIDKind.task.text(callout.task)), ("TaskAttributes", text(2)),
      ("TaskAge", String(max(0, callout.at - task.created) / 1000)), ("TaskPriority", String(task.priority)),
      ("TaskChannelSid", SIDKind.taskChannel.text(task.channel)), ("WorkerSid", SIDKind.worker.text(callout.worker)),
      ("WorkerName", worker?.friendlyName ?? ""), ("WorkerAttributes", text(4)),
      ("ReservationSid", SIDKind.reservation.text(callout.reservation)),
      ("Timestamp", String(callout.at / 1000)),
    ])
  }

  private func carryOut(_ instruction: AssignmentReply.Instruction, _ callout: AssignmentCallout) async -> String {
    var request = Request(.updateReservation, target: callout.reservation, side: callout.task)
    switch instruction {
    case .accept: request.arguments[.status] = "accepted"
    case .reject(let activity):
      request.arguments[.status] = "rejected"
      if let activity { request.arguments[.workerActivity] = .identifier(activity) }
    }
    let command = Command(scope: callout.workspace, account: callout.account, body: request.encoded())
    switch await commander.submit(command, to: "work.commands", patience: 15_000) {
    case .success(let verdict) where !verdict.isError: return "carried out"
    case .success(let verdict):
      logger.warning(
        "an assignment instruction was refused", ["reservation": SIDKind.reservation.text(callout.reservation), "message": verdict.message])
      return "refused"
    case .failure(let failure):
      logger.warning(
        "an assignment instruction got lost", ["reservation": SIDKind.reservation.text(callout.reservation), "failure": "\(failure)"])
      return "lost"
    }
  }
}
