import Journal
import Machines
import Resources
import TaskRouting

/// What deciding costs, without log and wire: lifecycles a second of one machine beside a backlog of tasks that wait for nobody who is there.
/// Usage: RoutingBench [waiting tasks] [workers] [lifecycles] [queues beside] [workflows beside]; without words the sizes that are to cost nearly the same (`make routing`).
struct Bench {
  var machine: TaskRoutingMachine
  let workspace = Identifier(high: 1, low: 1)
  let account = Identifier(high: 2, low: 2)
  var now: Int64 = 1_700_000_000_000
  var seed: UInt64 = 0
  var incarnation = Ledger()
  var journalBytes = 0
  var encodes = false

  init() throws {
    machine = try TaskRoutingMachine(settings: TaskRoutingSettings(), documents: [:])
    send(.createWorkspace, [.friendlyName: "Bench"])
  }

  @discardableResult
  mutating func send(_ operation: Operation, target: Identifier = .none, side: Identifier = .none, _ arguments: [Parameter: Argument] = [:])
    -> Effects
  {
    let command = Command(
      scope: workspace, account: account, replyTo: ReplyAddress(node: "n1", request: seed),
      body: Request(operation, target: target, side: side, arguments: arguments).encoded())
    return run { machine, turn in machine.handle(command, &turn) }
  }

  mutating func run(_ body: (inout TaskRoutingMachine, inout Turn) -> Void) -> Effects {
    seed += 1
    var turn = Turn(now: now, seed: seed)
    body(&machine, &turn)
    machine.close(&turn)
    if encodes {
      var decision = Decision(incarnation: 0xFEED_FACE_CAFE_BEEF, epoch: 1000, sequence: seed, now: now)
      decision.positions = [0: Int64(seed)]
      decision.scopes = turn.effects.scopes
      decision.replies = turn.effects.replies
      journalBytes += JournalRecord.decision(decision).encoded().count
    }
    return turn.effects
  }

  static func made(_ effects: Effects) -> Identifier { effects.replies.first?.verdict.document?.id ?? .none }

  static func reserved(_ effects: Effects) -> Identifier? {
    for scope in effects.scopes {
      for step in scope.steps {
        if case .fact(let fact) = step, fact.kind == FactKind.reservationCreated.rawValue { return fact.subjects.first }
      }
    }
    return nil
  }
}

func seconds(_ body: () throws -> Void) rethrows -> Double {
  let duration = try ContinuousClock().measure(body)
  return Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
}

