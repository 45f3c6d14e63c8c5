import Ports
import PortsTesting
import Resources
import Synchronization

/// What is done to a history.
extension History {
  /// Every process ends, whatever it was doing, and its connections with it.
  mutating func crash() {
    for node in nodes { node.drop() }
    // Whether what was in flight is in the log is drawn too.
    world.log.crash(keeping: Int(random.next() % 4))
    for hot in [world.hot, world.accountsHot] { hot.crash(keeping: Int(random.next() % 4)) }
    world.bus.lose()
    reconnect()
    graveyard += nodes
    nodes = []
    pause = nil
    if random.next() % 3 == 0 { world.hot.wipe() }
    boot()
  }

  private func reconnect() {
    client.reconnect()
    publisher.reconnect()
    for importer in importers { importer.reconnect() }
  }

  /// One process ends; what it had on its way arrives.
  mutating func drop(_ place: Int) {
    nodes[place].drop()
    graveyard.append(nodes.remove(at: place))
    pause = nil
  }

  /// Faults end, and whoever lives has to go on from where it is.
  mutating func keepOne() {
    while nodes.count > 1 { drop(Int(random.next() % UInt64(nodes.count))) }
    reconnect()
  }

  mutating func fault() {
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
      let kind = random.next() % 6
      let left = Countdown(Int(1 + random.next() % 2))
      log.setFate { target, _ in
        guard !target.topic.hasSuffix("state"), left.take() else { return .lands }
        switch kind {
        case 0: return .isLost
        case 1: return .landsTwice
        case 2: return .landsUnreported
        case 3: return .landsWithoutOffset
        case 4: return .isLostWithoutOffset
        default: return .landsLate
        }
      }
    case .landLate: world.log.landLate()
    case .secondOwner:
      // A second owner: it believes that the partition is its own, as the first still does.
      if nodes.count == 1 {
        boot()
      } else if random.next() % 2 == 0 {
        drop(Int(random.next() % UInt64(nodes.count)))
      }
    case .hotAway:
      let hot = random.next() % 4 == 0 ? world.accountsHot : world.hot
      hot.setMood([.well, .well, .away, .deaf][Int(random.next() % 4)])
    case .hotSlow: world.hot.setSlow(random.next() % 2 == 0)
    case .outage: outage = Int(random.next() % 60)
    case .pause: pause = (Int(random.next() % UInt64(nodes.count)), Int(random.next() % 120))
    case .replicate: world.hot.replicate()
    case .failOver: world.hot.failOver(told: random.next() % 2 == 0)
    case .lateReads: world.transport.delay(reads: 1 + Int(random.next() % 60))
    case .transaction: world.transport.end(transactions: 1 + Int(random.next() % 2), random.next() % 2 == 0 ? .isLost : .landsUnreported)
    case .rebalance: nodes[Int(random.next() % UInt64(nodes.count))].rebalance(inOrder: trials.next() % 2 == 0)
    }
  }

  /// Whoever died of a command is replaced.
  mutating func bury() {
    guard let dead = nodes.firstIndex(where: { $0.life.isOver }) else { return }
    world.note("process \(dead) died in a command")
    if random.next() % 2 == 0 { return crash() }
    drop(dead)
    if nodes.isEmpty { boot() }
  }
}

/// True a few times.
final class Countdown: Sendable {
  private let left: Mutex<Int>
  init(_ count: Int) { left = Mutex(count) }
  var isOver: Bool { left.withLock { $0 == 0 } }
  func take() -> Bool {
    left.withLock { left in
      guard left > 0 else { return false }
      left -= 1
      return true
    }
  }
}
