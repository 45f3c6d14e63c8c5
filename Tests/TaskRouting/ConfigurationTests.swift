import Journal
import Machines
import Resources
import Testing

@testable import TaskRouting

@Suite("Workspaces, their parts, and what may be deleted (taskrouter.md 2, 4.4)")
struct ConfigurationTests {
  @Test("A new workspace has three activities, five channels, and Offline as default and timeout activity")
  func newWorkspace() throws {
    let bench = try Workbench()
    let record = try bench.record()
    let offline = try bench.activity("Offline")
    #expect(record.defaultActivity == offline && record.timeoutActivity == offline)
    #expect(record.isMultiTask && record.prioritizedOrder == .fifo && record.eventCallbackURL.isEmpty && record.eventsFilter == nil)
    #expect(try bench.document(Kind.activity, offline, ActivityRecord.self)?.isAvailable == false)
    #expect(try bench.document(Kind.activity, bench.activity("Unavailable"), ActivityRecord.self)?.isAvailable == false)
    #expect(try bench.document(Kind.activity, bench.activity("Available"), ActivityRecord.self)?.isAvailable == true)
    for name in ["default", "voice", "sms", "chat", "video"] { #expect(try !bench.channel(name).isNone) }
  }

  @Test("The FIFO template adds a queue and a workflow that work")
  func template() throws {
    var bench = try Workbench(arguments: [.template: "FIFO"])
    let alice = try bench.worker("alice")
    let task = bench.task()
    #expect(try bench.asked(task) == [alice])
  }

  @Test("WD-1: nothing of one account is seen or matched by another's")
  func tenants() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.simpleFlow(queue)
    let (workspace, account) = (bench.workspace, bench.account)
    bench.workspace = Identifier(high: 0xB, low: 2)
    bench.account = Identifier(high: 0xC, low: 2)
    bench.send(.createWorkspace, arguments: [.friendlyName: "Desk"])
    let theirs = bench.queue("q")
    _ = bench.simpleFlow(theirs)
    _ = try bench.worker("alice")
    bench.workspace = workspace
    bench.account = account
    let task = bench.task()
    #expect(try bench.status(task) == .pending)
    bench.account = Identifier(high: 0xC, low: 2)
    #expect(bench.send(.updateTask, target: task, arguments: [.priority: 1]).status == 404)
    bench.account = account
    let alice = try bench.worker("alice")
    #expect(try bench.asked(task) == [alice])
  }

  @Test("WD-14: a worker's name is unique in its workspace without regard to case")
  func names() throws {
    var bench = try Workbench()
    let alice = try bench.worker("Alice")
    #expect(bench.send(.createWorker, arguments: [.friendlyName: "aLICE"]).status == 400)
    #expect(bench.send(.updateWorker, target: alice, arguments: [.friendlyName: "ALICE"]).status == 200)
    #expect(bench.send(.createWorker, arguments: [.friendlyName: "alice"]).status == 400)
    bench.send(.updateWorker, target: alice, arguments: [.friendlyName: "bob"])
    #expect(bench.send(.createWorker, arguments: [.friendlyName: "alice"]).status == 201)
  }

