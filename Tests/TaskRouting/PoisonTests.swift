import Journal
import Machines
import Resources
import Testing

@testable import TaskRouting

/// What the runner does at three deaths, done to a machine that has not died.
extension Workbench {
  @discardableResult
  mutating func reject(_ command: Command) -> Verdict? {
    let verdict = Verdict(status: 500, code: 20500, message: "The request was rejected")
    run { machine, turn in machine.reject(command, verdict, &turn) }
    return lastEffects.replies.first?.verdict
  }

  func asked(_ request: Request, _ key: IdempotencyKey?, in scope: Identifier? = nil, by other: Identifier? = nil) -> Command {
    Command(
      scope: scope ?? workspace, account: other ?? account, replyTo: ReplyAddress(node: "n", request: 1), idempotency: key,
      body: request.encoded())
  }

  /// Goes to the instant of the first timer, and removes it there.
  mutating func dropTimer() -> Errand? {
    guard let due = machine.nextDue else { return nil }
    now = max(now, due)
    let timer = machine.timer(dueAt: now)
    run { machine, turn in machine.dropTimer(&turn) }
    return timer
  }

  /// Another owner takes over.
  mutating func inherit() throws { machine = try TaskRoutingMachine(settings: settings, documents: documents) }
}

@Suite("Commands that must not be handled (journal.md, Poison)")
struct RejectedCommandTests {
  private let key = IdempotencyKey(key: Identifier(high: 5, low: 5), content: Identifier(high: 6, low: 6))
  private let other = IdempotencyKey(key: Identifier(high: 5, low: 5), content: Identifier(high: 6, low: 7))

  @Test("A rejected command's key answers its repeats, refuses another request, and survives a change of owner")
  func replays() throws {
    var bench = try Workbench()
    _ = bench.simpleFlow(bench.queue("q"))
    let command = bench.asked(Request(.createTask), key)
    #expect(bench.reject(command)?.status == 500)
    for _ in 0..<2 {
      let again = bench.command(command)
      #expect(again?.status == 500 && again?.message == "The request was rejected" && again?.replayed == true)
      #expect(bench.command(bench.asked(Request(.createTask), other))?.status == 409)
      try bench.inherit()
    }
    #expect(bench.documents[bench.workspace]?.keys.contains { $0.kind == Kind.task } == false)
    bench.now += IdempotencyKeys.lifetime
    bench.pass(seconds: 1)
    #expect(bench.command(command)?.status == 201)
  }

  @Test("What was answered before stays the answer: a rejected repeat changes nothing")
  func repeated() throws {
    var bench = try Workbench()
    _ = bench.simpleFlow(bench.queue("q"))
    let command = bench.asked(Request(.createTask), key)
    #expect(bench.command(command)?.status == 201)
    #expect(bench.reject(command)?.status == 201)
  }

  @Test("Nobody leaves a key in somebody else's workspace, and a command without one leaves nothing")
  func strangers() throws {
    var bench = try Workbench()
    #expect(bench.reject(bench.asked(Request(.createTask), key, by: Identifier(high: 9, low: 9)))?.status == 500)
    #expect(bench.lastEffects.scopes.isEmpty)
    #expect(bench.reject(bench.asked(Request(.createTask), nil))?.status == 500)
    #expect(bench.lastEffects.scopes.isEmpty)
  }

  @Test("A workspace whose making was rejected is not there, and its key answers")
  func workspace() throws {
    var bench = try Workbench()
    let scope = Identifier(high: 0xA, low: 2)
    let command = bench.asked(Request(.createWorkspace, arguments: [.friendlyName: "w"]), key, in: scope)
    #expect(bench.reject(command)?.status == 500)
    for _ in 0..<2 {
      #expect(bench.command(command)?.status == 500)
      #expect(bench.command(bench.asked(Request(.createWorkspace), other, in: scope))?.status == 409)
      #expect(bench.command(bench.asked(Request(.createActivity), nil, in: scope))?.status == 404)
      try bench.inherit()
      bench.finishSlices()
    }
  }

  @Test("A rejected line counts as decided and refused, and its import tells why")
  func line() throws {
    var bench = try Workbench()
    let importing = Identifier(high: 8, low: 8)
    bench.reject(
      Command(scope: bench.workspace, account: bench.account, origin: .line(importing: importing, number: 1, count: 1), body: [99]))
    let record = try bench.document(Kind.bulkImport, importing, ImportRecord.self)
    #expect(record?.decided == 1 && record?.refused == 1 && record?.made == 0)
    let refused = try #require(bench.documents[bench.workspace]?.first { $0.key.kind == Kind.refusedLine })
    #expect(try RefusedLineRecord(decoding: refused.value).message == "The request was rejected")
    #expect(try RefusedLineRecord(decoding: refused.value).line == 1)
  }
}

@Suite("Timers and long commands that must not be gone on with (journal.md, Poison)")
struct DroppedErrandTests {
  @Test("An offer whose timeout is removed waits for as long as it takes, for every later owner too")
  func offer() throws {
    var bench = try Workbench()
    _ = bench.simpleFlow(bench.queue("q"), reservationTimeout: 10)
    _ = try bench.worker("alice")
    let task = bench.task()
    let offer = try bench.offer(task)
    #expect(bench.dropTimer()?.document == DocumentKey(kind: Kind.reservation, id: offer))
    #expect(bench.happened().contains("reservation.timeout") == false)
    for _ in 0..<2 {
      bench.pass(seconds: 100)
      #expect(try bench.readReservation(offer)?.status == .pending)
      try bench.inherit()
    }
    #expect(bench.answer(offer, "accepted").status == 200)
    #expect(try bench.status(task) == .assigned)
  }

