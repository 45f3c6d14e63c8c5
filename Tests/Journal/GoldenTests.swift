import Foundation
import Resources
import Testing

@testable import Journal

/// The bytes as the first release wrote them. They lie in logs and in other nodes' hands.
@Suite("Golden bytes")
struct GoldenTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")

  static let samples: [(name: String, bytes: [UInt8])] = {
    let a = Identifier(high: 0x0102_0304_0506_0708, low: 0x090A_0B0C_0D0E_0F10)
    let b = Identifier(high: 1, low: 2)
    let key = DocumentKey(kind: 8, id: b)
    let refusal = Verdict(status: 400, code: 20001, message: "Größe")
    let replies = [
      Reply(to: ReplyAddress(node: "node-1", request: 300), verdict: Verdict(status: 201, scope: a, document: key, number: 5)),
      Reply(to: ReplyAddress(node: "node-1", request: 1), verdict: refusal),
    ]
    var decision = Decision(incarnation: 0xFEED_FACE_CAFE_BEEF, epoch: 41, sequence: 3, now: 1_700_000_000_000)
    decision.positions = [0: 12, 1: -1]
    decision.scopes = [
      ScopeSteps(
        scope: a, firstEvent: 7,
        steps: [
          .put(key, [1, 2, 3]), .fact(Fact(kind: 23, at: 1_699_999_999_000, subjects: [b, a], details: [9])),
          .delete(DocumentKey(kind: 9, id: b)),
        ])
    ]
    decision.outbox = [OutboxMessage(target: "account.commands", partition: 2, number: 9, key: [1], payload: [2, 3])]
    decision.sent = [Peer(topic: "account.commands", partition: 2): 8]
    decision.received = ["work.journal/3": 77]
    decision.imports = [ImportMark(id: b, number: 1000, appended: 1_700_000_000_001)]
    decision.replies = replies
    decision.rejected = [RejectedInput(input: 1, offset: 99, reason: "too large")]
    var ledger = Ledger()
    _ = ledger.feed(.open(Open(incarnation: decision.incarnation, node: "node-1", at: 5)), at: 41)
    decision.sequence = 0
    _ = ledger.feed(.decision(decision), at: 42)
    decision.sequence = 3
    return [
      ("open", JournalRecord.open(Open(incarnation: 0x1122_3344_5566_7788, node: "node-1", at: 1_700_000_000_000)).encoded()),
      ("decision", JournalRecord.decision(decision).encoded()), ("ledger", ledger.encoded()),
      ("scope-mark", ScopeMark(offset: 42, events: 300).encoded()),
      ("snapshot-key-document", SnapshotKey.document(scope: a, key: key).bytes), ("snapshot-key-mark", SnapshotKey.mark(scope: a).bytes),
      ("snapshot-key-ledger", SnapshotKey.ledger.bytes),
      (
        "command-request",
        Command(
          scope: a, account: b, replyTo: ReplyAddress(node: "node-1", request: 300), idempotency: IdempotencyKey(key: a, content: b),
          body: [1, 2, 3]
        ).encoded()
      ), ("command-outbox", Command(scope: a, account: b, origin: .outbox(source: "work.journal/3", number: 7), body: []).encoded()),
      ("command-line", Command(scope: a, account: b, origin: .line(importing: b, number: 300, count: 2), body: [5]).encoded()),
      ("command-question", Command(scope: a, account: b, origin: .question(importing: b), body: []).encoded()),
      ("replies", Reply.encode(replies)),
    ]
  }()

  @Test("Each record is written byte for byte as ever", arguments: samples.indices)
  func golden(_ place: Int) throws {
    let (name, bytes) = Self.samples[place]
    let file = Self.folder.appendingPathComponent(name + ".hex")
    let hex = bytes.map { String(format: "%02x", $0) }.joined()
    if ProcessInfo.processInfo.environment["RECORD_GOLDEN"] == "1" { try (hex + "\n").write(to: file, atomically: true, encoding: .utf8) }
    let wanted = try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    #expect(hex == wanted, "the bytes of \(name) changed: the schema version must change, and the old one must still be read")
  }
}
