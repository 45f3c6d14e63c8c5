import Journal
import Ports
import PortsTesting
import Resources
import Synchronization
import TaskRouting

/// Somebody who sends a file: numbered lines in order, after any error everything from the failed line on, and now and then all of it again.
final class Importer {
  struct Line {
    /// Only in the documents that come of this line.
    var mark: String
    var isLethal: Bool
    /// So many lines that were refused before the log, in one record; 0: this is a line.
    var skips: UInt64
    var number: UInt64
  }
  let id: Identifier
  let lines: [Line]
  private let world: World
  private let workspace: Identifier
  private let account: Identifier
  private var random: SeededGenerator
  private var session: (any AppendSession)?
  private let reports = Reports()
  /// Place of the next line to send, and lines known to be in the log.
  private var next = 0
  private var done = 0

  init(_ number: Int, world: World, client: Client, seed: UInt64) {
    self.world = world
    workspace = client.workspace
    account = client.account
    var random = SeededGenerator(seed: seed)
    id = random.identifier()
    let isPoisoned = world.swarm.hasPoison
    var lines: [Line] = []
    var first: UInt64 = 1
    for place in 0..<(5 + Int(random.next() % 30)) {
      let skips = random.next() % 8 == 0 ? 1 + random.next() % 3 : 0
      let isLethal = isPoisoned && skips == 0 && random.next() % 24 == 0
      lines.append(Line(mark: "I\(number)/\(place)-", isLethal: isLethal, skips: skips, number: first))
      first += max(1, skips)
    }
    self.random = random
    self.lines = lines
    last = first - 1
  }

  /// Number of the last line.
  let last: UInt64
  var isDone: Bool { done == lines.count }

  /// Sends some more; what failed comes again.
  func step() {
    for report in reports.drain() {
      guard case .success(let offset) = report.outcome, offset >= 0 else {
        restart(at: done)
        break
      }
      done = max(done, Int(report.tag) + 1)
    }
    var left = Int(random.next() % 6)
    while left > 0, next < lines.count, next - done < 12 {
      send(next)
      next += 1
      left -= 1
    }
  }

  /// The process that sends ends; who sends again begins with the first line, or with what it remembers to have sent.
  func crash() { restart(at: random.next() % 2 == 0 ? 0 : Int(random.next() % UInt64(done + 1))) }
  /// The log's sessions are gone.
  func reconnect() { restart(at: done) }

  /// A line with the number 1 that makes nothing, whatever came before.
  func beginAgain() {
    let command = Command(
      scope: workspace, account: account, origin: .line(importing: id, number: 1, count: 1), body: Request(.skipLines).encoded())
    open().append([NewRecord(key: workspace.keyBytes, value: command.encoded())], tag: 0)
  }

  private func restart(at place: Int) {
    session?.close()
    session = nil
    _ = reports.drain()
    next = place
    done = min(done, place)
  }

  private func send(_ place: Int) {
    let line = lines[place]
    let body: Request
    if line.skips > 0 {
      body = Request(.skipLines)
    } else {
      let lethal = line.isLethal ? ",\"lethal!\":1" : ""
      let attributes = "{\"kind\":\(line.number % 2),\"level\":\(line.number % 5),\"mark\":\"\(line.mark)\"\(lethal)}"
      body = Request(.createTask, arguments: [.attributes: .bytes(Array(attributes.utf8)), .timeout: 60])
    }
    let command = Command(
      scope: workspace, account: account, origin: .line(importing: id, number: line.number, count: max(1, line.skips)),
      body: body.encoded())
    let session = session ?? open()
    self.session = session
    session.append([NewRecord(key: workspace.keyBytes, value: command.encoded())], tag: UInt64(place))
  }

  private func open() -> any AppendSession {
    // Reports of a session that is over are another's business.
    let generation = reports.begin()
    return world.log.openSession(TopicPartition("work.bulk", 0), durability: .ordered) { [reports] in reports.take($0, generation) }
  }
}

/// Reports of an importer's present session.
private final class Reports: Sendable {
  private struct State {
    var generation = 0
    var waiting: [AppendReport] = []
  }
  private let state = Mutex(State())

  func begin() -> Int {
    state.withLock { s in
      s.generation += 1
      s.waiting = []
      return s.generation
    }
  }
  func take(_ reports: [AppendReport], _ generation: Int) {
    state.withLock { s in
      if generation == s.generation { s.waiting += reports }
    }
  }
  func drain() -> [AppendReport] {
    state.withLock { s in
      defer { s.waiting = [] }
      return s.waiting
    }
  }
}

/// Another system that writes work items as JSON into the bulk topic: no answers, no keys, some of them wrong.
final class Publisher {
  private let world: World
  private let workspace: Identifier
  private var random: SeededGenerator
  private var session: (any AppendSession)?
  private var number = 0

  init(world: World, client: Client, seed: UInt64) {
    self.world = world
    workspace = client.workspace
    random = SeededGenerator(seed: seed)
  }

  func reconnect() { session = nil }

  func publish() {
    number += 1
    let sid = SIDKind.workspace.text(workspace)
    let lethal = world.swarm.hasPoison && random.next() % 24 == 0 ? ",\"lethal!\":1" : ""
    let text =
      switch random.next() % 10 {
      case 0: "{\"attributes\":{\"mark\":\"P\(number)-\"}}"
      case 1: "{\"workspace_sid\":\"\(sid)\",\"attributes\":{\"mark\":\"P\(number)-\""
      default:
        "{\"workspace_sid\":\"\(sid)\",\"timeout\":60,\"attributes\":{\"kind\":\(number % 2),\"level\":1,\"mark\":\"P\(number)-\"\(lethal)}}"
      }
    append(text)
  }

  /// One that is always refused, and tells so through the outbox.
  func publishUnreadable() {
    number += 1
    append("{\"attributes\":{\"mark\":\"P\(number)-\"")
  }

  private func append(_ text: String) {
    let session = session ?? world.log.openSession(TopicPartition("work.bulk", 0), durability: .ordered) { _ in }
    self.session = session
    session.append([NewRecord(key: workspace.keyBytes, value: Array(text.utf8))], tag: UInt64(number))
  }
}