  @Test("What is in use cannot be deleted")
  func guards() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    let flow = bench.simpleFlow(queue)
    let alice = try bench.worker("alice")
    let lunch = bench.send(.createActivity, arguments: [.friendlyName: "Lunch"]).document?.id ?? .none
    func refused(_ operation: Operation, _ target: Identifier, _ text: String) {
      let verdict = bench.send(operation, target: target)
      #expect(verdict.status == 400 && verdict.message.contains(text), "\(verdict.message)")
    }
    refused(.deleteActivity, try bench.activity("Offline"), "it is the default activity")
    bench.send(.updateWorkspace, arguments: [.defaultActivity: .identifier(lunch)])
    refused(.deleteActivity, try bench.activity("Offline"), "it is the timeout activity")
    refused(.deleteActivity, try bench.activity("Available"), "a worker is in it")
    refused(.deleteWorker, alice, "it is in an available activity")
    refused(.deleteTaskQueue, queue, "refers to it")
    refused(.deleteTaskChannel, try bench.channel("default"), "cannot be deleted")
    let task = bench.task("{}", [.taskChannel: "sms"])
    refused(.deleteTaskChannel, try bench.channel("sms"), "tasks use it")
    refused(.deleteWorkflow, flow, "it governs 1 tasks")
    try bench.accept(task)
    try bench.move(alice, to: "Offline")
    refused(.deleteWorker, alice, "it has 1 live reservations")
    bench.set(task, "completed")
    #expect(bench.send(.deleteWorker, target: alice).status == 204)
    #expect(bench.send(.deleteTaskChannel, target: try bench.channel("sms")).status == 204)
    #expect(bench.send(.deleteWorkflow, target: flow).status == 204)
    #expect(bench.send(.deleteTaskQueue, target: queue).status == 204)
    #expect(bench.send(.deleteTaskQueue, target: queue).status == 404)
    bench.pass(seconds: 1000)
    #expect(bench.machine.documents(of: bench.workspace).count == bench.documents[bench.workspace]?.count)
  }

  @Test("A queue with tasks in it, routed past the workflows, stays")
  func queueWithTasks() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    let task = bench.task("{}", [.routingTarget: .text(SIDKind.taskQueue.text(queue))])
    #expect(bench.send(.deleteTaskQueue, target: queue).message.contains("1 tasks are in it"))
    bench.set(task, "canceled")
    #expect(bench.send(.deleteTaskQueue, target: queue).status == 204)
    bench.pass(seconds: 1000)
  }

  @Test("Numbers are never given twice, whoever owns the partition")
  func numbers() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.simpleFlow(queue)
    let task = bench.task()
    let serial = try #require(try bench.read(task)).serial
    bench.send(.deleteTask, target: task)
    bench.machine = try TaskRoutingMachine(settings: bench.settings, documents: bench.documents)
    let next = bench.task()
    #expect(try bench.read(next)?.serial == serial + 1)
  }

  @Test("A deleted workspace is gone at once; its documents go in slices, its idempotency keys stay")
  func deletingWorkspace() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.simpleFlow(queue)
    _ = try bench.worker("alice")
    for _ in 0..<50 { _ = bench.task() }
    let key = IdempotencyKey(key: Identifier(high: 5, low: 5), content: Identifier(high: 6, low: 6))
    bench.send(.deleteWorkspace, key: key)
    #expect(bench.send(.createTask).status == 404)
    #expect(bench.send(.deleteWorkspace, key: key).replayed)
    #expect(bench.machine.documents(of: bench.workspace).count == 2)
    var slices = 0
    while bench.machine.hasSlice {
      bench.run { machine, turn in machine.slice(limit: 20, &turn) }
      slices += 1
      if slices == 2 { bench.machine = try TaskRoutingMachine(settings: bench.settings, documents: bench.documents) }
    }
    #expect(slices >= 5)
    #expect(bench.documents[bench.workspace]?.count == 2)
    #expect(try bench.record().isDeleted)
    bench.pass(seconds: 86_400)
    #expect(bench.documents[bench.workspace]?.count == 1)
  }

  @Test("Deleting a workspace comes to its end also when its last tasks and workers were gone before")
  func deletionOfEmptied() throws {
    var bench = try Workbench(arguments: [.template: "FIFO"])
    let alice = try bench.worker("alice", activity: "Offline")
    let task = bench.task()
    bench.send(.deleteTask, target: task)
    bench.send(.deleteWorker, target: alice)
    bench.pass(seconds: 1000)
    bench.send(.deleteWorkspace)
    for _ in 0..<100 where bench.machine.hasSlice { bench.run { machine, turn in machine.slice(limit: 20, &turn) } }
    #expect(!bench.machine.hasSlice)
  }

  @Test("A waiting task whose queue is not among the documents is damage, told and not served")
  func damagedTask() throws {
    var bench = try Workbench(arguments: [.template: "FIFO"])
    _ = bench.task()
    var documents = bench.documents
    for key in documents[bench.workspace]?.keys.filter({ $0.kind == Kind.taskQueue }) ?? [] { documents[bench.workspace]?[key] = nil }
    #expect(throws: DecodingFailure.self) { try TaskRoutingMachine(settings: bench.settings, documents: documents) }
  }
}

