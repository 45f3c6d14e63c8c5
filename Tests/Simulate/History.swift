import Accounts
import InProcessHotState
import Journal
import Machines
import Ports
import PortsTesting
import Resources
import Synchronization
import TaskRouting

/// Runs the real runner, projector and machines through one drawn history: faults flow, then stop, then everything must have come right.
struct History {
  let seed: UInt64
  let world: World
  private var random: SeededGenerator
  private let client: Client
  private var nodes: [SimulatedNode] = []
  private var names = 0
  let importers: [Importer]
  private let publisher: Publisher

  /// Steps with faults.
  static let steps = 700

  /// `trace` is told what is done, with the time.
  init(seed: UInt64, trace: (@Sendable (String) -> Void)? = nil) {
    self.seed = seed
    world = World(seed: seed, trace: trace)
    random = SeededGenerator(seed: seed)
    client = Client(world: world, seed: random.next())
    var importers: [Importer] = []
    for number in 0..<world.swarm.imports { importers.append(Importer(number, world: world, client: client, seed: random.next())) }
    self.importers = importers
    publisher = Publisher(world: world, client: client, seed: random.next())
  }

  private mutating func boot() {
    names += 1
    let node = SimulatedNode(name: "n\(names)", world: world, seed: random.next(), projects: nodes.isEmpty)
    node.start()
    nodes.append(node)
  }

  private mutating func crash() {
    for node in nodes { node.drop() }
    // Whether what was in flight is in the log is drawn too.
    world.log.crash(keeping: Int(random.next() % 4))
    world.bus.lose()
    client.reconnect()
    publisher.reconnect()
    for importer in importers { importer.reconnect() }
    // Queues stay alive: executors must outlive whatever still refers to them.
    graveyard += nodes
    nodes = []
    if random.next() % 3 == 0 { world.hot.wipe() }
    boot()
  }
  private var graveyard: [SimulatedNode] = []

  private mutating func fault() {
    let fault = Fault.allCases[Int(random.next() % UInt64(Fault.allCases.count))]
    guard world.swarm.faults.contains(fault) else { return }
    world.note("fault: \(fault)")
    switch fault {
    case .crash: crash()
    case .wipe: world.hot.wipe()
    case .busLoss: world.bus.lose()
    case .courtesy: world.courtesy.hold(until: world.clock.monotonic() + Int64(random.next() % 5000))
    case .killedInside: world.evidence.killNext()
    case .importerCrash: importers.randomElement(using: &random)?.crash()
    case .clockStep: world.clock.step(by: Int64(random.next() % 4000) - 2000)
    case .append:
      let log = world.log
      let kind = random.next() % 4
      let left = Countdown(Int(1 + random.next() % 2))
      log.setFate { target, _ in
        guard target.topic.hasSuffix("journal") || target.topic.hasSuffix("commands") || target.topic.hasSuffix("bulk"), left.take() else {
          return .lands
        }
        switch kind {
        case 0: return .isLost
        case 1: return .landsTwice
        case 2: return .landsUnreported
        default: return .landsLate
        }
      }
    case .landLate: world.log.landLate()
    case .secondOwner:
      // A second owner: it believes that the partition is its own, as the first still does.
      if nodes.count == 1 {
        boot()
      } else if random.next() % 2 == 0, let first = nodes.first, nodes.count > 1 {
        first.drop()
        graveyard.append(nodes.removeFirst())
      }
    case .hotAway: world.hot.setAway(random.next() % 2 == 0)
    case .replicate: world.hot.replicate()
    case .failOver: world.hot.failOver(told: random.next() % 2 == 0)
    case .rebalance: nodes[Int(random.next() % UInt64(nodes.count))].rebalance()
    }
  }

  private mutating func step() {
    switch random.next() % 8 {
    case 0..<4:
      let node = nodes[Int(random.next() % UInt64(nodes.count))]
      let isSide = random.next() % 3 == 0
      let limit = 1 + Int(random.next() % 6)
      if isSide { node.side.run(limit: limit) } else { node.run(limit: limit) }
      bury()
    case 4, 5: world.log.flush(1 + Int(random.next() % 3))
    case 6: world.bus.deliver(1 + Int(random.next() % 3))
    default: advance(by: Int64(random.next() % 300))
    }
  }

