import Accounts
import InProcessHotState
import Journal
import Machines
import PartitionRunner
import Ports
import PortsTesting
import Resources
import Synchronization
import TaskRouting
import Testing

@testable import Simulate

/// Evidence as a test wants it, without a process that dies: what is poisoned, and what was handled all the same.
private final class Verdicts: PoisonGuard {
  private struct State {
    var commands: Set<Int64> = []
    var errands: Set<UInt8> = []
    var handled: [Place] = []
  }
  private let state = Mutex(State())

  func poison(command offset: Int64) { state.withLock { _ = $0.commands.insert(offset) } }
  /// Whatever the owner does by itself of that kind.
  func poison(errands input: UInt8) { state.withLock { _ = $0.errands.insert(input) } }
  func handled(_ input: UInt8) -> [Int64] { state.withLock { $0.handled.filter { $0.input == input }.map(\.position) } }

  func note(input: UInt8, partition: Int, position: Int64) {
    state.withLock { $0.handled.append(Place(input: input, position: position)) }
  }
  func clear() {}
  func isPoisoned(input: UInt8, partition: Int, position: Int64) -> Bool {
    state.withLock { $0.commands.contains(position) && input == 0 || $0.errands.contains(input) }
  }
}

/// A workspace and its owner, which may be followed by others.
private final class PoisonedWorld {
  let world = World(seed: 1)
  let verdicts = Verdicts()
  let client: Client
  private(set) var node: SimulatedNode
  private var gone: [SimulatedNode] = []

  init() {
    client = Client(world: world, seed: 2)
    node = SimulatedNode(name: "n", world: world, seed: 3, poison: verdicts)
    node.start()
    client.setUp()
    settle()
  }

  var documents: [DocumentKey: [UInt8]] { world.hot.present.documents(of: client.workspace) }

  func settle() {
    world.settle(node)
    try? client.tick()
  }

  func pass(_ milliseconds: Int64) { world.pass(milliseconds, node) }

  func takeOver() {
    node.drop()
    gone.append(node)
    node = SimulatedNode(name: "m", world: world, seed: 4, poison: verdicts)
    node.start()
    settle()
  }

  /// The answer to a command that stands at the next offset of its topic.
  func ask(_ body: [UInt8], key: IdempotencyKey) throws -> Verdict {
    let address = ReplyAddress(node: "somebody", request: 1)
    let heard = Mutex<[Reply]>([])
    let listening = world.bus.subscribe("replies/somebody") { message in
      let replies = (try? Reply.decode(message, node: "somebody")) ?? []
      heard.withLock { $0 += replies }
    }
    defer { listening.cancel() }
    let session = world.log.openSession(TopicPartition("work.commands", 0), durability: .ordered) { _ in }
    let command = Command(scope: client.workspace, account: client.account, replyTo: address, idempotency: key, body: body)
    session.append([NewRecord(key: command.scope.keyBytes, value: command.encoded())], tag: 1)
    settle()
    session.close()
    return try #require(heard.withLock { $0.first?.verdict })
  }

  func nextOffset() throws -> Int64 { try (world.records("work.commands").last?.offset ?? -1) + 1 }

  func rejects() throws -> [String] { try world.records("rejects").map { String(decoding: $0.value ?? [], as: UTF8.self) } }

  /// What decisions name as rejected.
  func named() throws -> [RejectedInput] {
    try world.records("work.journal").flatMap { record in
      guard case .decision(let decision) = try JournalRecord(decoding: record.value ?? []) else { return [RejectedInput]() }
      return decision.rejected
    }
  }
}

@Suite("What ended the process three times")
struct PoisonTests {
  private let key = IdempotencyKey(key: Identifier(high: 5, low: 5), content: Identifier(high: 6, low: 6))
  private let other = IdempotencyKey(key: Identifier(high: 5, low: 5), content: Identifier(high: 6, low: 7))

