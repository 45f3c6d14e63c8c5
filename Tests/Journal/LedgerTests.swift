import Resources
import Testing

@testable import Journal

@Suite("The acceptance rule and the ledger (journal.md)")
struct LedgerTests {
  private static let open = JournalRecord.open(Open(incarnation: 7, node: "a", at: 0))

  private static func decision(_ sequence: UInt64, incarnation: UInt64 = 7, epoch: Int64 = 10) -> JournalRecord {
    .decision(Decision(incarnation: incarnation, epoch: epoch, sequence: sequence, now: 0))
  }

  /// Records from offset 10 on, and what a reader thinks of each.
  static let rows: [(String, [(JournalRecord, Acceptance)])] = [
    ("in sequence", [(open, .opened), (decision(0), .accepted), (decision(1), .accepted)]),
    ("nobody has opened", [(decision(0), .refused)]),
    ("a gap, then the missing one", [(open, .opened), (decision(1), .refused), (decision(0), .accepted), (decision(1), .accepted)]),
    ("landed twice", [(open, .opened), (decision(0), .accepted), (decision(0), .refused), (decision(1), .accepted)]),
    ("of an older owner", [(open, .opened), (open, .opened), (decision(0), .refused), (decision(0, epoch: 11), .accepted)]),
    ("another incarnation at the same offset", [(open, .opened), (decision(0, incarnation: 8), .refused), (decision(0), .accepted)]),
    (
      "a new owner starts at 0",
      [(open, .opened), (decision(0), .accepted), (open, .opened), (decision(1, epoch: 12), .refused), (decision(0, epoch: 12), .accepted)]
    ),
  ]

  @Test("Each record is opened, accepted or refused, by every reader alike", arguments: rows.indices)
  func acceptance(_ row: Int) {
    let (name, records) = Self.rows[row]
    var ledger = Ledger()
    for (place, (record, wanted)) in records.enumerated() {
      #expect(ledger.feed(record, at: Int64(10 + place)) == wanted, "\(name), record \(place)")
      #expect(ledger.nextOffset == Int64(11 + place))
    }
  }

  @Test("A refused decision changes nothing but the offset")
  func refused() {
    var ledger = Ledger()
    _ = ledger.feed(Self.open, at: 10)
    var before = ledger
    var source = DecisionSource(random: SeededGenerator(seed: 4))
    _ = ledger.feed(.decision(source.decision()), at: 11)
    before.nextOffset = 12
    #expect(ledger == before)
  }

  @Test("Positions, marks, events, numbers and time are followed")
  func taking() throws {
    var ledger = Ledger()
    _ = ledger.feed(Self.open, at: 10)
    let scope = Identifier(high: 1, low: 1)
    let message = { OutboxMessage(target: "t", partition: 2, number: $0, key: [], payload: [1]) }
    var first = Decision(incarnation: 7, epoch: 10, sequence: 0, now: 500)
    first.positions = [0: 4]
    first.scopes = [
      ScopeSteps(scope: scope, firstEvent: 1, steps: [.fact(Fact(kind: 1, at: 1, subjects: [])), .delete(DocumentKey(kind: 1, id: scope))])
    ]
    first.outbox = [message(1), message(2), message(3)]
    first.received = ["s": 9]
    var second = Decision(incarnation: 7, epoch: 10, sequence: 1, now: 400)
    second.sent = [Peer(topic: "t", partition: 2): 2]
    second.scopes = [ScopeSteps(scope: scope, firstEvent: 2, steps: [.fact(Fact(kind: 1, at: 1, subjects: []))])]
    #expect(ledger.feed(.decision(first), at: 11) == .accepted)
    #expect(ledger.feed(.decision(second), at: 12) == .accepted)
    #expect(ledger.now == 500, "time never goes back")
    #expect(ledger.positions == [0: 4] && ledger.sources == ["s": 9])
    #expect(ledger.scopes[scope] == ScopeMark(offset: 12, events: 2))
    let state = ledger.targets[Peer(topic: "t", partition: 2)]
    #expect(state?.next == 4 && state?.marked == 2 && state?.unmarked == [message(3)])
    var copy = ledger
    copy.scopes = [:]
    #expect(try Ledger(decoding: ledger.encoded()) == copy, "marks are records of their own")
  }

  @Test("Imports are forgotten seven days of append time after their last line")
  func imports() {
    var ledger = Ledger()
    let id = Identifier(high: 1, low: 2)
    ledger.imports[id] = ImportMark(id: id, number: 5, appended: 1000)
    ledger.forgetImports(beforeRecordAppendedAt: 1000 + Ledger.importMemory - 1)
    #expect(ledger.imports[id] != nil)
    ledger.forgetImports(beforeRecordAppendedAt: 1000 + Ledger.importMemory)
    #expect(ledger.imports[id] == nil)
  }

  @Test("An image folds documents of accepted decisions only, from a snapshot on")
  func image() throws {
    var image = Image()
    let scope = Identifier(high: 1, low: 1)
    let key = DocumentKey(kind: 3, id: Identifier(high: 2, low: 2))
    var ledger = Ledger()
    _ = ledger.feed(Self.open, at: 10)
    try image.takeSnapshot(key: SnapshotKey.document(scope: scope, key: key).bytes, value: [1])
    try image.takeSnapshot(key: SnapshotKey.mark(scope: scope).bytes, value: ScopeMark(offset: 10, events: 3).encoded())
    try image.takeSnapshot(key: SnapshotKey.ledger.bytes, value: ledger.encoded())
    #expect(image.ledger.scopes[scope] == ScopeMark(offset: 10, events: 3))
    var decision = Decision(incarnation: 7, epoch: 10, sequence: 0, now: 1)
    decision.scopes = [ScopeSteps(scope: scope, firstEvent: 4, steps: [.put(key, [2])])]
    var foreign = decision
    foreign.epoch = 9
    foreign.scopes[0].steps = [.delete(key)]
    #expect(image.takeJournal(.decision(foreign), at: 11) == .refused)
    #expect(image.document(scope, key) == [1] && image.refused == 1)
    #expect(image.takeJournal(.decision(decision), at: 12) == .accepted)
    #expect(image.document(scope, key) == [2])
    try image.takeSnapshot(key: SnapshotKey.document(scope: scope, key: key).bytes, value: nil)
    #expect(image.documents.isEmpty)
  }

  @Test("Snapshot keys are read back, and nothing else is one")
  func keys() throws {
    let scope = Identifier(high: 1, low: 1)
    for key in [SnapshotKey.document(scope: scope, key: DocumentKey(kind: 9, id: scope)), .mark(scope: scope), .ledger] {
      #expect(try SnapshotKey(decoding: key.bytes) == key)
      #expect(throws: DecodingFailure.self) { try SnapshotKey(decoding: key.bytes + [0]) }
    }
    #expect(throws: DecodingFailure.self) { try SnapshotKey(decoding: []) }
  }
}
