import Journal
import Machines
import Resources
import Testing

@testable import TaskRouting

@Suite("A task's way through its workflow (taskrouter.md 5)")
struct WorkflowTests {
  @Test("Steps of 10, 10 and 10 seconds end at ages 10, 20 and 30 (5.3)")
  func cumulative() throws {
    var bench = try Workbench()
    let queues = (1...3).map { bench.queue("q\($0)") }
    _ = bench.workflow("f", routing([filter("1==1", queues.map { step($0, #""timeout":10"#) })]))
    let task = bench.task()
    _ = bench.happened()
    for (second, queue) in [(9.9, queues[0]), (0.1, queues[1]), (9.9, queues[1]), (0.1, queues[2]), (9.9, queues[2])] {
      bench.pass(seconds: second)
      #expect(try bench.read(task)?.queue == queue)
    }
    _ = bench.happened()
    bench.pass(seconds: 0.1)
    #expect(bench.happened() == ["task-queue.timeout", "workflow.timeout", "task.canceled"])
    #expect(try bench.status(task) == .canceled)
  }

  @Test("An offer may outlast its step; the step ends with the offer, and the next one counts by the task's age")
  func offerOutlastsStep() throws {
    var bench = try Workbench()
    let first = bench.queue("q1", "skill == 1")
    let second = bench.queue("q2", "skill == 2")
    _ = bench.workflow(
      "f", routing([filter("1==1", [step(first, #""timeout":10"#), step(second, #""timeout":10"#)])]), reservationTimeout: 15)
    _ = try bench.worker("a", #"{"skill":1}"#)
    let task = bench.task()
    #expect(try bench.status(task) == .reserved)
    bench.pass(seconds: 14.9)
    #expect(try bench.status(task) == .reserved)
    _ = bench.happened()
    bench.pass(seconds: 0.1)
    let entered = try #require(try bench.read(task)).created
    for kind in [FactKind.taskQueueTimeout, .taskQueueMoved] {
      var reader = ByteReader(try #require(bench.fact(kind)).details)
      _ = try TaskFactDetails(fieldsFrom: &reader)
      #expect(try reader.signed() == entered, "of the queue that it leaves")
    }
    var reader = ByteReader(try #require(bench.fact(.reservationTimeout)).details)
    _ = try ReservationFactDetails(fieldsFrom: &reader)
    #expect(try reader.signed() == entered)
    #expect(
      bench.happened() == [
        "reservation.timeout", "worker.activity.update", "task-queue.timeout", "task-queue.moved", "task-queue.entered",
        "workflow.target-matched",
      ])
    bench.pass(seconds: 4.9)
    #expect(try bench.read(task)?.queue == second)
    bench.pass(seconds: 0.1)
    #expect(try bench.status(task) == .canceled)
  }

  @Test("A task whose offer ends inside its step stays in it (5.5, reading A)")
  func staysInStep() throws {
    var bench = try Workbench()
    let first = bench.queue("q1")
    let second = bench.queue("q2", "")
    _ = bench.workflow("f", routing([filter("1==1", [step(first, #""timeout":10"#), step(second)])]), reservationTimeout: 8)
    _ = try bench.worker("a")
    let task = bench.task()
    bench.pass(seconds: 8)
    #expect(try bench.read(task)?.queue == first)
    bench.pass(seconds: 2)
    #expect(try bench.read(task)?.queue == second)
    bench.pass(seconds: 1000)
    #expect(try bench.status(task) == .pending, "no timeout: it waits for its own end")
  }

  @Test("WD-19: a waiting task's priority rises and its pool widens, once")
  func widening() throws {
    var bench = try Workbench()
    let queue = bench.queue("all")
    _ = bench.workflow(
      "f",
      routing([
        filter(
          "1==1", [step(queue, #""expression":"worker.level >= 5","timeout":30"#), #"{"priority":"7","expression":"worker.level >= 3"}"#])
      ]))
    let worker = try bench.worker("mid", #"{"level":3}"#)
    let task = bench.task()
    bench.pass(seconds: 29)
    #expect(try bench.status(task) == .pending)
    #expect(try bench.read(task)?.priority == 0)
    _ = bench.happened()
    bench.pass(seconds: 2)
    #expect(bench.happened() == ["task-queue.timeout", "workflow.target-matched", "reservation.created"])
    #expect(try bench.read(task)?.priority == 7)
    #expect(try bench.asked(task) == [worker])
  }

  @Test("WD-6: priority comes from attributes and the workflow; a change counts at the next evaluation, or at once with ReEvaluateTasks")
  func priorityFromAttributes() throws {
    var bench = try Workbench()
    let queue = bench.queue("all")
    let rules = routing([filter("tier == 'gold'", [step(queue, #""priority":10"#)])], otherwise: step(queue, #""priority":1"#))
    let flow = bench.workflow("f", rules)
    let gold = bench.task(#"{"tier":"gold"}"#)
    let plain = bench.task(#"{"tier":"tin"}"#)
    #expect(try bench.read(gold)?.priority == 10)
    #expect(try bench.read(plain)?.priority == 1)
    bench.send(.updateTask, target: plain, arguments: [.attributes: .bytes(Array(#"{"tier":"gold"}"#.utf8))])
    #expect(try bench.read(plain)?.priority == 1)
    bench.send(.updateWorkflow, target: flow, arguments: [.reEvaluate: true])
    #expect(try bench.read(plain)?.priority == 10, "with the answer; only what many tasks need comes later")
    #expect(try bench.read(plain)?.reEvaluated == "workflow_updated")
  }

  @Test("What matches no filter goes to the default; without one the task is not made (5.4)")
  func noMatch() throws {
    var bench = try Workbench()
    let queue = bench.queue("all")
    let flow = bench.workflow("f", routing([filter("type == 'a'", [step(queue)])]))
    _ = bench.happened()
    let refused = bench.send(.createTask, arguments: [.attributes: .bytes(Array(#"{"type":"b"}"#.utf8))])
    #expect(refused.status == 400 && refused.message.contains("matches no filter"))
    #expect(bench.happened().isEmpty)
    bench.send(
      .updateWorkflow, target: flow,
      arguments: [.configuration: .text(routing([filter("type == 'a'", [step(queue)])], otherwise: step(queue)))])
    let task = bench.task(#"{"type":"b"}"#)
    #expect(try bench.read(task)?.placement.filter == Placement.defaultFilter)
    #expect(try bench.read(task)?.queue == queue)
  }

  @Test("The next matching filter follows the last step; after a timeout the default filter is not used")
  func nextFilter() throws {
    var bench = try Workbench()
    let queues = (1...3).map { bench.queue("q\($0)") }
    _ = bench.workflow(
      "f",
      routing(
        [
          filter("1==1", [step(queues[0], #""timeout":10"#)]), filter("1==0", [step(queues[2])]),
          filter("1==1", [step(queues[1], #""timeout":10"#)]),
        ], otherwise: step(queues[2])))
    let task = bench.task()
    bench.pass(seconds: 10)
    #expect(try bench.read(task)?.queue == queues[1])
    bench.pass(seconds: 9.9)
    #expect(try bench.status(task) == .pending)
    bench.pass(seconds: 0.1)
    #expect(try bench.status(task) == .canceled)
  }

  @Test("skip_if moves on at once when nobody could be asked; leaving by it counts as no match (5.4, 5.6)")
  func skipping() throws {
    var bench = try Workbench()
    let first = bench.queue("q1")
    let second = bench.queue("q2")
    let last = bench.queue("q3")
    _ = bench.workflow(
      "f",
      routing(
        [filter("1==1", [step(first, #""skip_if":"workers.available == 0""#), step(second, #""skip_if":"1==1""#)])], otherwise: step(last)))
    let skipped = bench.task()
    #expect(try bench.read(skipped)?.queue == last)
    let alice = try bench.worker("alice")
    #expect(try bench.asked(skipped) == [alice])
    let waiting = bench.task()
    #expect(try bench.read(waiting)?.queue == first, "somebody is available, only busy")
  }

  @Test("Skipped everywhere and no default: workflow.skipped")
  func skippedOut() throws {
    var bench = try Workbench()
    let queue = bench.queue("q1")
    _ = bench.workflow("f", routing([filter("1==1", [step(queue, #""skip_if":"1==1""#)])]))
    _ = bench.happened()
    let task = bench.task()
    #expect(bench.happened().suffix(2) == ["workflow.skipped", "task.canceled"])
    #expect(try bench.status(task) == .canceled)
  }

  @Test("A default filter is the end of the road: skip_if does not leave it")
  func defaultIsLast() throws {
    var bench = try Workbench()
    let queue = bench.queue("q1")
    _ = bench.workflow("f", routing([], otherwise: step(queue, #""skip_if":"1==1""#)))
    let task = bench.task("{}", [.timeout: 60])
    #expect(try bench.status(task) == .pending)
    bench.pass(seconds: 60)
    #expect(try bench.read(task)?.reason == "Task TTL Exceeded")
  }

  @Test("A known worker, by SID or name, is the only one considered (5.7)")
  func knownWorker() throws {
    var bench = try Workbench()
    let queue = bench.queue("all")
    _ = bench.workflow(
      "f",
      routing([
        filter("by == 'sid'", [step(queue, #""known_worker_sid":"task.agent""#)]),
        filter("1==1", [step(queue, #""known_worker_friendly_name":"task.agent""#)]),
      ]))
    let alice = try bench.worker("alice")
    let bob = try bench.worker("bob")
    let bySid = bench.task(#"{"by":"sid","agent":"\#(SIDKind.worker.text(bob))"}"#)
    #expect(try bench.asked(bySid) == [bob])
    let byName = bench.task(#"{"agent":"bob"}"#)
    #expect(try bench.status(byName) == .pending, "bob is full, alice is not meant")
    let nobody = bench.task(#"{"agent":null}"#)
    #expect(try bench.status(nobody) == .pending)
    try bench.accept(bySid)
    bench.set(bySid, "completed")
    #expect(try bench.asked(byName) == [bob])
    #expect(try bench.readWorker(alice)?.lastReserved == 0)
  }

  @Test("WD-5: after a change the next task follows the new rules; waiting ones follow them at their next evaluation")
  func change() throws {
    var bench = try Workbench()
    let old = bench.queue("old", "skill == 1")
    let new = bench.queue("new", "skill == 2")
    let flow = bench.workflow("f", routing([filter("1==1", [step(old, #""timeout":60"#)])]))
    _ = try bench.worker("a", #"{"skill":1}"#)
    let offered = bench.task()
    let waiting = bench.task()
    bench.send(.updateWorkflow, target: flow, arguments: [.configuration: .text(routing([], otherwise: step(new)))])
    let next = bench.task()
    #expect(try [offered, waiting, next].map { try bench.read($0)?.queue } == [old, old, new])
    bench.answer(try bench.offer(offered), "rejected", moveTo: try bench.activity("Offline"))
    #expect(try bench.read(offered)?.queue == new, "its next evaluation goes by the new configuration")
    #expect(try bench.read(waiting)?.queue == old)
    bench.pass(seconds: 60)
    #expect(try bench.read(waiting)?.queue == new)
  }

  @Test("A step that the changed workflow has no longer traps nothing", arguments: [true, false])
  func shrunk(_ reEvaluates: Bool) throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    let flow = bench.workflow(
      "f", routing([filter("1==1", [step(queue, #""timeout":10"#), step(queue, #""timeout":10"#), step(queue, #""timeout":10"#)])]))
    let task = bench.task()
    bench.pass(seconds: 25)
    bench.send(
      .updateWorkflow, target: flow,
      arguments: [.configuration: .text(routing([filter("1==1", [step(queue, #""timeout":5"#)])])), .reEvaluate: .flag(reEvaluates)])
    bench.finishSlices()
    bench.pass(seconds: 10)
    #expect(try bench.status(task) == .canceled)
  }

  @Test("Tasks that wait by an older configuration keep it over a change of owner, and its text goes when the last of them does")
  func keptRevision() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    let flow = bench.workflow("f", routing([filter("1==1", [step(queue, #""expression":"worker.level >= 5""#)])]))
    let task = bench.task()
    bench.send(.updateWorkflow, target: flow, arguments: [.configuration: .text(simple(queue))])
    #expect(try bench.document(Kind.workflow, flow, WorkflowRecord.self)?.kept.count == 1)
    let texts = { (bench: Workbench) in (bench.documents[bench.workspace] ?? [:]).keys.count { $0.kind == Kind.workflowConfiguration } }
    #expect(texts(bench) == 2)
    bench.machine = try TaskRoutingMachine(settings: bench.settings, documents: bench.documents)
    _ = try bench.worker("low", #"{"level":1}"#)
    #expect(try bench.status(task) == .pending)
    let high = try bench.worker("high", #"{"level":5}"#)
    #expect(try bench.asked(task) == [high])
    bench.set(task, "canceled")
    #expect(texts(bench) == 1)
    #expect(try bench.document(Kind.workflow, flow, WorkflowRecord.self)?.kept.isEmpty == true)
  }

  @Test("Offers count in what is placed at once: a task may be offered to many, and a decision must stay small")
  func offersBoundWhatIsPlacedAtOnce() throws {
    var settings = TaskRoutingSettings()
    settings.placedAtOnce = 4
    var bench = try Workbench(settings: settings)
    let (old, new) = (bench.queue("old", "nobody == 1"), bench.queue("new"))
    bench.send(.updateTaskQueue, target: new, arguments: [.maxReservedWorkers: 3])
    let flow = bench.workflow("f", simple(old))
    let tasks = (0..<4).map { _ in bench.task() }
    for number in 0..<12 { _ = try bench.worker("w\(number)") }
    // When
    bench.send(.updateWorkflow, target: flow, arguments: [.configuration: .text(simple(new)), .reEvaluate: true])
    // Then
    let asked = try tasks.map { try bench.asked($0).count }
    #expect(asked == [3, 3, 0, 0])
    bench.finishSlices()
    #expect(try tasks.map { try bench.asked($0).count } == [3, 3, 3, 3])
  }

  @Test("Waiting tasks are placed again in slices; assigned ones never; deleting works in the middle")
  func slices() throws {
    var bench = try Workbench(settings: .slicesOnly)
    let old = bench.queue("old", "")
    let new = bench.queue("new", "")
    let flow = bench.workflow("f", simple(old))
    let tasks = (0..<25).map { _ in bench.task() }
    bench.send(.updateWorkflow, target: flow, arguments: [.configuration: .text(simple(new)), .reEvaluate: true])
    var rounds = 0
    while bench.machine.hasSlice {
      bench.run { machine, turn in machine.slice(limit: 10, &turn) }
      rounds += 1
      if rounds == 1 { bench.send(.deleteTask, target: tasks[20]) }
    }
    #expect(rounds == 3)
    for (place, task) in tasks.enumerated() where place != 20 { #expect(try bench.read(task)?.queue == new) }
    #expect(bench.send(.deleteTaskQueue, target: old).status == 204)
    #expect(try bench.document(Kind.workflow, flow, WorkflowRecord.self)?.reEvaluatedRevision == 0)
  }

  @Test("An invalid configuration is refused with its place, and nothing changes")
  func invalid() throws {
    var bench = try Workbench()
    let queue = bench.queue("q")
    let flow = bench.simpleFlow(queue)
    for (text, wanted) in [
      (routing([filter("a ==", [step(queue)])]), "filters[0].expression"), (simple(Identifier(high: 1, low: 1)), "is no task queue"),
      ("{", "JSON"),
    ] {
      let verdict = bench.send(.updateWorkflow, target: flow, arguments: [.configuration: .text(text)])
      #expect(verdict.status == 400 && verdict.message.hasPrefix("Configuration: ") && verdict.message.contains(wanted))
    }
    #expect(try bench.document(Kind.workflow, flow, WorkflowRecord.self)?.revision == 0)
  }
}