  /// Whoever died of a command is replaced.
  private mutating func bury() {
    guard let dead = nodes.firstIndex(where: { $0.life.isOver }) else { return }
    world.note("process \(dead) died in a command")
    // A projector that dies alone would leave its transaction to be waited for, which this log does not draw: so everybody dies.
    if nodes[dead].isProjecting || nodes.count == 1 { return crash() }
    nodes[dead].drop()
    graveyard.append(nodes.remove(at: dead))
  }

  private func advance(by milliseconds: Int64) {
    world.clock.advance(by: milliseconds)
    for node in nodes { node.advance(by: milliseconds) }
  }

  mutating func run(steps: Int) throws {
    boot()
    client.setUp()
    for number in 0..<steps {
      step()
      if number % 6 == 0 { client.act(visible()) }
      if number % 9 == 0, world.swarm.hasNeighbour { client.actNextDoor(world.hot.present.documents(of: client.neighbour)) }
      if number % 4 == 0 { bulk() }
      if number % 3 == 0 { try client.tick() }
      if number > 60, random.next() % 25 == 0 { fault() }
    }
    try heal()
    try check()
  }

  /// What comes in bulk, once there is somewhere to put it.
  private mutating func bulk() {
    guard isFilled else { return }
    for importer in importers { importer.step() }
    if world.swarm.publishes, random.next() % 3 == 0 { publisher.publish() }
    if let importer = importers.first, random.next() % 20 == 0 { client.ask(about: importer.id) }
  }

  /// Faults stop: one process, everything delivered, until nobody waits for an answer.
  private mutating func heal() throws {
    world.log.setFate(nil)
    world.log.landLate()
    world.hot.setAway(false)
    world.evidence.forgive()
    if world.swarm.isCourteousToTheEnd { world.courtesy.hold(until: .max) }
    crash()
    starve()
    var rounds = 0
    while rounds < 400 {
      rounds += 1
      settle()
      try client.tick()
      if isFilled { for importer in importers { importer.step() } }
      if client.open.isEmpty, rounds > 40, importers.allSatisfy(\.isDone) || !isFilled { break }
    }
    guard client.open.isEmpty else {
      throw Violation(description: "\(client.open.count) requests are never answered; \(world.history.suffix(5))")
    }
    // Time enough for every offer and step in the workflow to run out.
    for _ in 0..<30 {
      advance(by: 5000)
      settle()
    }
  }

  /// Now and then the new owner gets no further than its Open while everything else goes on: the projector's snapshot may then be past it.
  private mutating func starve() {
    guard random.next() % 2 == 0 else { return }
    for node in nodes { node.run(limit: 4) }
    for _ in 0..<12 {
      world.log.flush()
      for node in nodes { node.side.run(limit: 2000) }
      for node in nodes { node.side.advance(by: 30) }
      world.clock.advance(by: 30)
    }
  }

  private mutating func settle() {
    for _ in 0..<12 {
      for node in nodes {
        node.run(limit: 2000)
        node.side.run(limit: 2000)
      }
      bury()
      world.log.flush()
      world.bus.deliver()
      advance(by: 25)
    }
  }

  var isFilled: Bool { visible().keys.contains { $0.kind == Kind.workflow } }

  /// What a reader of hot state sees.
  private func visible() -> [DocumentKey: [UInt8]] { world.hot.present.documents(of: client.workspace) }

  private func check() throws {
    var checker = Checker()
    let journal = try world.records("work.journal")
    for record in journal {
      try checker.fold([record])
      try checker.checkWork(client.workspace)
    }
    try checker.checkNothingWaits(client.workspace)
    try checkAnswers(checker)
    for scope in [client.workspace, client.neighbour] { try checkScope(scope, checker) }
    try audit()
    for (key, verdict) in client.answers where verdict.status == 201 {
      let trace = DocumentKey(kind: IdempotencyKeys.kind, id: key)
      guard checker.documents.values.contains(where: { $0[trace] != nil }) || verdict.document?.kind == AccountKind.account else {
        throw Violation(description: "an answered request left no trace: \(verdict)")
      }
    }
    try checkEvents(checker)
    try checkDeleted(checker)
  }

