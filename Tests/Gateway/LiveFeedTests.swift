import Ports
import PortsTesting
import Projection
import Resources
import Synchronization
import Testing

@testable import Gateway

@Suite("Events of other nodes' projectors, which come over the bus and from the topic")
struct LiveFeedTests {
  private let workspace = Identifier(high: 1, low: 2)
  private let log = InMemoryEventLog(topics: [TopicDeclaration("events", partitions: 1)])
  private let bus = InMemorySignalBus()
  private let queue = ManualQueue()

  private func json(_ sequence: UInt64) -> [UInt8] { Array(#"{"data":{"sequence":\#(sequence)}}"#.utf8) }

  private func told(_ sequences: UInt64...) {
    bus.publish(
      LiveEvent.channel(0),
      LiveEvent.encode(sequences.map { LiveEvent(workspace: workspace, sequence: $0, worker: nil, json: json($0)) }))
  }

  private func stored(_ sequences: UInt64...) {
    let records = sequences.map { ProjectedRecord(TopicPartition("events", 0), NewRecord(key: workspace.keyBytes, value: json($0))) }
    log.project(records) { _ in }
    queue.run()
  }

  /// What a feed hands on while `body` runs.
  private func handedOn(_ body: () -> Void) async -> [UInt64] {
    let seen = Mutex<[UInt64]>([])
    let feed = LiveFeed(log: log, bus: bus, queue: queue)
    feed.start { events in seen.withLock { $0 += events.map(\.sequence) } }
    async let needed: Void = feed.need(0)
    while queue.pending == 0 { await Task.yield() }
    queue.run()
    await needed
    body()
    return seen.withLock { $0 }
  }

  @Test("What came over the bus is not news again when the topic has it: who begins to listen in between would take it so")
  func once() async {
    let seen = await handedOn {
      told(1, 2)
      stored(1, 2)
      stored(3)
      told(3, 4)
      stored(4)
    }
    #expect(seen == [1, 2, 3, 4])
  }

  @Test("What the bus has lost comes from the topic: at once where nothing followed it, as a gap for the store where something did")
  func lost() async {
    let seen = await handedOn {
      told(1)
      stored(1, 2)
      told(4)
      stored(3, 4)
    }
    #expect(seen == [1, 2, 4])
  }
}
