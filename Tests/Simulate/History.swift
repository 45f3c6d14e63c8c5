import Journal
import Machines
import Ports
import PortsTesting
import Resources
import TaskRouting

/// Runs the real runner, projector and machines through one drawn history: faults flow, then stop, then everything must have come right.
struct History {
  let seed: UInt64
  let world: World
  var random: SeededGenerator
  let client: Client
  var nodes: [SimulatedNode] = []
  var names = 0
  let importers: [Importer]
  let publisher: Publisher
  /// Queues stay alive: executors must outlive whatever still refers to them.
  var graveyard: [SimulatedNode] = []
  var work = Follower("work.journal")
  var accounts = Follower("account.journal")
  /// What is tried besides is drawn from here, so that a history without it stays as it was.
  var trials: SeededGenerator
  /// Steps for which the log takes nothing, and for which one process is not scheduled.
  var outage = 0
  var pause: (node: Int, steps: Int)?

  /// Steps with faults.
  static let steps = 700

  /// `trace` is told what is done, with the time.
  init(seed: UInt64, trace: (@Sendable (String) -> Void)? = nil) {
    self.seed = seed
    world = World(seed: seed, trace: trace)
    random = SeededGenerator(seed: seed)
    trials = SeededGenerator(seed: seed ^ 0x7472_6961_6C73)
    client = Client(world: world, seed: random.next())
    var importers: [Importer] = []
    for number in 0..<world.swarm.imports { importers.append(Importer(number, world: world, client: client, seed: random.next())) }
    self.importers = importers
    publisher = Publisher(world: world, client: client, seed: random.next())
  }

  mutating func boot() {
    names += 1
    let drawn = random.next()
    let node = SimulatedNode(name: "n\(names)", world: world, seed: drawn, loadsAside: drawn % 2 == 1, handsOver: drawn / 2 % 2 == 1)
    node.start()
    nodes.append(node)
  }

  private mutating func step() {
    outage -= 1
    if let paused = pause { pause = paused.steps > 0 ? (paused.node, paused.steps - 1) : nil }
    switch random.next() % 8 {
    case 0..<4:
      let place = Int(random.next() % UInt64(nodes.count))
      let isSide = random.next() % 3 == 0
      let limit = 1 + Int(random.next() % 6)
      guard pause?.node != place else { return }
      if isSide { nodes[place].side.run(limit: limit) } else { nodes[place].run(limit: limit) }
      bury()
    case 4, 5:
      let count = 1 + Int(random.next() % 3)
      if outage <= 0 { world.log.flush(count) }
      world.hot.flush(count)
      world.accountsHot.flush(count)
    case 6: world.bus.deliver(1 + Int(random.next() % 3))
    default: advance(by: Int64(random.next() % 300))
    }
  }

  func advance(by milliseconds: Int64) {
    world.clock.advance(by: milliseconds)
    for node in nodes { node.advance(by: milliseconds) }
    world.transport.arrive()
  }

  mutating func run(steps: Int) throws {
    boot()
    client.setUp()
    for number in 0..<steps {
      step()
      if number % 6 == 0 { client.act(visible()) }
      if number % 9 == 0, world.swarm.hasNeighbour { client.actNextDoor(world.hot.visible(client.neighbour)) }
      if number % 4 == 0 { bulk() }
      if number % 3 == 0 { try client.tick() }
      try client.checkReadable()
      try follow()
      if number == world.swarm.overtakenAt { try overtake() }
      if number == world.swarm.misreportsAt { misreport() }
      if number > 60, random.next() % 25 == 0 { fault() }
    }
    try heal()
    try check()
    if world.swarm.comesBackLater { try comeBackLater() }
  }

  /// What has come into the journals since, and what readers could see meanwhile.
  mutating func follow() throws {
    try work.follow(world, work: client.workspace)
    try accounts.follow(world, work: nil)
    try work.judge(world.hot.drainSeen())
    try accounts.judge(world.accountsHot.drainSeen())
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
    world.note("faults end")
    outage = 0
    pause = nil
    world.log.setFate(nil)
    world.log.landLate()
    world.transport.calm()
    for hot in [world.hot, world.accountsHot] {
      hot.setMood(.well)
      hot.setSlow(false)
    }
    world.evidence.forgive()
    if world.swarm.isCourteousToTheEnd { world.courtesy.hold(until: .max) }
    if world.swarm.endsWithoutRestart { keepOne() } else { crash() }
    starve()
    if world.swarm.endsWithoutHotState { try goOnWithoutHotState() }
    if world.swarm.losesMessages { try loseMessages() }
    if world.swarm.abandonsRefill { try abandonRefill() }
    if world.swarm.leavesInOrder { try leaveInOrder() }
    if world.swarm.diesBeforeAnswering { try dieBeforeAnswering() }
    var rounds = 0
    while rounds < 400 {
      rounds += 1
      try settle()
      try client.tick()
      try client.checkReadable()
      if isFilled { for importer in importers { importer.step() } }
      if client.open.isEmpty, rounds > 40, importers.allSatisfy(\.isDone) || !isFilled { break }
    }
    guard client.open.isEmpty else {
      throw Violation(description: "\(client.open.count) requests are never answered; \(world.history.suffix(5))")
    }
    // Time enough for every offer and step in the workflow to run out.
    for round in 0..<30 {
      if round == 24 { world.evidence.spareErrands() }
      advance(by: 5000)
      try settle()
    }
  }

  /// Now and then the new owner gets no further than its Open while everything else goes on: the projector's snapshot may then be past it.
  private mutating func starve() {
    guard random.next() % 2 == 0, !world.swarm.endsWithoutRestart else { return }
    for node in nodes { node.run(limit: 4) }
    for _ in 0..<12 {
      world.log.flush()
      for node in nodes { node.side.run(limit: 2000) }
      for node in nodes { node.side.advance(by: 30) }
      world.clock.advance(by: 30)
      world.transport.arrive()
    }
  }

  mutating func settle() throws {
    for _ in 0..<12 {
      for node in nodes {
        node.run(limit: 2000)
        node.side.run(limit: 2000)
      }
      bury()
      world.log.flush()
      world.hot.flush()
      world.accountsHot.flush()
      world.bus.deliver()
      advance(by: 25)
      try follow()
    }
  }

  var isFilled: Bool { visible().keys.contains { $0.kind == Kind.workflow } }

  /// What a reader of hot state sees.
  func visible() -> [DocumentKey: [UInt8]] { world.hot.visible(client.workspace) }
}
