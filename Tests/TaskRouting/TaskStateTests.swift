import Journal
import Machines
import Resources
import Testing

@testable import TaskRouting

@Suite("A task's states (taskrouter.md 4.1)")
struct TaskStateTests {
  /// A task brought into a state, with one worker at hand.
  static func bench(_ state: TaskStatus) throws -> (Workbench, task: Identifier, reservation: Identifier) {
    var bench = try Workbench()
    let queue = bench.queue("all")
    _ = bench.simpleFlow(queue)
    if state != .pending { _ = try bench.worker("alice") }
    let task = bench.task()
    let reservation = try bench.offer(task)
    switch state {
    case .pending, .reserved: break
    case .assigned: bench.answer(reservation, "accepted")
    case .wrapping:
      bench.answer(reservation, "accepted")
      bench.set(task, "wrapping")
    case .completed:
      bench.answer(reservation, "accepted")
      bench.set(task, "completed")
    case .canceled: bench.set(task, "canceled", reason: "gone")
    }
    #expect(try bench.status(task) == state)
    _ = bench.happened()
    return (bench, task, reservation)
  }

  @Test("WD-16: from create to complete, with every event in order; the freed worker gets the next task by itself")
  func lifecycle() throws {
    var bench = try Workbench()
    let queue = bench.queue("all")
    _ = bench.simpleFlow(queue)
    let alice = try bench.worker("alice")
    _ = bench.happened()
    let task = bench.task(#"{"a":1}"#)
    #expect(
      bench.happened() == ["task.created", "workflow.entered", "task-queue.entered", "workflow.target-matched", "reservation.created"])
    #expect(try bench.status(task) == .reserved)
    let next = bench.task()
    _ = bench.happened()
    let reservation = try bench.accept(task)
    #expect(bench.happened() == ["reservation.accepted"])
    #expect(try bench.readWorker(alice)?.channels.first?.accepted == 1)
    bench.set(task, "wrapping", reason: "paperwork")
    #expect(bench.happened() == ["reservation.wrapup", "task.wrapup"])
    #expect(try bench.status(next) == .pending, "wrapping keeps the place (4.1)")
    bench.set(task, "completed", reason: "done")
    #expect(bench.happened() == ["task.completed", "reservation.completed", "reservation.created"])
    #expect(try bench.asked(next) == [alice])
    #expect(try bench.read(task)?.reason == "done")
    #expect(try bench.readReservation(reservation)?.status == .completed)
    #expect(try bench.readWorker(alice)?.activity == bench.activity("Available"), "completing never changes the activity")
  }

  static let transitions: [(TaskStatus, String, TaskStatus?)] = [
    (.pending, "canceled", .canceled), (.reserved, "canceled", .canceled), (.assigned, "canceled", nil), (.wrapping, "canceled", nil),
    (.completed, "canceled", nil), (.canceled, "canceled", nil),
    (.pending, "wrapping", nil), (.reserved, "wrapping", nil), (.assigned, "wrapping", .wrapping), (.wrapping, "wrapping", nil),
    (.completed, "wrapping", nil), (.canceled, "wrapping", nil),
    (.pending, "completed", nil), (.reserved, "completed", nil), (.assigned, "completed", .completed), (.wrapping, "completed", .completed),
    (.completed, "completed", nil), (.canceled, "completed", nil),
  ]

  @Test("What a client may write, and the texts that applications look for (1.7)", arguments: transitions)
  func transition(_ from: TaskStatus, _ wanted: String, _ becomes: TaskStatus?) throws {
    var (bench, task, _) = try Self.bench(from)
    let verdict = bench.set(task, wanted)
    guard becomes == nil else {
      #expect(verdict.status == 200)
      return #expect(try bench.status(task) == becomes)
    }
    let what =
      "\(SIDKind.task.text(task)) in workspace \(SIDKind.workspace.text(bench.workspace)) for account \(SIDKind.account.text(bench.account))"
    let text =
      switch wanted {
      case "canceled": "Cannot cancel task \(what) because it is not pending or reserved."
      case "wrapping": "Cannot wrap up a task \(what) because it's not currently assigned"
      default: "Cannot complete task \(what) because it is not currently assigned."
      }
    #expect(verdict.status == 400 && verdict.code == 20001)
    #expect(verdict.message == text)
    #expect(try bench.status(task) == from)
    #expect(bench.happened().isEmpty)
  }

