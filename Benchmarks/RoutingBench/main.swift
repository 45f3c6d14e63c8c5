import Journal
import Machines
import Resources
import TaskRouting

/// What deciding costs, without log and wire: lifecycles a second of one machine beside a backlog of tasks that wait for nobody who is there.
/// Usage: RoutingBench [waiting tasks] [workers] [lifecycles] [queues beside] [workflows beside]
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

let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
let waiting = numbers.first ?? 1000
let workers = numbers.count > 1 ? numbers[1] : 1000
let lifecycles = numbers.count > 2 ? numbers[2] : 20_000
let queues = numbers.count > 3 ? numbers[3] : 0
let workflows = numbers.count > 4 ? numbers[4] : 0

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
      .createTask, [.workflow: .identifier(workflow), .attributes: .bytes(Array(#"{"skill":"none\#(number % 50)","n":\#(number)}"#.utf8))])
  }
}
bench.encodes = true
var missed = 0
let taken = seconds {
  for number in 0..<lifecycles {
    let effects = bench.send(
      .createTask,
      [.workflow: .identifier(workflow), .attributes: .bytes(Array(#"{"skill":"s\#(number % 20)","customer":"c\#(number)"}"#.utf8))])
    guard let reservation = Bench.reserved(effects) else {
      missed += 1
      continue
    }
    bench.send(.updateReservation, target: reservation, [.status: "accepted"])
    bench.send(.updateTask, target: Bench.made(effects), [.status: "completed"])
    bench.now += 1
  }
}
let purged = seconds {
  bench.now += 300_000
  while let due = bench.machine.nextDue, due <= bench.now { _ = bench.run { machine, turn in machine.fire(&turn) } }
}
print("\(waiting) waiting, \(workers) workers, \(lifecycles) lifecycles (\(missed) not offered)")
print(
  "\(queues) queues: \(Int(founded * 1e6) / max(1, queues)) us each; \(workflows) workflows: \(Int(flowed * 1e6) / max(1, workflows)) us each; workers: \(Int(hired * 1e6) / max(1, workers)) us each"
)
print("queueing: \(Int(Double(waiting) / max(queued, 1e-9))) tasks/s")
print(
  "create + accept + complete: \(Int(Double(lifecycles) / taken)) lifecycles/s, \(Int(taken / Double(lifecycles) * 1e9)) ns each, encoding included"
)
print(
  "purge: \(Int(purged / Double(lifecycles) * 1e9)) ns each; journal: \(bench.journalBytes / lifecycles) bytes a lifecycle, attributes and purge included"
)
