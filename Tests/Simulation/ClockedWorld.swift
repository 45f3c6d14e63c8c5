import InProcessHotState
import Journal
import Ports
import PortsTesting
import Resources
import TaskRouting
import Testing

@testable import Simulate

extension World {
  /// Lets the only node do what there is to do, and a little time pass.
  func settle(_ node: SimulatedNode) {
    for _ in 0..<12 {
      node.queue.run(limit: 2000)
      node.side.run(limit: 2000)
      log.flush()
      bus.deliver()
      pass(25, node)
    }
  }

  func pass(_ milliseconds: Int64, _ node: SimulatedNode) {
    clock.advance(by: milliseconds)
    node.advance(by: milliseconds)
  }
}

/// One node and one client in a world without faults whose wall clock somebody sets.
final class ClockedWorld {
  let world = World(seed: 1)
  let client: Client
  private let node: SimulatedNode

  init() {
    client = Client(world: world, seed: 2)
    node = SimulatedNode(name: "n", world: world, seed: 3)
    node.start()
  }

  var documents: [DocumentKey: [UInt8]] { world.hot.present.documents(of: client.workspace) }

  func settle() { world.settle(node) }

  func advance(by milliseconds: Int64) { world.pass(milliseconds, node) }

  /// An offer of ten seconds.
  func offer() throws {
    client.setUp()
    settle()
    let available = try #require(
      documents.first { $0.key.kind == Kind.activity && (try? ActivityRecord(decoding: $0.value))?.isAvailable == true }?.key.id)
    client.ask(Request(.createTaskQueue, arguments: [.friendlyName: "q", .targetWorkers: "1==1"]))
    settle()
    let queue = SIDKind.taskQueue.text(try #require(documents.keys.first { $0.kind == Kind.taskQueue }?.id))
    let text = #"{"task_routing":{"default_filter":{"queue":"\#(queue)"}}}"#
    client.ask(
      Request(.createWorkflow, arguments: [.friendlyName: "w", .configuration: .text(text), .reservationTimeout: 10]))
    client.ask(Request(.createWorker, arguments: [.friendlyName: "worker", .activity: .identifier(available)]))
    settle()
    client.ask(Request(.createTask, arguments: [.attributes: .bytes(Array("{}".utf8))]))
    settle()
    #expect(documents.keys.contains { $0.kind == Kind.reservation })
  }

  /// Reservations that timed out, one for each time that it was said.
  func timedOut() throws -> [Substring] {
    try world.records("events").compactMap { record in
      let text = String(decoding: record.value ?? [], as: UTF8.self)
      guard text.contains("reservation.timeout") else { return nil }
      return text.firstRange(of: #""reservation_sid":"WR"#).map { text[$0.upperBound...].prefix(32) }
    }
  }

  /// What the journal decides, in order.
  func decisions() throws -> [Decision] {
    try world.records("work.journal").compactMap { record in
      guard case .decision(let decision) = try JournalRecord(decoding: record.value ?? []) else { return nil }
      return decision
    }
  }

  /// The times of all decisions.
  func recorded() throws -> [Int64] { try decisions().map(\.now) }
}
