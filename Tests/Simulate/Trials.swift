import InProcessHotState
import PartitionRunner
import Ports
import PortsTesting
import Resources
import TaskRouting

/// What chance alone hardly ever brings about, done on purpose in some histories.
extension History {
  /// An owner gets no further than its Open while another one opens behind it and decides, until the snapshot is past both Opens; only then it reads.
  mutating func overtake() throws {
    world.note("overtaken")
    if nodes.count > 1 { drop(0) }
    boot()
    let slow = nodes[nodes.count - 1]
    slow.run(limit: 2)
    world.log.flush()
    boot()
    let fast = nodes[nodes.count - 1]
    for round in 0..<24 {
      if round % 4 == 0 { client.act(visible()) }
      fast.run(limit: 2000)
      fast.side.run(limit: 2000)
      world.log.flush()
      for hot in [world.hot, world.accountsHot] { hot.flush() }
      world.bus.deliver()
      world.clock.advance(by: 30)
      world.transport.arrive()
      fast.advance(by: 30)
      try follow()
    }
    bury()
  }

  /// The log sends again what it had already, and the report names the second copy; or it says that it took something and not where, whether it did or not.
  mutating func misreport() {
    world.note("decisions are misreported")
    let fate: AppendFate = [.landsTwice, .landsWithoutOffset, .isLostWithoutOffset][Int(trials.next() % 3)]
    let left = Countdown(3)
    world.log.setFate { target, _ in target.topic == "work.journal" && left.take() ? fate : .lands }
  }

  /// Deciding needs no hot state: what was asked is decided while it is still away.
  mutating func goOnWithoutHotState() throws {
    world.note("hot state stays away")
    world.hot.setMood(trials.next() % 2 == 0 ? .away : .deaf)
    let asked = try world.log.bounds(TopicPartition(World.inputs[0], 0)).end
    var rounds = 0
    while work.checker.consumed(0) < asked {
      guard rounds < 200 else {
        throw Violation(description: "without hot state, commands are decided up to \(work.checker.consumed(0)) of \(asked)")
      }
      rounds += 1
      try settle()
    }
    world.hot.setMood(.well)
  }

  /// Something befalls the first of several messages on their way to the same target; nothing comes after them that would take them along.
  mutating func loseMessages() throws {
    for _ in 0..<4 { try settle() }
    let fate: AppendFate = [.isLost, .isLostWithoutOffset, .landsWithoutOffset, .landsLate][Int(trials.next() % 4)]
    world.note("messages: \(fate)")
    let (rejects, notes) = (Countdown(1), Countdown(1))
    world.log.setFate { target, _ in
      switch target.topic {
      case "rejects": rejects.take() ? fate : .lands
      case "account.commands": notes.take() ? fate : .lands
      default: .lands
      }
    }
    for _ in 0..<6 { publisher.publishUnreadable() }
    client.askForWorkspaces(4)
    for _ in 0..<4 { try settle() }
    world.log.setFate(nil)
    world.log.landLate()
  }

  /// An owner dies between its append and its answer, and nobody asks again: whoever takes over answers.
  mutating func dieBeforeAnswering() throws {
    try answerAll()
    world.note("dies before it answers")
    client.ask(Request(.updateWorkspace, arguments: [.friendlyName: "renamed"]))
    guard let asked = client.open.last?.number, nodes.count == 1 else { return }
    world.log.flush()
    nodes[0].run(limit: 2000)
    world.log.flush()
    drop(0)
    boot()
    try follow()
    // Where it was not decided yet, the successor only decides it.
    try succeed()
    guard nodes[0].life.isOver || !client.open.contains(where: { $0.number == asked }) else {
      throw Violation(description: "request \(asked) was decided by an owner that died, and its successor does not answer")
    }
  }

  private mutating func answerAll() throws {
    let commands = TopicPartition(World.inputs[0], 0)
    for _ in 0..<100 where try !client.open.isEmpty || work.checker.consumed(0) < world.log.bounds(commands).end {
      try settle()
      try client.tick()
    }
  }

  /// The one node that is left takes over and works on, without its projectors.
  private mutating func succeed() throws {
    for _ in 0..<60 {
      nodes[0].run(limit: 2000)
      world.log.flush()
      world.hot.flush()
      world.bus.deliver()
      advance(by: 20)
      try follow()
    }
    try client.tick()
  }

  /// An owner leaves in order while requests come in: what it decides it answers, for the snapshot is past it before there is a successor. The rest is the successor's.
  mutating func leaveInOrder() throws {
    try answerAll()
    guard nodes.count == 1, client.open.isEmpty, let leaving = nodes.first else { return }
    world.note("leaves in order")
    let (stay, end) = (Countdown(1), 2 + Int(trials.next() % 4))
    for round in 0..<400 where round < 8 || !stay.isOver {
      if round < 8 { client.ask(Request(.updateWorkspace, arguments: [.friendlyName: .text("renamed \(round)")])) }
      if round == end { leaving.work.finish(within: 5000) { _ = stay.take() } }
      world.log.flush(1 + Int(trials.next() % 3))
      leaving.run(limit: 1 + Int(trials.next() % 4))
      world.hot.flush(1)
      world.bus.deliver()
      advance(by: 5)
      try follow()
    }
    guard stay.isOver || leaving.life.isOver else { throw Violation(description: "an owner that was to leave in order is still there") }
    for _ in 0..<12 {
      world.log.flush()
      leaving.side.run(limit: 2000)
      leaving.side.advance(by: 30)
      world.bus.deliver()
    }
    drop(0)
    boot()
    try follow()
    try succeed()
    guard nodes[0].life.isOver || client.open.isEmpty else {
      throw Violation(description: "an owner left in order, and \(client.open.count) requests are not answered by it nor by its successor")
    }
  }

  /// A newer owner finds hot state empty, begins to fill it and dies. The older one, of which nobody has told it that it was overtaken, may not wait for that.
  mutating func abandonRefill() throws {
    for _ in 0..<4 { try settle() }
    guard nodes.count == 1 else { return }
    world.note("a refill is abandoned")
    world.hot.wipe()
    world.hot.setSlow(true)
    boot()
    for _ in 0..<80 where !world.hot.present.isRefilling(client.workspace) {
      nodes[1].run(limit: 2000)
      world.log.flush()
      world.hot.flush(1)
    }
    world.hot.setSlow(false)
    drop(1)
    // It compares before it has anything to decide: the journal would tell it.
    for _ in 0..<6 { try settle() }
    client.ask(Request(.updateWorkspace, arguments: [.friendlyName: "overtaken"]))
  }

  /// A week later imports are forgotten: a line with the number 1 is the next one again.
  mutating func comeBackLater() throws {
    guard isFilled, let importer = importers.first else { return }
    advance(by: 7 * 86_400_000 + 60_000)
    for _ in 0..<40 { try settle() }
    world.note("the first line again")
    importer.beginAgain()
    for _ in 0..<40 { try settle() }
    try auditLogs()
  }
}
