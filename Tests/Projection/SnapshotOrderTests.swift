import Journal
import Ports
import PortsTesting
import Projection
import Resources
import Testing

@Suite("What a projector writes in one transaction")
struct SnapshotOrderTests {
  @Test("Documents stand in the order of their keys, whatever changed first: what was made together lies together")
  func order() throws {
    let log = InMemoryEventLog(topics: ["work.journal", "work.state", "events"].map { TopicDeclaration($0, partitions: 1) })
    let queue = ManualQueue()
    let session = log.openSession(TopicPartition("work.journal", 0), durability: .synced) { _ in }
    let open = JournalRecord.open(Open(incarnation: 7, node: "n", at: 1)).encoded()
    session.append([NewRecord(key: [], value: open)], tag: 0)
    var random = SeededGenerator(seed: 11)
    for sequence in 0..<5 {
      var decision = Decision(incarnation: 7, epoch: 0, sequence: UInt64(sequence), now: 2)
      decision.scopes = (0..<3).map { scope in
        let steps = (0..<20).map { _ in Step.put(DocumentKey(kind: 99, id: random.identifier()), [1]) }
        return ScopeSteps(scope: Identifier(high: 9 - UInt64(scope), low: 1), firstEvent: 1, steps: steps)
      }
      session.append([NewRecord(key: [], value: JournalRecord.decision(decision).encoded())], tag: 0)
    }
    let projector = Projector(options: .init(family: "work", partition: 0, hasEvents: false), log: log, queue: queue)
    projector.start()
    queue.run()
    queue.advance(by: 1000)
    queue.run()
    var stored: [LogRecord] = []
    let reader = log.openReader(TopicPartition("work.state", 0), from: 0, key: nil, visibility: .committed) {}
    while case let more = try reader.take(records: 1000, bytes: 1 << 20), !more.isEmpty { stored += more }
    let documents = stored.map(\.key).filter { $0.first == 0 }
    #expect(documents.count == 300)
    #expect(documents == documents.sorted { $0.lexicographicallyPrecedes($1) })
    #expect(stored.last?.key == SnapshotKey.ledger.bytes)
  }
}
