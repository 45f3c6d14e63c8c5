import Journal
import Machines
import Resources
import Testing

@testable import TaskRouting

@Suite("Who gets what (taskrouter.md 7)")
struct MatchingTests {
  /// Tasks queued while nobody is there, then one worker who takes one after the other; the places of the tasks in the order of offers.
  private func order(_ bench: inout Workbench, _ tasks: [Identifier]) throws -> [Int] {
    _ = try bench.worker("solo")
    var order: [Int] = []
    while let task = try tasks.first(where: { try bench.status($0) == .reserved }) {
      order.append(tasks.firstIndex(of: task) ?? -1)
      try bench.accept(task)
      bench.set(task, "completed")
    }
    return order
  }

  @Test("WD-7, WD-8: higher priority first, even when newer; equal ones oldest first")
  func priority() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.simpleFlow(queue)
    let tasks = [0, 5, 0, 9, 5].map { priority in bench.task("{}", [.priority: .integer(priority)]) }
    #expect(try order(&bench, tasks) == [3, 1, 4, 0, 2])
  }

  @Test("A LIFO queue gives out the newest first and ignores priority")
  func newestFirst() throws {
    var bench = try Workbench()
    let queue = bench.queue("q", order: "LIFO")
    _ = bench.simpleFlow(queue)
    var tasks: [Identifier] = []
    for priority in [9, 0, 5] {
      tasks.append(bench.task("{}", [.priority: .integer(Int64(priority))]))
      bench.pass(seconds: 1)
    }
    #expect(try order(&bench, tasks) == [2, 1, 0])
  }

  @Test("PrioritizeQueueOrder decides between FIFO and LIFO queues", arguments: ["FIFO", "LIFO"])
  func queueOrder(_ order: String) throws {
    var bench = try Workbench(arguments: [.prioritizeQueueOrder: .text(order)])
    let fifo = bench.queue("fifo")
    let lifo = bench.queue("lifo", order: "LIFO")
    _ = bench.workflow("f", routing([filter("l == true", [step(lifo)])], otherwise: step(fifo)))
    let tasks = [
      bench.task(#"{"l":false}"#), bench.task(#"{"l":true}"#), bench.task(#"{"l":false}"#, [.priority: 5]), bench.task(#"{"l":true}"#),
    ]
    #expect(try self.order(&bench, tasks) == (order == "FIFO" ? [2, 0, 3, 1] : [3, 1, 2, 0]))
  }

  @Test("Virtual start time is the age that counts, and changing it or the priority re-sorts at once")
  func reSorting() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.simpleFlow(queue)
    let tasks = (0..<4).map { _ in bench.task() } + [bench.task("{}", [.virtualStart: .integer(bench.now - 60_000)])]
    bench.send(.updateTask, target: tasks[2], arguments: [.priority: 3])
    bench.send(.updateTask, target: tasks[3], arguments: [.virtualStart: .integer(bench.now - 90_000)])
    #expect(try order(&bench, tasks) == [2, 3, 4, 0, 1])
  }

  @Test("A virtual start time may be before 1970", arguments: ["FIFO", "LIFO"])
  func beforeTheEpoch(_ order: String) throws {
    var bench = try Workbench()
    let queue = bench.queue("q", order: order)
    _ = bench.simpleFlow(queue)
    let starts: [Int64] = [1, -1000, 0, -2_208_988_800_000]
    let tasks = starts.map { bench.task("{}", [.virtualStart: .integer($0)]) }
    #expect(try tasks.map { try bench.read($0)?.virtualStart } == starts)
    #expect(try self.order(&bench, tasks) == (order == "FIFO" ? [3, 1, 2, 0] : [0, 2, 1, 3]))
  }

  @Test("Changing a queue's order re-sorts what waits in it")
  func changedOrder() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.simpleFlow(queue)
    var tasks: [Identifier] = []
    for _ in 0..<3 {
      tasks.append(bench.task())
      bench.pass(seconds: 1)
    }
    bench.send(.updateTaskQueue, target: queue, arguments: [.taskOrder: "LIFO"])
    #expect(try order(&bench, tasks) == [2, 1, 0])
  }

  @Test("The longest idle worker is asked, the never reserved ones first")
  func longestIdle() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.simpleFlow(queue)
    let workers = try (0..<3).map { try bench.worker("w\($0)") }
    var asked: [Identifier] = []
    for _ in 0..<5 {
      let task = bench.task()
      asked += try bench.asked(task)
      try bench.accept(task)
      bench.set(task, "completed")
    }
    #expect(asked == [workers[0], workers[1], workers[2], workers[0], workers[1]])
  }

  @Test("A channel with routing of its own counts idleness by itself", arguments: [true, false])
  func optimized(_ optimized: Bool) throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.simpleFlow(queue)
    bench.send(.updateTaskChannel, arguments: [.taskChannel: "sms", .optimized: .flag(optimized)])
    let workers = [try bench.worker("a"), try bench.worker("b")]
    func serve(_ channel: String) throws -> Identifier? {
      let task = bench.task("{}", [.taskChannel: .text(channel)])
      let asked = try bench.asked(task).first
      try bench.accept(task)
      bench.set(task, "completed")
      return asked
    }
    #expect(try serve("default") == workers[0])
    #expect(try serve("sms") == (optimized ? workers[0] : workers[1]))
  }

  @Test("WD-12: graded skills: a floor in the expression, the best first by order_by")
  func graded() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.workflow(
      "f", routing([filter("1==1", [step(queue, #""expression":"worker.level >= 3","order_by":"worker.level DESC""#)])]))
    _ = try bench.worker("one", #"{"level":1}"#)
    let three = try bench.worker("three", #"{"level":3}"#)
    let five = try bench.worker("five", #"{"level":5}"#)
    let tasks = (0..<3).map { _ in bench.task() }
    #expect(try bench.asked(tasks[0]) == [five])
    #expect(try bench.asked(tasks[1]) == [three])
    #expect(try bench.status(tasks[2]) == .pending)
    let created = bench.facts.filter { $0.kind == FactKind.reservationCreated.rawValue }
    let reasons = try created.map { try ReservationFactDetails(fieldBytes: $0.details) }
    #expect(reasons.map(\.ruleName) == ["order_by", "only_candidate"])
    #expect(reasons.map(\.candidates) == [2, 1])
    #expect(reasons.map(\.filter) == [0, 0])
  }

  @Test("Every offer says why: rule and number of candidates")
  func reasons() throws {
    var bench = try Workbench()
    let fifo = bench.queue("q")
    _ = bench.simpleFlow(fifo)
    let alice = try bench.worker("alice")
    _ = try bench.worker("bob")
    func reason() throws -> [String] {
      let details = try #require(try bench.fact(.reservationCreated).map { try ReservationFactDetails(fieldBytes: $0.details) })
      return [details.ruleName ?? "none", String(details.candidates), String(details.filter)]
    }
    let first = bench.task()
    #expect(try reason() == ["longest_idle", "2", "-1"])
    _ = bench.task()
    #expect(try reason() == ["only_candidate", "1", "-1"])
    for _ in 0..<3 { _ = bench.task() }
    try bench.accept(first)
    bench.set(first, "completed")
    #expect(try reason() == ["priority_then_age", "3", "-1"])
    _ = bench.task("{}", [.routingTarget: .text(SIDKind.worker.text(alice))])
    #expect(try reason() == ["routed_directly", "1", "-2"])
    let accepted = try #require(bench.fact(.reservationAccepted))
    #expect(try ReservationFactDetails(fieldBytes: accepted.details).ruleName == nil)
  }

  @Test("WD-10: attributes decide who is eligible; with nobody eligible the task waits")
  func attributes() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.workflow("f", routing([filter("1==1", [step(queue, #""expression":"task.language IN worker.languages""#)])]))
    _ = try bench.worker("english", #"{"languages":["en"]}"#)
    let spanish = try bench.worker("spanish", #"{"languages":["es","pt"]}"#)
    let task = bench.task(#"{"language":"es"}"#)
    #expect(try bench.asked(task) == [spanish])
    let french = bench.task(#"{"language":"fr"}"#)
    #expect(try bench.status(french) == .pending)
    let polyglot = try bench.worker("polyglot", #"{"languages":["fr"]}"#)
    #expect(try bench.asked(french) == [polyglot])
  }

  @Test("WD-9, WD-11: activity, attributes, capacity, availability and names of a worker count at once")
  func workerChanges() throws {
    var bench = try Workbench()
    let queue = bench.queue("q", "skill == 1")
    _ = bench.simpleFlow(queue)
    let alice = try bench.worker("alice", #"{"skill":1}"#, activity: "Offline")
    let tasks = (0..<4).map { _ in bench.task() }
    bench.pass(seconds: 100)
    #expect(try bench.status(tasks[0]) == .pending)
    try bench.move(alice, to: "Available")
    #expect(try bench.asked(tasks[0]) == [alice])
    bench.capacity(alice, 2)
    #expect(try bench.asked(tasks[1]) == [alice])
    bench.capacity(alice, 3, available: false)
    #expect(try bench.status(tasks[2]) == .pending)
    bench.capacity(alice, available: true)
    #expect(try bench.asked(tasks[2]) == [alice])
    bench.capacity(alice, 0)
    try bench.accept(tasks[0])
    bench.set(tasks[0], "completed")
    #expect(try bench.status(tasks[3]) == .pending, "capacity 0 stops new offers and takes nothing away")
    #expect(try bench.status(tasks[1]) == .reserved)
    let bob = try bench.worker("bob", #"{"skill":2}"#)
    #expect(try bench.status(tasks[3]) == .pending)
    bench.send(.updateWorker, target: bob, arguments: [.attributes: .bytes(Array(#"{"skill":1}"#.utf8))])
    #expect(try bench.asked(tasks[3]) == [bob])
  }

  @Test("A changed queue expression serves what waits at once, best task first")
  func queueExpression() throws {
    var bench = try Workbench()
    let queue = bench.queue("q", "")
    _ = bench.simpleFlow(queue)
    let alice = try bench.worker("alice", #"{"skill":1}"#)
    let low = bench.task()
    let high = bench.task("{}", [.priority: 9])
    bench.send(.updateTaskQueue, target: queue, arguments: [.targetWorkers: "skill == 1"])
    #expect(try bench.asked(high) == [alice])
    #expect(try bench.status(low) == .pending)
    bench.answer(try bench.offer(high), "accepted")
    bench.send(.updateTaskQueue, target: queue, arguments: [.targetWorkers: "skill == 2"])
    bench.set(high, "completed")
    #expect(try bench.status(low) == .pending, "alice is no member any more")
    #expect(bench.send(.updateTaskQueue, target: queue, arguments: [.targetWorkers: "skill =="]).status == 400)
  }

  @Test("Expressions that read activity and load follow them: only who is quite free takes from this queue")
  func changingExpressions() throws {
    var bench = try Workbench()
    let queue = bench.queue("q", "worker.channel.sms.available_capacity_percentage == 100 AND activity_name == 'Available'")
    let flow = bench.simpleFlow(queue)
    let other = bench.queue("sms")
    let smsFlow = bench.workflow("s", simple(other))
    let alice = try bench.worker("alice")
    let sms = bench.task("{}", [.workflow: .identifier(smsFlow), .taskChannel: "sms"])
    #expect(try bench.asked(sms) == [alice])
    let task = bench.task("{}", [.workflow: .identifier(flow)])
    #expect(try bench.status(task) == .pending)
    try bench.accept(sms)
    bench.set(sms, "completed")
    #expect(try bench.asked(task) == [alice])
  }

  @Test("Accepting can make a worker eligible: a queue for those who have work already")
  func acceptMakesEligible() throws {
    var bench = try Workbench()
    let busy = bench.queue("busy", "worker.channel.default.assigned_tasks > 0")
    let all = bench.queue("all")
    let flow = bench.workflow("f", routing([filter("b == true", [step(busy)])], otherwise: step(all)))
    let alice = try bench.worker("alice")
    bench.capacity(alice, 5)
    let waiting = bench.task(#"{"b":true}"#, [.workflow: .identifier(flow)])
    #expect(try bench.status(waiting) == .pending)
    try bench.accept(bench.task("{}"))
    #expect(try bench.asked(waiting) == [alice])
  }

  @Test("Capacity counts per channel; pending offers use it up")
  func channels() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.simpleFlow(queue)
    let alice = try bench.worker("alice")
    bench.capacity(alice, 2, on: "sms")
    let chats = (0..<3).map { _ in bench.task("{}", [.taskChannel: "sms"]) }
    let call = bench.task("{}", [.taskChannel: "voice"])
    #expect(try chats.map { try bench.status($0) } == [.reserved, .reserved, .pending])
    #expect(try bench.status(call) == .reserved)
    let sms = try #require(try bench.readWorker(alice)).load(on: try bench.channel("sms"))
    #expect(sms.pending == 2 && sms.availablePercentage == 0)
  }

  @Test("RoutingTarget: a workflow, a queue past all filters, or one worker")
  func routingTargets() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    let other = bench.queue("o")
    let flow = bench.workflow("f", routing([filter("x == 1", [step(queue)])]))
    let second = bench.workflow("g", simple(other))
    let alice = try bench.worker("alice", activity: "Offline")
    let byFlow = bench.task("{}", [.routingTarget: .text(SIDKind.workflow.text(second))])
    #expect(try bench.read(byFlow)?.queue == other)
    #expect(try bench.read(byFlow)?.workflow == second)
    let byQueue = bench.task("{}", [.routingTarget: .text(SIDKind.taskQueue.text(queue))])
    #expect(try bench.read(byQueue)?.queue == queue)
    #expect(try bench.read(byQueue)?.workflow.isNone == true)
    let byWorker = bench.task("{}", [.routingTarget: .text(SIDKind.worker.text(alice))])
    #expect(try bench.asked(byWorker) == [alice], "IgnoreCapacity is true: neither activity nor capacity matter")
    #expect(bench.send(.createTask, arguments: [.routingTarget: "WKnobody"]).status == 400)
    _ = flow
  }

  @Test("Past the filters of its workflow a task is still its workflow's: by name, or because there is one")
  func routingTargetWithWorkflow() throws {
    var bench = try Workbench()
    let (queue, other) = (bench.queue("q"), bench.queue("o"))
    let flow = bench.workflow("f", routing([filter("1==1", [step(other, #""timeout":10"#)])]), callback: "https://example.com/assign")
    let target = Argument.text(SIDKind.taskQueue.text(queue))
    let named = bench.task("{}", [.routingTarget: target, .workflow: .identifier(flow)])
    let unnamed = bench.task("{}", [.routingTarget: target])
    for task in [named, unnamed] { #expect(try bench.read(task)?.workflow == flow) }
    // Neither its times nor its changes concern them.
    bench.pass(seconds: 60)
    bench.send(.updateWorkflow, target: flow, arguments: [.configuration: .text(simple(other)), .reEvaluate: true])
    bench.finishSlices()
    for task in [named, unnamed] { #expect(try bench.read(task)?.queue == queue) }
    let alice = try bench.worker("alice")
    #expect(try bench.asked(named) == [alice])
    #expect(bench.outgoing.contains { $0.target == "callouts" }, "the workflow's callback is called")
    bench.answer(try bench.offer(named), "rejected")
    #expect(try bench.read(named)?.queue == queue)
    #expect(bench.send(.createTask, arguments: [.routingTarget: target, .workflow: .identifier(queue)]).status == 400)
  }

  @Test("A task for one worker that heeds capacity waits for it, for a minute")
  func routingTargetWaits() throws {
    var bench = try Workbench()
    let alice = try bench.worker("alice", activity: "Offline")
    let arguments: [Parameter: Argument] = [.routingTarget: .text(SIDKind.worker.text(alice)), .ignoreCapacity: false]
    let first = bench.task("{}", arguments)
    #expect(try bench.status(first) == .pending)
    bench.pass(seconds: 59)
    try bench.move(alice, to: "Available")
    #expect(try bench.asked(first) == [alice])
    let second = bench.task("{}", arguments)
    _ = bench.happened()
    bench.pass(seconds: 60)
    #expect(bench.happened().suffix(2) == ["reservation.failed", "task.canceled"])
    #expect(try bench.read(second)?.reason == "RoutingTarget SLA for Reservation creation was not met")
  }

  @Test("WD-24: calls and tickets share the workers, and priority goes across both")
  func mixedWork() throws {
    var bench = try Workbench(multiTask: false)
    let activities: [Parameter: Argument] = [
      .reservationActivity: .identifier(try bench.activity("Available")), .assignmentActivity: .identifier(try bench.activity("Available")),
    ]
    let calls = bench.queue("calls", arguments: activities)
    let tickets = bench.queue("tickets", arguments: activities)
    _ = bench.workflow("f", routing([filter("kind == 'call'", [step(calls)])], otherwise: step(tickets)))
    let tasks = [("call", 1), ("ticket", 5), ("call", 9), ("ticket", 7)].map { kind, priority in
      bench.task(
        #"{"kind":"\#(kind)"}"#, [.priority: .integer(Int64(priority)), .taskChannel: .text(kind == "call" ? "voice" : "default")])
    }
    #expect(try order(&bench, tasks) == [2, 3, 1, 0])
  }

  @Test("Thousands of kinds of tasks come and go: classes are dropped and made again, and nothing is forgotten")
  func manyClasses() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    _ = bench.workflow("f", routing([filter("1==1", [step(queue, #""expression":"worker.n == task.n OR worker.all == true""#)])]))
    _ = try bench.worker("all", #"{"all":true}"#)
    for n in 0..<400 {
      let task = bench.task(#"{"n":\#(n)}"#)
      try bench.accept(task)
      bench.set(task, "completed")
      let again = bench.task(#"{"n":\#(n / 2)}"#)
      #expect(try bench.status(again) == .reserved)
      bench.set(again, "canceled")
    }
    let waiting = (0..<300).map { bench.task(#"{"n":\#($0),"x":1}"#) }
    try bench.accept(waiting[0])
    bench.set(waiting[0], "completed")
    #expect(try bench.status(waiting[1]) == .reserved)
    #expect(try bench.status(waiting[299]) == .pending)
  }
}