  @Test("A task whose step's timer is removed stays in its step, and its life still ends")
  func timedStep() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.workflow("f", routing([filter("1==1", [step(queue, #""timeout":5"#), step(queue)])]))
    let task = bench.task("{}", [.timeout: 60])
    #expect(bench.dropTimer()?.document == DocumentKey(kind: Kind.task, id: task))
    for _ in 0..<2 {
      bench.pass(seconds: 20)
      #expect(try bench.read(task)?.placement.target == 0 && bench.status(task) == .pending)
      try bench.inherit()
    }
    _ = try bench.worker("alice")
    bench.answer(try bench.offer(task), "rejected")
    #expect(try bench.read(task)?.placement.target == 0)
    bench.pass(seconds: 60)
    #expect(try bench.status(task) == .canceled)
  }

  @Test("A removed timer is remembered as long as what it was for, and no longer")
  func forgotten() throws {
    var bench = try Workbench()
    _ = bench.simpleFlow(bench.queue("q"))
    let task = bench.task("{}", [.timeout: 60])
    _ = bench.dropTimer()
    #expect(bench.machine.nextDue == nil && bench.documents[bench.workspace]?.keys.contains { $0.kind == Kind.silence } == true)
    bench.set(task, "canceled")
    bench.pass(seconds: 3600)
    #expect(try bench.read(task) == nil)
    #expect(bench.documents[bench.workspace]?.keys.contains { $0.kind == Kind.silence } == false)
  }

  @Test("A finished task whose last timer is removed stays readable")
  func purge() throws {
    var bench = try Workbench()
    _ = bench.simpleFlow(bench.queue("q"))
    let task = bench.task()
    bench.set(task, "canceled")
    _ = bench.dropTimer()
    try bench.inherit()
    bench.pass(seconds: 3600)
    #expect(try bench.status(task) == .canceled)
  }

  @Test("A key whose expiry is removed is kept for good")
  func expiry() throws {
    var bench = try Workbench()
    let key = IdempotencyKey(key: Identifier(high: 5, low: 5), content: Identifier(high: 6, low: 6))
    bench.send(.createActivity, key: key, arguments: [.friendlyName: "Lunch"])
    #expect(bench.dropTimer()?.document == DocumentKey(kind: IdempotencyKeys.kind, id: key.key))
    for _ in 0..<2 {
      #expect(bench.machine.nextDue == nil)
      #expect(bench.send(.createActivity, key: key, arguments: [.friendlyName: "Lunch"]).replayed)
      try bench.inherit()
    }
  }

  @Test("Timers that are due together have names of their own, the same for every owner")
  func names() throws {
    var bench = try Workbench()
    _ = bench.simpleFlow(bench.queue("q"))
    for _ in 0..<20 { _ = bench.task("{}", [.timeout: 60]) }
    bench.now += 60_000
    let first = bench.machine.timer(dueAt: bench.now)
    try bench.inherit()
    #expect(first != nil && bench.machine.timer(dueAt: bench.now) == first)
    var numbers: Set<Int64> = []
    while let timer = bench.machine.timer(dueAt: bench.now) {
      numbers.insert(timer.number)
      bench.run { machine, turn in machine.fire(&turn) }
    }
    #expect(numbers.count == 20)
  }

  @Test("Tasks that are no longer placed again stay where they are, for every later owner too")
  func placingAgain() throws {
    var bench = try Workbench(settings: .slicesOnly)
    let (old, new) = (bench.queue("old"), bench.queue("new"))
    let flow = bench.simpleFlow(old)
    for _ in 0..<10 { _ = bench.task() }
    bench.send(.updateWorkflow, target: flow, arguments: [.configuration: .text(simple(new)), .reEvaluate: true])
    bench.run { machine, turn in machine.slice(limit: 3, &turn) }
    let sliced = bench.machine.sliced
    try bench.inherit()
    #expect(sliced?.document == DocumentKey(kind: Kind.workflow, id: flow) && bench.machine.sliced == sliced)
    bench.run { machine, turn in machine.dropSlice(&turn) }
    for _ in 0..<2 {
      #expect(!bench.machine.hasSlice && bench.machine.sliced == nil)
      let queues = try (bench.documents[bench.workspace] ?? [:]).filter { $0.key.kind == Kind.task }
        .map { try TaskRecord(decoding: $0.value).queue }
      #expect(queues.filter { $0 == old }.count == 7 && queues.filter { $0 == new }.count == 3)
      try bench.inherit()
    }
    // The next wish is another job.
    bench.send(.updateWorkflow, target: flow, arguments: [.reEvaluate: true])
    #expect(bench.machine.sliced != nil && bench.machine.sliced != sliced)
  }

  @Test("A deleted workspace that is no longer cleared away stays deleted, and what is left of it stays")
  func clearing() throws {
    var bench = try Workbench()
    _ = bench.simpleFlow(bench.queue("q"))
    for _ in 0..<10 { _ = bench.task() }
    bench.send(.deleteWorkspace)
    bench.run { machine, turn in machine.slice(limit: 5, &turn) }
    #expect(bench.machine.sliced?.document == DocumentKey(kind: Kind.workspace, id: bench.workspace))
    bench.run { machine, turn in machine.dropSlice(&turn) }
    let left = bench.documents[bench.workspace]?.count ?? 0
    for _ in 0..<2 {
      #expect(!bench.machine.hasSlice)
      #expect(bench.send(.createTask).status == 404)
      try bench.inherit()
    }
    #expect(bench.documents[bench.workspace]?.count == left && left > 10)
  }
}
