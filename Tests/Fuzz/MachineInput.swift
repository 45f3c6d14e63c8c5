import Journal
import Machines
import Resources
import TaskRouting

/// A script of commands and instants for one workspace that has a queue, a workflow, a worker and a task already. Whatever is asked, in whatever order: no trap, and what
/// the machine's documents say is what it was told to write, from which it can be rebuilt.
enum MachineInput {
  static func run(_ input: [UInt8]) throws {
    var script = Script(input)
    try script.prepare()
    while script.step() {}
    try script.compare()
  }
}

private struct Script {
  private var reader: ByteReader
  private var machine: TaskRoutingMachine?
  private var now: Int64 = 1_700_000_000_000
  private var seed: UInt64 = 1
  private var written: [DocumentKey: [UInt8]] = [:]
  /// The keys of what is written, in order; made anew when it is needed.
  private var sorted: [DocumentKey] = []
  private var steps = 0
  private let workspace = Identifier(high: 0xA, low: 1)
  private let account = Identifier(high: 0xC, low: 1)

  init(_ input: [UInt8]) { reader = ByteReader(input) }

  mutating func prepare() throws {
    machine = try TaskRoutingMachine(settings: TaskRoutingSettings(), documents: [:])
    send(Request(.createWorkspace, arguments: [.friendlyName: .text("Desk"), .template: .text("FIFO"), .multiTask: .flag(true)]))
    let available = known(Kind.activity).last ?? .none
    send(
      Request(
        .createWorker, arguments: [.friendlyName: .text("alice"), .activity: .identifier(available), .attributes: .bytes(Array("{}".utf8))])
    )
    send(Request(.createTask, arguments: [.attributes: .bytes(Array(#"{"a":1}"#.utf8))]))
  }

  private func known(_ kind: UInt8) -> [Identifier] { written.keys.filter { $0.kind == kind }.map(\.id).sorted() }

  /// False when the script is over.
  mutating func step() -> Bool {
    guard steps < 64, let choice = try? reader.byte() else { return false }
    steps += 1
    switch choice {
    case 250...:
      now += Int64((try? reader.byte()) ?? 1) * 10_000
      passTime()
    case 245...249: run { machine, turn in machine.slice(limit: 3, &turn) }
    default:
      guard let request = try? request(choice) else { return false }
      send(request)
    }
    return true
  }

  private mutating func request(_ choice: UInt8) throws -> Request {
    guard let operation = Operation(rawValue: choice % 25) else { return Request(.skipLines) }
    var request = Request(operation, target: try identifier(), side: try identifier())
    for _ in 0..<(try reader.byte() % 6) {
      guard let parameter = Parameter(rawValue: try reader.byte()) else { continue }
      request.arguments[parameter] = try argument()
    }
    return request
  }

  private mutating func argument() throws -> Argument {
    switch try reader.byte() % 5 {
    case 0: .text(try reader.string())
    case 1: .integer(try reader.signed())
    case 2: .flag(try reader.bool())
    case 3: .identifier(try identifier())
    default: .bytes(try reader.blob())
    }
  }

  /// One that there is, most of the time.
  private mutating func identifier() throws -> Identifier {
    let choice = Int(try reader.byte())
    guard choice > 0, !written.isEmpty else { return .none }
    if sorted.isEmpty { sorted = written.keys.sorted() }
    return sorted[choice % sorted.count].id
  }

  private mutating func send(_ request: Request) {
    let command = Command(scope: workspace, account: account, replyTo: ReplyAddress(node: "n", request: 1), body: request.encoded())
    run { machine, turn in machine.handle(command, &turn) }
  }

  private mutating func passTime() {
    for _ in 0..<32 {
      guard let due = machine?.nextDue, due <= now else { return }
      run { machine, turn in machine.fire(&turn) }
    }
  }

  private mutating func run(_ body: (inout TaskRoutingMachine, inout Turn) -> Void) {
    guard var machine else { return }
    self.machine = nil
    seed += 1
    var turn = Turn(now: now, seed: seed)
    body(&machine, &turn)
    machine.close(&turn)
    self.machine = machine
    sorted = []
    for case let scope in turn.effects.scopes where scope.scope == workspace {
      for step in scope.steps {
        switch step {
        case .put(let key, let bytes): written[key] = bytes
        case .delete(let key): written[key] = nil
        case .fact: continue
        }
      }
    }
  }

  mutating func compare() throws {
    while machine?.hasSlice == true { run { machine, turn in machine.slice(limit: 100, &turn) } }
    let held = Dictionary(uniqueKeysWithValues: (machine?.documents(of: workspace) ?? []).map { ($0.key, $0.bytes) })
    for key in Set(held.keys).union(written.keys) where held[key] != written[key] {
      throw Finding("the document \(key) is \(held[key] ?? []) in the machine and \(written[key] ?? []) in what it wrote")
    }
    _ = try TaskRoutingMachine(settings: TaskRoutingSettings(), documents: [workspace: written])
  }
}