/// Nanoseconds of one lifecycle: create, accept, complete, each encoded for the journal.
@MainActor
func measure(waiting: Int, workers: Int, lifecycles: Int, queues: Int = 0, workflows: Int = 0) throws -> Double {
  var bench = try Bench()
  let queue = Bench.made(bench.send(.createTaskQueue, [.friendlyName: "q", .targetWorkers: "level >= 1"]))
  let sid = SIDKind.taskQueue.text(queue)
  let configuration =
    #"{"task_routing":{"filters":[{"expression":"skill != null","targets":[{"queue":"\#(sid)","expression":"worker.skills HAS task.skill","timeout":3600}]}],"default_filter":{"queue":"\#(sid)"}}}"#
  let workflow = Bench.made(bench.send(.createWorkflow, [.friendlyName: "w", .configuration: .text(configuration)]))
  var available = Identifier.none
  for (key, bytes) in bench.machine.documents(of: bench.workspace) where key.kind == Kind.activity {
    if try ActivityRecord(decoding: bytes).isAvailable { available = key.id }
  }
  // A team a queue, and workflows that each lead to one of them.
  var teams: [Identifier] = []
  let founded = seconds {
    for number in 0..<queues {
      teams.append(
        Bench.made(bench.send(.createTaskQueue, [.friendlyName: .text("team \(number)"), .targetWorkers: .text("team == \(number)")])))
    }
  }
  let flowed = seconds {
    for number in 0..<workflows {
      let team = SIDKind.taskQueue.text(teams.isEmpty ? queue : teams[number % teams.count])
      let text = #"{"task_routing":{"filters":[{"expression":"kind == 'k\#(number)'","targets":[{"queue":"\#(team)"}]}]}}"#
      bench.send(.createWorkflow, [.friendlyName: .text("flow \(number)"), .configuration: .text(text)])
    }
  }
  let hired = seconds {
    for number in 0..<workers {
      let attributes =
        #"{"team":\#(number % max(1, queues)),"level":\#(number % 5 + 1),"skills":["s\#(number % 20)","s\#((number + 7) % 20)"],"contact_uri":"client:w\#(number)"}"#
      bench.send(
        .createWorker,
        [.friendlyName: .text("worker \(number)"), .attributes: .bytes(Array(attributes.utf8)), .activity: .identifier(available)])
    }
  }
  let queued = seconds {
    for number in 0..<waiting {
      bench.send(
        .createTask,
        [.workflow: .identifier(workflow), .attributes: .bytes(Array(#"{"skill":"none\#(number % 50)","n":\#(number)}"#.utf8))])
    }
  }
  bench.encodes = true
  var missed = 0
  func live(_ number: Int) {
    let effects = bench.send(
      .createTask,
      [.workflow: .identifier(workflow), .attributes: .bytes(Array(#"{"skill":"s\#(number % 20)","customer":"c\#(number)"}"#.utf8))])
    guard let reservation = Bench.reserved(effects) else {
      missed += 1
      return
    }
    bench.send(.updateReservation, target: reservation, [.status: "accepted"])
    bench.send(.updateTask, target: Bench.made(effects), [.status: "completed"])
    bench.now += 1
  }
  // The first task that asks for something new is compared with every worker, and those after it with nobody.
  let compared = seconds { for number in 0..<20 { live(number) } }
  let taken = seconds { for number in 0..<lifecycles { live(number) } }
  let purged = seconds {
    bench.now += 300_000
    while let due = bench.machine.nextDue, due <= bench.now { _ = bench.run { machine, turn in machine.fire(&turn) } }
  }
  print("\(waiting) waiting, \(workers) workers, \(lifecycles) lifecycles (\(missed) not offered)")
  print(
    "\(queues) queues: \(Int(founded * 1e6) / max(1, queues)) us each; \(workflows) workflows: \(Int(flowed * 1e6) / max(1, workflows)) us each; workers: \(Int(hired * 1e6) / max(1, workers)) us each"
  )
  print("the first task that asks for something new: \(Int(compared * 1e6) / 20) us")
  print("queueing: \(Int(Double(waiting) / max(queued, 1e-9))) tasks/s")
  print(
    "create + accept + complete: \(Int(Double(lifecycles) / taken)) lifecycles/s, \(Int(taken / Double(lifecycles) * 1e9)) ns each, encoding included"
  )
  print(
    "purge: \(Int(purged / Double(lifecycles) * 1e9)) ns each; journal: \(bench.journalBytes / lifecycles) bytes a lifecycle, attributes and purge included"
  )
  return taken / Double(lifecycles) * 1e9
}

let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
if numbers.isEmpty {
  // Taken twice, because what is made first meets cold caches.
  _ = try measure(waiting: 1000, workers: 1000, lifecycles: 20_000)
  let base = try measure(waiting: 1000, workers: 1000, lifecycles: 20_000)
  let sizes = [
    (100_000, 1000, 0, 0), (1_000_000, 1000, 0, 0), (1000, 100_000, 0, 0), (100_000, 100_000, 0, 0), (100_000, 100_000, 5000, 1000),
  ]
  let ratios = try sizes.map { size in
    let (waiting, workers, queues, workflows) = size
    let cost = try measure(waiting: waiting, workers: workers, lifecycles: 20_000, queues: queues, workflows: workflows)
    let beside = queues > 0 ? ", \(queues) queues, \(workflows) workflows" : ""
    return "\(waiting) waiting, \(workers) workers\(beside): \((cost / base * 100).rounded() / 100) times 1,000 and 1,000"
  }
  print("a lifecycle beside " + ratios.joined(separator: "\na lifecycle beside "))
} else {
  func number(_ place: Int, _ other: Int) -> Int { numbers.count > place ? numbers[place] : other }
  _ = try measure(
    waiting: number(0, 1000), workers: number(1, 1000), lifecycles: number(2, 20_000), queues: number(3, 0), workflows: number(4, 0))
}