  @Test("Other statuses cannot be written", arguments: ["pending", "reserved", "assigned", "finished", ""])
  func foreignStatus(_ text: String) throws {
    var (bench, task, _) = try Self.bench(.reserved)
    let verdict = bench.set(task, text)
    #expect(verdict.status == 400)
    #expect(verdict.message == "AssignmentStatus must be one of canceled, wrapping, completed; received '\(text)'")
  }

  @Test("Canceling takes the offers back and frees the worker")
  func canceling() throws {
    var (bench, task, reservation) = try Self.bench(.reserved)
    let next = bench.task()
    _ = bench.happened()
    bench.set(task, "canceled", reason: "hung up")
    #expect(bench.happened() == ["task.canceled", "reservation.canceled", "reservation.created"])
    #expect(try bench.readReservation(reservation)?.status == .canceled)
    #expect(try bench.status(next) == .reserved)
  }

  @Test(
    "A task's life ends at its Timeout while it waits or is offered, not once it is assigned",
    arguments: [TaskStatus.pending, .reserved, .assigned])
  func timeToLive(_ state: TaskStatus) throws {
    var bench = try Workbench()
    let queue = bench.queue("all")
    _ = bench.simpleFlow(queue, reservationTimeout: 86_400)
    if state != .pending { _ = try bench.worker("alice") }
    let task = bench.task("{}", [.timeout: 30])
    if state == .assigned { try bench.accept(task) }
    bench.pass(seconds: 29.9)
    #expect(try bench.status(task) == state)
    bench.pass(seconds: 0.1)
    #expect(try bench.status(task) == (state == .assigned ? .assigned : .canceled))
    if state != .assigned { #expect(try bench.read(task)?.reason == "Task TTL Exceeded") }
  }

  @Test("A finished task is readable for five minutes, then gone without an event", arguments: [TaskStatus.completed, .canceled])
  func purge(_ state: TaskStatus) throws {
    var (bench, task, reservation) = try Self.bench(state)
    bench.pass(seconds: 299.9)
    #expect(try bench.status(task) == state)
    bench.pass(seconds: 0.1)
    #expect(try bench.read(task) == nil)
    #expect(try bench.readReservation(reservation) == nil)
    #expect(bench.happened().isEmpty)
    #expect(bench.set(task, "completed").status == 404)
  }

  @Test("A task may be deleted in any state; its live offers are canceled", arguments: TaskStatus.allCases)
  func deletion(_ state: TaskStatus) throws {
    var (bench, task, _) = try Self.bench(state)
    #expect(bench.send(.deleteTask, target: task).status == 204)
    let isLive = state == .reserved || state == .assigned || state == .wrapping
    #expect(bench.happened() == (isLive ? ["reservation.canceled", "task.deleted"] : ["task.deleted"]))
    #expect(try bench.read(task) == nil)
    #expect(bench.send(.deleteTask, target: task).status == 404)
    #expect(bench.machine.documents(of: bench.workspace).allSatisfy { $0.key.kind != Kind.reservation })
    bench.pass(seconds: 100_000)
  }

  @Test("After 24 hours in assigned a task is taken away, and its worker gets the next one; wrapping has no limit")
  func assignedLimit() throws {
    var (bench, task, reservation) = try Self.bench(.assigned)
    bench.pass(seconds: 86_399)
    let next = bench.task()
    _ = bench.happened()
    #expect(try bench.status(task) == .assigned)
    bench.pass(seconds: 1)
    #expect(bench.happened() == ["reservation.canceled", "reservation.created", "task.system-deleted"])
    #expect(try bench.read(task) == nil)
    #expect(try bench.readReservation(reservation) == nil)
    #expect(try bench.status(next) == .reserved)
    (bench, task, _) = try Self.bench(.wrapping)
    bench.pass(seconds: 1_000_000)
    #expect(try bench.status(task) == .wrapping)
  }

  @Test("With a limit of 0 a task may be assigned for ever")
  func noAssignedLimit() throws {
    var settings = TaskRoutingSettings()
    settings.assignedLimit = 0
    var bench = try Workbench(settings: settings)
    _ = bench.simpleFlow(bench.queue("all"))
    _ = try bench.worker("alice")
    let task = bench.task()
    try bench.accept(task)
    bench.pass(seconds: 1_000_000)
    #expect(try bench.status(task) == .assigned)
  }

  @Test("After the thousandth offer, here the third, a task is canceled")
  func maxAssignments() throws {
    var settings = TaskRoutingSettings()
    settings.maxAssignments = 3
    var bench = try Workbench(settings: settings)
    let queue = bench.queue("all")
    _ = bench.simpleFlow(queue)
    _ = try bench.worker("alice")
    let task = bench.task()
    for _ in 0..<3 { bench.answer(try bench.offer(task), "rejected") }
    #expect(try bench.status(task) == .canceled)
    #expect(try bench.read(task)?.reason == "Task TTL Exceeded or Max assignment count exceeded")
  }

  @Test("If-Match refuses another version and says which there is")
  func versions() throws {
    var (bench, task, _) = try Self.bench(.pending)
    let version = try #require(try bench.read(task)).version
    #expect(bench.send(.updateTask, target: task, ifMatch: version + 1, arguments: [.priority: 5]).status == 412)
    #expect(try bench.read(task)?.priority == 0)
    #expect(bench.send(.updateTask, target: task, ifMatch: version, arguments: [.priority: 5]).status == 200)
    #expect(try bench.read(task)?.version == version + 1)
    #expect(bench.send(.deleteTask, target: task, ifMatch: version).status == 412)
  }

  @Test("Values outside their ranges are refused by name, whoever wrote the command")
  func ranges() throws {
    var (bench, task, _) = try Self.bench(.pending)
    for (parameter, value, name) in [
      (Parameter.timeout, Int64.max, "Timeout"), (.timeout, 0, "Timeout"), (.priority, -1, "Priority"),
      (.virtualStart, Int64.min, "VirtualStartTime"),
    ] {
      let verdict = bench.send(.createTask, arguments: [parameter: .integer(value)])
      #expect(verdict.status == 400)
      #expect(verdict.message.hasPrefix("\(name) must be an integer from"))
    }
    let future = bench.send(.createTask, arguments: [.virtualStart: .integer(bench.now + 1)])
    #expect(future.status == 400 && future.message.contains("future"))
    #expect(bench.send(.updateTask, target: task, arguments: [.priority: .integer(.max)]).status == 400)
  }

  @Test("WD-4: without WorkflowSid there must be exactly one workflow; an unknown one makes no task")
  func workflowChoice() throws {
    var bench = try Workbench()
    let queue = bench.queue("all")
    #expect(bench.send(.createTask).status == 400)
    let first = bench.simpleFlow(queue)
    #expect(bench.send(.createTask).status == 201)
    _ = bench.workflow("second", simple(queue))
    let verdict = bench.send(.createTask)
    #expect(verdict.status == 400 && verdict.message.contains("WorkflowSid is required"))
    _ = bench.happened()
    #expect(bench.send(.createTask, arguments: [.workflow: .identifier(Identifier(high: 9, low: 9))]).status == 400)
    #expect(bench.happened().isEmpty)
    #expect(bench.send(.createTask, arguments: [.workflow: .identifier(first)]).status == 201)
    #expect(bench.send(.createTask, arguments: [.workflow: .identifier(first), .taskChannel: "fax"]).status == 400)
    #expect(bench.send(.createTask, arguments: [.workflow: .identifier(first), .attributes: .bytes([0x7b])]).status == 400)
  }

  @Test("An unknown TaskQueueSid makes no task, whatever else says where it goes")
  func unknownQueue() throws {
    var bench = try Workbench()
    let queue = bench.queue("all")
    let flow = bench.simpleFlow(queue)
    let alice = try bench.worker("alice")
    _ = bench.happened()
    let unknown: [Parameter: Argument] = [.taskQueue: .identifier(Identifier(high: 0, low: 1))]
    let target: Argument = .text(SIDKind.worker.text(alice))
    for more: [Parameter: Argument] in [
      [:], [.workflow: .identifier(flow)], [.routingTarget: target], [.routingTarget: target, .ignoreCapacity: false],
    ] {
      let verdict = bench.send(.createTask, arguments: unknown.merging(more) { $1 })
      #expect(verdict.status == 400 && verdict.message.hasPrefix("TaskQueueSid 'WQ00000000000000000000000000000001' is no task queue"))
    }
    #expect(bench.happened().isEmpty)
    #expect(bench.send(.createTask, arguments: [.taskQueue: .identifier(queue), .routingTarget: target]).status == 201)
  }

  @Test("The channel changes in every state; an offer keeps its place where it was made, the next one counts on the new channel")
  func channelOfTakenTask() throws {
    for state in [TaskStatus.reserved, .assigned, .wrapping] {
      var (bench, task, reservation) = try Self.bench(state)
      let (old, sms) = (try bench.channel("default"), try bench.channel("sms"))
      let worker = try #require(try bench.readReservation(reservation)).worker
      func live(_ channel: Identifier) throws -> Int? { try bench.readWorker(worker)?.load(on: channel).live }
      let version = try #require(try bench.read(task)).version
      #expect(bench.send(.updateTask, target: task, arguments: [.taskChannel: "sms"]).status == 200)
      #expect(bench.happened() == ["task.updated"])
      #expect(try bench.read(task)?.channel == sms)
      #expect(try bench.read(task)?.version == version + 1)
      #expect(try (live(old), live(sms)) == (1, 0))
      if state == .reserved {
        bench.answer(reservation, "rejected")
        #expect(try (live(old), live(sms)) == (0, 1), "offered again, on the new channel")
        #expect(try bench.asked(task) == [worker])
      } else {
        bench.set(task, "completed")
        #expect(try (live(old), live(sms)) == (0, 0))
      }
    }
  }

  @Test("A channel cannot be deleted while a reservation counts on it, though its task has moved on")
  func deletingHeldChannel() throws {
    var bench = try Workbench()
    let queue = bench.queue("all")
    _ = bench.simpleFlow(queue)
    _ = try bench.worker("alice")
    let task = bench.task("{}", [.taskChannel: "sms"])
    try bench.accept(task)
    bench.send(.updateTask, target: task, arguments: [.taskChannel: "voice"])
    let sms = try bench.channel("sms")
    #expect(bench.send(.deleteTaskChannel, target: sms).message.contains("live reservations"))
    bench.set(task, "completed")
    #expect(bench.send(.deleteTaskChannel, target: sms).status == 204)
  }

  @Test("A workflow as RoutingTarget is as if it were chosen, and the task says what it was given")
  func workflowTarget() throws {
    var bench = try Workbench()
    let queue = bench.queue("all")
    let flow = bench.simpleFlow(queue)
    let picky = bench.workflow("picky", routing([filter("n == 1", [step(queue)])]))
    let alice = try bench.worker("alice")
    let target = SIDKind.workflow.text(flow)
    let task = bench.task("{}", [.routingTarget: .text(target)])
    let record = try #require(try bench.read(task))
    #expect(record.routingTarget == target && record.workflow == flow && record.queue == queue && !record.ignoresCapacity)
    #expect(try bench.asked(task) == [alice])
    let refused = bench.send(.createTask, arguments: [.routingTarget: .text(SIDKind.workflow.text(picky))])
    #expect(refused.status == 400 && refused.message.contains("matches no filter"))
  }
}