@Suite("Commands that come twice, and imports")
struct RepeatTests {
  private let key = IdempotencyKey(key: Identifier(high: 5, low: 5), content: Identifier(high: 6, low: 6))

  @Test("A key gives the first answer again for 24 hours, refuses another request, and survives a change of owner")
  func keys() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.simpleFlow(queue)
    let first = bench.send(.createTask, key: key)
    #expect(first.status == 201 && !first.replayed)
    bench.machine = try TaskRoutingMachine(settings: bench.settings, documents: bench.documents)
    var again = bench.send(.createTask, key: key)
    #expect(again.replayed)
    again.replayed = false
    #expect(again == first)
    var other = key
    other.content = Identifier(high: 7, low: 7)
    #expect(bench.send(.createTask, key: other).status == 409)
    bench.pass(seconds: 86_399)
    #expect(bench.send(.createTask, key: key).document == first.document)
    bench.pass(seconds: 1)
    #expect(bench.send(.createTask, key: key).document != first.document)
  }

  @Test("A repeated accept answers as the first did")
  func accept() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.simpleFlow(queue)
    _ = try bench.worker("alice")
    let task = bench.task()
    let offer = try bench.offer(task)
    for round in 0..<2 {
      let verdict = bench.send(.updateReservation, target: offer, key: key, arguments: [.status: "accepted"])
      #expect(verdict.status == 200 && verdict.replayed == (round == 1))
    }
    #expect(bench.send(.updateReservation, target: offer, arguments: [.status: "accepted"]).status == 400)
  }

  @Test("Import lines: good ones become tasks, refused ones are kept with their reason, runs refused before are counted")
  func lines() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.workflow("f", routing([filter("ok == true", [step(queue)])]))
    let importing = Identifier(high: 8, low: 8)
    func line(_ number: UInt64, _ body: [UInt8], count: UInt64 = 1) {
      bench.command(
        Command(
          scope: bench.workspace, account: bench.account, origin: .line(importing: importing, number: number, count: count), body: body))
    }
    let good = Request(.createTask, arguments: [.attributes: .bytes(Array(#"{"ok":true}"#.utf8))]).encoded()
    let bad = Request(.createTask, arguments: [.attributes: .bytes(Array(#"{"ok":false}"#.utf8))]).encoded()
    line(1, good)
    line(2, bad)
    line(3, Request(.skipLines).encoded(), count: 4)
    line(7, [9, 9])
    line(8, good)
    let record = try #require(try bench.document(Kind.bulkImport, importing, ImportRecord.self))
    #expect(record.decided == 8 && record.made == 2 && record.refused == 2)
    var refused: [(Int64, String)] = []
    for (id, bytes) in bench.documents[bench.workspace] ?? [:] where id.kind == Kind.refusedLine {
      let line = try RefusedLineRecord(decoding: bytes)
      refused.append((line.line, line.message))
    }
    refused.sort { $0.0 < $1.0 }
    #expect(refused.map(\.0) == [2, 7])
    #expect(refused.first?.1.contains("matches no filter") == true)
    let answer = bench.command(
      Command(
        scope: bench.workspace, account: bench.account, origin: .question(importing: importing),
        replyTo: ReplyAddress(node: "n", request: 1),
        body: []))
    #expect(answer?.number == 8)
  }

  @Test("Bytes that are no request are answered, cut and changed anywhere")
  func garbage() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.simpleFlow(queue)
    let whole = Request(.createTask, arguments: [.attributes: .bytes(Array("{}".utf8)), .priority: 3, .taskChannel: "sms"]).encoded()
    var random = SeededGenerator(seed: 3)
    for round in 0..<400 {
      var body = Array(whole.prefix(round < whole.count ? round : whole.count))
      if round >= whole.count { body[Int.random(in: 0..<body.count, using: &random)] = UInt8.random(in: 0...255, using: &random) }
      let verdict = bench.command(
        Command(scope: bench.workspace, account: bench.account, replyTo: ReplyAddress(node: "n", request: 1), body: body))
      if round < whole.count { #expect(verdict?.status == 400) }
      if bench.documents[bench.workspace] == nil { break }
    }
  }
}
