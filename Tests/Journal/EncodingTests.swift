import Resources
import Testing

@testable import Journal

/// Decisions drawn at random, every field used.
struct DecisionSource {
  var random: SeededGenerator

  mutating func number() -> UInt64 { random.next() >> UInt64.random(in: 0..<64, using: &random) }
  mutating func count(_ most: Int) -> Int { Int.random(in: 0...most, using: &random) }
  mutating func signed() -> Int64 { Int64(bitPattern: number()) }
  mutating func bytes(_ most: Int = 40) -> [UInt8] { (0..<count(most)).map { _ in UInt8.random(in: 0...255, using: &random) } }
  mutating func identifier() -> Identifier { chance() ? Identifier(high: 1, low: number() & 3) : random.identifier() }
  mutating func text() -> String { String(decoding: (0..<count(9)).map { _ in UInt8.random(in: 97...122, using: &random) }, as: UTF8.self) }
  mutating func chance() -> Bool { Bool.random(using: &random) }
  mutating func key() -> DocumentKey { DocumentKey(kind: UInt8.random(in: 0...255, using: &random), id: identifier()) }

  mutating func verdict() -> Verdict {
    var verdict = Verdict(status: 200 + count(300))
    if chance() {
      verdict.scope = identifier()
      verdict.document = key()
    }
    if chance() {
      verdict.code = 1 + count(50_000)
      verdict.message = text()
    }
    if chance() { verdict.number = number() }
    verdict.replayed = chance()
    return verdict
  }

  mutating func step() -> Step {
    switch count(2) {
    case 0: .put(key(), bytes())
    case 1: .delete(key())
    default:
      .fact(
        Fact(
          kind: UInt8.random(in: 0...255, using: &random), at: Int64(count(1_000_000)), subjects: (0..<count(4)).map { _ in identifier() },
          details: bytes()))
    }
  }

  mutating func decision() -> Decision {
    var decision = Decision(incarnation: number(), epoch: signed() >> 1, sequence: number(), now: Int64(count(1_000_000_000)))
    for _ in 0..<count(3) { decision.positions[UInt8.random(in: 0...255, using: &random)] = signed() >> 1 }
    for _ in 0..<count(4) {
      decision.scopes.append(ScopeSteps(scope: identifier(), firstEvent: number(), steps: (0..<count(6)).map { _ in step() }))
    }
    for _ in 0..<count(3) {
      decision.outbox.append(OutboxMessage(target: text(), partition: count(30), number: number(), key: bytes(), payload: bytes()))
    }
    for _ in 0..<count(3) { decision.sent[Peer(topic: text(), partition: count(30))] = number() }
    for _ in 0..<count(3) { decision.received[text()] = number() }
    for _ in 0..<count(3) { decision.imports.append(ImportMark(id: identifier(), number: number(), appended: signed() >> 1)) }
    for _ in 0..<count(3) { decision.replies.append(Reply(to: ReplyAddress(node: text(), request: number()), verdict: verdict())) }
    for _ in 0..<count(3) {
      decision.rejected.append(RejectedInput(input: UInt8.random(in: 0...255, using: &random), offset: signed() >> 1, reason: text()))
    }
    return decision
  }
}

@Suite("The encoding of journal records")
struct EncodingTests {
  @Test("What was written is read back", arguments: 0..<300)
  func roundTrip(_ seed: Int) throws {
    var source = DecisionSource(random: SeededGenerator(seed: UInt64(seed)))
    let record = JournalRecord.decision(source.decision())
    #expect(try JournalRecord(decoding: record.encoded()) == record)
    let open = JournalRecord.open(Open(incarnation: source.number(), level: 1, node: source.text(), at: source.signed() >> 1))
    #expect(try JournalRecord(decoding: open.encoded()) == open)
    let replies = source.decision().replies.map { Reply(to: ReplyAddress(node: "n", request: $0.to.request), verdict: $0.verdict) }
    #expect(try Reply.decode(Reply.encode(replies), node: "n") == replies)
  }

  @Test("Cut or changed bytes are refused or read as something else; nothing traps", arguments: 0..<60)
  func corruption(_ seed: Int) {
    var source = DecisionSource(random: SeededGenerator(seed: UInt64(seed)))
    let whole = JournalRecord.decision(source.decision()).encoded()
    for length in 0..<whole.count { #expect(throws: DecodingFailure.self) { try JournalRecord(decoding: Array(whole.prefix(length))) } }
    for _ in 0..<300 {
      var bytes = whole
      for _ in 0...source.count(3) { bytes[source.count(bytes.count - 1)] = UInt8.random(in: 0...255, using: &source.random) }
      guard let record = try? JournalRecord(decoding: bytes) else { continue }
      var ledger = Ledger()
      _ = ledger.feed(record, at: 1)
      _ = try? Ledger(decoding: bytes)
      _ = try? Command(decoding: bytes)
      _ = try? Reply.decode(bytes, node: "n")
      _ = try? SnapshotKey(decoding: bytes)
    }
    #expect(throws: DecodingFailure.self) { try JournalRecord(decoding: whole + [0]) }
  }

  @Test("A kind or schema version that is not known is refused by name: the reader must stop, not skip")
  func unknown() {
    let open = JournalRecord.open(Open(incarnation: 1, node: "n", at: 1)).encoded()
    var version = open
    version[1] = 2
    #expect(throws: DecodingFailure.unknownVersion(kind: "a journal record", version: 2)) { try JournalRecord(decoding: version) }
    var kind = open
    kind[0] = 9
    #expect(throws: DecodingFailure.unknownVersion(kind: "a journal record of kind 9", version: 1)) { try JournalRecord(decoding: kind) }
    #expect(throws: DecodingFailure.unknownVersion(kind: "a command", version: 7)) { try Command(decoding: [7]) }
    #expect(throws: DecodingFailure.unknownVersion(kind: "a ledger", version: 7)) { try Ledger(decoding: [7]) }
  }

  @Test("Keys of a snapshot are ordered as their bytes are")
  func keyOrder() {
    var source = DecisionSource(random: SeededGenerator(seed: 4711))
    var keys = (0..<200).map { _ in SnapshotKey.document(scope: source.identifier(), key: source.key()) }
    keys += (0..<20).map { _ in SnapshotKey.mark(scope: source.identifier()) } + [.ledger]
    for one in keys {
      for other in keys { #expect((one < other) == one.bytes.lexicographicallyPrecedes(other.bytes)) }
    }
  }

  @Test("An identifier that occurs often is written once")
  func table() {
    let id = Identifier(high: .max, low: .max)
    func size(_ steps: Int) -> Int {
      var decision = Decision(incarnation: 1, epoch: 1, sequence: 1, now: 1)
      decision.scopes = [ScopeSteps(scope: id, firstEvent: 1, steps: Array(repeating: .delete(DocumentKey(kind: 1, id: id)), count: steps))]
      return JournalRecord.decision(decision).encoded().count
    }
    #expect(size(11) - size(1) == 10 * 3)
  }
}
