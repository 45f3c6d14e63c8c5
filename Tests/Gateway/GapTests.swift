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
    var fromBeginning = false
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

  @Test("It takes what is missing from the store, though nothing else happens that would wake it", .timeLimit(.minutes(1)))
  func filled() async throws {
    let log = InMemoryEventLog(topics: [TopicDeclaration("events", partitions: 1)])
    let gateway = EventGateway(log: log)
    let group = try LoopGroup(count: 1)
    let loop = try EventLoop.spawn(name: "client")
    defer {
      gateway.stop()
      group.stop()
      loop.stop()
    }
    let server = HTTPServer(
      group: group, host: "127.0.0.1", port: 0, options: HTTPServerOptions(), handler: Handler(gateway: gateway, workspace: workspace))
    let port = try server.start()
    let client = try HTTPClient(loop: loop, options: HTTPClientOptions(userAgent: "tests/1", allowPrivateTargets: true))
    var text = ""
    var steps = 0
    let follow: ([UInt8]) async -> Bool = { chunk in
      text += String(decoding: chunk, as: UTF8.self)
      if steps == 0, text.contains(": connected") {
        steps = 1
        gateway.publish([live(1)])
      }
      if steps == 1, text.contains(#""sequence":1}"#) {
        steps = 2
        // The second is lost on its way here; both are in the store.
        log.project([2, 3].map { ProjectedRecord(TopicPartition("events", 0), NewRecord(key: workspace.keyBytes, value: json($0))) }) { _ in
        }
        gateway.publish([live(3)])
      }
      return !text.contains(#""sequence":3}"#)
    }
    try await client.stream(HTTPClientRequest(url: "http://127.0.0.1:\(port)/"), onResponse: { _ in true }, onChunk: follow)
    let events = text.split(separator: "\n").filter { $0.hasPrefix("data:") }
    #expect(events.map { String($0.suffix(3)) } == ["1}}", "2}}", "3}}"])
  }

  @Test("A long way from the beginning lets the others on its loop have theirs", .timeLimit(.minutes(1)))
  func fair() async throws {
    // Given more events than are read from the store at once
    let log = InMemoryEventLog(topics: [TopicDeclaration("events", partitions: 1)])
    let count: UInt64 = 5000
    log.project(
      (1...count).map { ProjectedRecord(TopicPartition("events", 0), NewRecord(key: workspace.keyBytes, value: json($0))) }
    ) { _ in }
    let turns = Atomic(0)
    let gateway = EventGateway(log: log, turn: { turns.add(1, ordering: .relaxed) })
    let group = try LoopGroup(count: 1)
    let loop = try EventLoop.spawn(name: "client")
    defer {
      gateway.stop()
      group.stop()
      loop.stop()
    }
    let server = HTTPServer(
      group: group, host: "127.0.0.1", port: 0, options: HTTPServerOptions(),
      handler: Handler(gateway: gateway, workspace: workspace, fromBeginning: true))
    let port = try server.start()
    let client = try HTTPClient(loop: loop, options: HTTPClientOptions(userAgent: "tests/1", allowPrivateTargets: true))
    // When a reader that keeps up reads them all
    var text = ""
    let follow: ([UInt8]) async -> Bool = { chunk in
      text += String(decoding: chunk, as: UTF8.self)
      return !text.contains(#""sequence":\#(count)}"#)
    }
    try await client.stream(HTTPClientRequest(url: "http://127.0.0.1:\(port)/"), onResponse: { _ in true }, onChunk: follow)
    // Then the loop was offered a turn between the batches
    let seen = turns.load(ordering: .relaxed)
    #expect(seen >= 3)
    #expect(text.split(separator: "\n").filter { $0.hasPrefix("data:") }.count == Int(count))
  }
}