  /// Of a deleted workspace its own document and the keys are left, once its slices are done.
  private func checkDeleted(_ checker: Checker) throws {
    let left = checker.documents[client.neighbour] ?? [:]
    guard let own = left[DocumentKey(kind: Kind.workspace, id: client.neighbour)], try WorkspaceRecord(decoding: own).isDeleted else {
      return
    }
    guard left.keys.allSatisfy({ $0.kind == Kind.workspace || $0.kind == IdempotencyKeys.kind }) else {
      throw Violation(description: "a deleted workspace has \(left.count) documents left")
    }
  }

  /// Hot state, the snapshot and a machine made anew are what the journal says.
  private func checkScope(_ scope: Identifier, _ checker: Checker) throws {
    let folded = checker.documents[scope] ?? [:]
    let hot = world.hot.present.documents(of: scope)
    guard hot == folded else {
      throw Violation(description: "hot state is not the fold of the journal: \(difference(hot, folded))")
    }
    try checkSnapshot(scope, checker)
    let machine = try TaskRoutingMachine(settings: world.settings, documents: [scope: folded])
    let again = Dictionary(uniqueKeysWithValues: machine.documents(of: scope).map { ($0.key, $0.bytes) })
    guard again == folded else {
      throw Violation(description: "a machine made from the documents is another: \(difference(again, folded))")
    }
  }

  private func difference(_ a: [DocumentKey: [UInt8]], _ b: [DocumentKey: [UInt8]]) -> String {
    let keys = Set(a.keys).union(b.keys).filter { a[$0] != b[$0] }.sorted()
    return keys.prefix(3).map { "\(Kind.name($0.kind)) \($0.id.hex): \(a[$0]?.count ?? -1) / \(b[$0]?.count ?? -1) bytes" }.joined(
      separator: ", ")
  }

  /// Nobody was told anything that the journal does not say: each answer is that of an accepted decision.
  private func checkAnswers(_ checker: Checker) throws {
    var accounts = Checker()
    try accounts.fold(try world.records("account.journal"))
    for (number, verdict) in client.heard {
      guard let decided = checker.replies[number] ?? accounts.replies[number] else {
        throw Violation(description: "request \(number) was answered \(verdict), but no accepted decision says so")
      }
      guard decided.contains(verdict) else {
        throw Violation(description: "request \(number) was answered \(verdict), the journal says \(decided)")
      }
    }
  }

  /// The public topic has every event once, in order.
  private func checkEvents(_ checker: Checker) throws {
    var last: [Identifier: UInt64] = [:]
    for record in try world.records("events") {
      let text = String(decoding: record.value ?? [], as: UTF8.self)
      let scope = Identifier(keyBytes: record.key) ?? .none
      let next = (last[scope] ?? 0) + 1
      guard text.contains("\"data\":{\"sequence\":\(next),") else {
        throw Violation(description: "event \(next) is not next: \(text.prefix(300))")
      }
      last[scope] = next
    }
    for (scope, wanted) in checker.events where last[scope] ?? 0 != wanted {
      throw Violation(description: "\(last[scope] ?? 0) events of \(scope.hex), the journal has \(wanted)")
    }
  }

  private func checkSnapshot(_ scope: Identifier, _ checker: Checker) throws {
    var image = Image()
    for record in try world.records("work.state") { try image.takeSnapshot(key: record.key, value: record.value) }
    let kept = image.documents[scope] ?? [:]
    let folded = checker.documents[scope] ?? [:]
    guard kept == folded else { throw Violation(description: "the snapshot is not the fold: \(difference(kept, folded))") }
    guard image.ledger.scopes[scope]?.offset == checker.marks[scope] else {
      throw Violation(description: "the snapshot's mark is \(String(describing: image.ledger.scopes[scope]))")
    }
  }
}

/// True a few times.
final class Countdown: Sendable {
  private let left: Mutex<Int>
  init(_ count: Int) { left = Mutex(count) }
  func take() -> Bool {
    left.withLock { left in
      guard left > 0 else { return false }
      left -= 1
      return true
    }
  }
}