  @Test(
    "A command: rejected unhandled, and whoever repeats it is answered from its key, by the next owner too; another request with the key is refused"
  )
  func command() throws {
    let poisoned = PoisonedWorld()
    let body = Request(.createActivity, arguments: [.friendlyName: "Lunch"]).encoded()
    let offset = try poisoned.nextOffset()
    poisoned.verdicts.poison(command: offset)
    let first = try poisoned.ask(body, key: key)
    #expect(first.status == 500 && first.message == "The request was rejected: handling it ended the process three times")
    #expect(!poisoned.verdicts.handled(0).contains(offset))
    for _ in 0..<2 {
      var again = try poisoned.ask(body, key: key)
      #expect(again.replayed)
      again.replayed = false
      #expect(again == first)
      #expect(try poisoned.ask(body, key: other).status == 409)
      poisoned.takeOver()
    }
    #expect(try poisoned.named().map(\.offset) == [offset])
    #expect(try poisoned.rejects().count == 1)
    #expect(
      !poisoned.documents.contains { (try? ActivityRecord(decoding: $0.value))?.friendlyName == "Lunch" && $0.key.kind == Kind.activity })
  }

  @Test("A command whose body cannot be read: its envelope is enough")
  func unreadable() throws {
    let poisoned = PoisonedWorld()
    poisoned.verdicts.poison(command: try poisoned.nextOffset())
    #expect(try poisoned.ask([255, 255], key: key).status == 500)
    #expect(try poisoned.ask([255, 255], key: key).replayed)
  }

  @Test("A timer: removed unfired by one decision, which names it; the next owner does not find it again")
  func timer() throws {
    let poisoned = PoisonedWorld()
    poisoned.client.ask(Request(.createTaskQueue, arguments: [.friendlyName: "q", .targetWorkers: "1==1"]))
    poisoned.settle()
    let queue = try #require(poisoned.documents.keys.first { $0.kind == Kind.taskQueue }?.id)
    let text = #"{"task_routing":{"default_filter":{"queue":"\#(SIDKind.taskQueue.text(queue))"}}}"#
    poisoned.client.ask(Request(.createWorkflow, arguments: [.friendlyName: "w", .configuration: .text(text)]))
    poisoned.settle()
    poisoned.client.ask(Request(.createTask, arguments: [.attributes: .bytes(Array("{}".utf8)), .timeout: 60]))
    poisoned.settle()
    let task = try #require(poisoned.documents.keys.first { $0.kind == Kind.task }?.id)
    poisoned.verdicts.poison(errands: ErrandInput.timer)
    for _ in 0..<2 {
      poisoned.pass(100_000)
      poisoned.settle()
      poisoned.takeOver()
    }
    let bytes = try #require(poisoned.documents[DocumentKey(kind: Kind.task, id: task)])
    #expect(try TaskRecord(decoding: bytes).status == .pending)
    #expect(poisoned.verdicts.handled(ErrandInput.timer).isEmpty)
    let named = try poisoned.named()
    #expect(named.count == 1 && named.first?.input == ErrandInput.timer)
    #expect(named.first?.reason.contains("the timer of task \(SIDKind.task.text(task))") == true)
    #expect(try poisoned.rejects().count == 1)
    #expect(try poisoned.rejects().first?.contains("ended the process three times") == true)
  }

  @Test("A long command: given up by one decision, which names it; the next owner does not go on with it")
  func longCommand() throws {
    let poisoned = PoisonedWorld()
    let slice = World.sliceDocuments
    poisoned.verdicts.poison(errands: ErrandInput.slice)
    poisoned.client.ask(Request(.deleteWorkspace))
    for _ in 0..<2 {
      poisoned.settle()
      poisoned.takeOver()
    }
    #expect(poisoned.verdicts.handled(ErrandInput.slice).isEmpty)
    let named = try poisoned.named()
    #expect(named.count == 1 && named.first?.input == ErrandInput.slice)
    #expect(named.first?.reason.hasPrefix("clearing away the deleted workspace WS") == true)
    #expect(try poisoned.rejects().count == 1)
    #expect(poisoned.documents.count > slice)
  }

  @Test("The accounts' machine keeps the key of what it must not handle in the same way")
  func accounts() throws {
    let scope = Identifier(high: 0xA, low: 1)
    var machine = try AccountsMachine(settings: AccountsMachine.Settings(), documents: [:])
    var create = AccountRequest(.create)
    create.friendlyName = "one"
    let command = Command(
      scope: scope, account: scope, replyTo: ReplyAddress(node: "n", request: 1), idempotency: key, body: create.encoded())
    var turn = Turn(now: 1000, seed: 1)
    machine.reject(command, Verdict(status: 500, code: 20500, message: "no"), &turn)
    #expect(turn.effects.replies.map(\.verdict.status) == [500])
    let documents = Dictionary(uniqueKeysWithValues: machine.documents(of: scope).map { ($0.key, $0.bytes) })
    #expect(documents.count == 1 && turn.effects.scopes.count == 1)
    machine = try AccountsMachine(settings: AccountsMachine.Settings(), documents: [scope: documents])
    turn = Turn(now: 2000, seed: 2)
    machine.handle(command, &turn)
    var changed = command
    changed.idempotency = other
    machine.handle(changed, &turn)
    #expect(turn.effects.replies.map(\.verdict.status) == [500, 409])
    // Its expiry can be poisoned too.
    turn = Turn(now: 1000 + IdempotencyKeys.lifetime, seed: 3)
    #expect(machine.timer(dueAt: turn.now)?.document.id == key.key)
    machine.dropTimer(&turn)
    #expect(machine.nextDue == nil && machine.timer(dueAt: turn.now) == nil)
  }
}
