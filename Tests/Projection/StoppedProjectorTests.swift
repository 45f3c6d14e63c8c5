import Journal
import Ports
import PortsTesting
import Projection
import Resources
import Synchronization
import Testing

@Suite("A projector that meets what it cannot read (journal.md, \"Projection\")")
struct StoppedProjectorTests {
  @Test("It stops, says where and why, and has written what came before")
  func unreadable() async throws {
    let log = InMemoryEventLog(topics: ["work.journal", "work.state", "events"].map { TopicDeclaration($0, partitions: 1) })
    let queue = ManualQueue()
    let session = log.openSession(TopicPartition("work.journal", 0), durability: .synced) { _ in }
    let open = JournalRecord.open(Open(incarnation: 7, node: "n", at: 1)).encoded()
    var decision = Decision(incarnation: 7, epoch: 0, sequence: 0, now: 2)
    decision.scopes = [ScopeSteps(scope: Identifier(high: 1, low: 1), firstEvent: 1, steps: [.put(DocumentKey(kind: 99, id: .none), [1])])]
    for value in [open, JournalRecord.decision(decision).encoded(), [1, 99, 2]] {
      session.append([NewRecord(key: [], value: value)], tag: 0)
    }
    let projector = Projector(options: .init(family: "work", partition: 0, hasEvents: true), log: log, queue: queue)
    let seen = Mutex<ProjectorStanding?>(nil)
    projector.start()
    queue.run()
    projector.look { standing in seen.withLock { $0 = standing } }
    queue.run()
    let standing = try #require(seen.withLock { $0 })
    let trouble = try #require(standing.trouble)
    #expect(trouble.contains("work.journal[0]: at 2:") && trouble.contains("version 99"))
    #expect(standing.position == 2)
  }
}
