import EventLoops
import HTTPClient
import HTTPServer
import Ports
import PortsTesting
import Projection
import Resources
import Synchronization
import Testing

@testable import Gateway

@Suite("A stream that misses an event")
struct GapTests {
  private struct Handler: HTTPHandler {
    let gateway: EventGateway
    let workspace: Identifier
    let fromBeginning: Bool
    func handle(_ request: HTTPRequest, _ response: HTTPResponder) async {
      await gateway.stream(
        workspace: workspace, lastEventID: nil, fromBeginning: fromBeginning, worker: nil, isAllowed: { true }, to: response)
    }
  }

  private let workspace = Identifier(high: 1, low: 2)

  private func json(_ sequence: UInt64) -> [UInt8] { Array(#"{"data":{"sequence":\#(sequence)}}"#.utf8) }

  private func live(_ sequence: UInt64) -> LiveEvent {
    LiveEvent(workspace: workspace, sequence: sequence, worker: nil, json: json(sequence))
  }

  private func log() -> InMemoryEventLog { InMemoryEventLog(topics: [TopicDeclaration("events", partitions: 1)]) }

  private func store(_ sequences: [UInt64], in log: InMemoryEventLog) {
    log.project(sequences.map { ProjectedRecord(TopicPartition("events", 0), NewRecord(key: workspace.keyBytes, value: json($0))) }) { _ in
    }
  }

  /// Serves the gateway and reads its stream until `follow`, which sees all that has come so far, has had enough.
  private func read(_ gateway: EventGateway, fromBeginning: Bool, _ follow: @escaping (String) -> Bool) async throws -> [String] {
    let group = try LoopGroup(count: 1)
    let loop = try EventLoop.spawn(name: "client")
    defer {
      gateway.stop()
      group.stop()
      loop.stop()
    }
    let server = HTTPServer(
      group: group, host: "127.0.0.1", port: 0, options: HTTPServerOptions(),
      handler: Handler(gateway: gateway, workspace: workspace, fromBeginning: fromBeginning))
    let port = try server.start()
    let client = try HTTPClient(loop: loop, options: HTTPClientOptions(userAgent: "tests/1", allowPrivateTargets: true))
    var text = ""
    let take: ([UInt8]) async -> Bool = { chunk in
      text += String(decoding: chunk, as: UTF8.self)
      return follow(text)
    }
    try await client.stream(HTTPClientRequest(url: "http://127.0.0.1:\(port)/"), onResponse: { _ in true }, onChunk: take)
    return text.split(separator: "\n").filter { $0.hasPrefix("data:") }.map(String.init)
  }

  @Test("It takes what is missing from the store, though nothing else happens that would wake it", .timeLimit(.minutes(1)))
  func filled() async throws {
    let log = log()
    let gateway = EventGateway(log: log)
    var steps = 0
    let events = try await read(gateway, fromBeginning: false) { text in
      if steps == 0, text.contains(": connected") {
        steps = 1
        gateway.publish([live(1)])
      }
      if steps == 1, text.contains(#""sequence":1}"#) {
        steps = 2
        // The second is lost on its way here; both are in the store.
        store([2, 3], in: log)
        gateway.publish([live(3)])
      }
      return !text.contains(#""sequence":3}"#)
    }
    #expect(events.map { String($0.suffix(3)) } == ["1}}", "2}}", "3}}"])
  }

  @Test("A long way from the beginning lets the others on its loop have theirs", .timeLimit(.minutes(1)))
  func fair() async throws {
    // Given more events than are read from the store at once
    let log = log()
    let count: UInt64 = 5000
    store(Array(1...count), in: log)
    let turns = Atomic(0)
    let gateway = EventGateway(log: log, turn: { turns.add(1, ordering: .relaxed) })
    // When a reader that keeps up reads them all
    let events = try await read(gateway, fromBeginning: true) { !$0.contains(#""sequence":\#(count)}"#) }
    // Then the loop was offered a turn between the batches
    let seen = turns.load(ordering: .relaxed)
    #expect(seen >= 3)
    #expect(events.count == Int(count))
  }
}
