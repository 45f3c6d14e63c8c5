import Accounts
import Journal
import Projection
import Resources
import TaskEvents
import TaskRouting

@testable import Callouts

/// Binary records: of journals, snapshots, commands, replies, documents and callouts. The first byte names the kind. What can be read is written again as something that
/// is read alike; what follows from folding it into a partition's image must not trap either.
enum JournalInput {
  static func run(_ input: [UInt8]) throws {
    let bytes = Array(input.dropFirst())
    switch input.first ?? 0 {
    case 0: try record(bytes)
    case 1: try again(bytes, { try Command(decoding: $0) }, { $0.encoded() })
    case 2: try again(bytes, { try Request(decoding: $0) }, { $0.encoded() })
    case 3: try again(bytes, { try Ledger(decoding: $0) }, { $0.encoded() })
    case 4: try again(bytes, { try ScopeMark(decoding: $0) }, { $0.encoded() })
    case 5: try again(bytes, { try SnapshotKey(decoding: $0) }, { $0.bytes })
    case 6: _ = try? Reply.decode(bytes, node: "n")
    case 7: _ = try? LiveEvent.decode(bytes)
    case 8: try document(bytes, WorkspaceRecord.self)
    case 9: try document(bytes, ActivityRecord.self)
    case 10:
      try document(bytes, WorkerRecord.self)
      try listed(bytes, Kind.worker) { (worker: WorkerRecord) in
        [IndexEntry(index: ListIndex.creation, value: worker.serial), IndexEntry(index: ListIndex.changed, value: worker.statusChanged)]
      }
    case 11: try document(bytes, TaskChannelRecord.self)
    case 12: try document(bytes, TaskQueueRecord.self)
    case 13: try document(bytes, WorkflowRecord.self)
    case 14:
      try document(bytes, TaskRecord.self)
      try listed(bytes, Kind.task) { (task: TaskRecord) in
        [
          IndexEntry(index: ListIndex.creation, value: task.serial), IndexEntry(index: ListIndex.virtualStart, value: task.virtualStart),
          IndexEntry(index: ListIndex.priority, value: task.priority),
        ]
      }
    case 15:
      try document(bytes, ReservationRecord.self)
      try listed(bytes, Kind.reservation) { (reservation: ReservationRecord) in
        [
          IndexEntry(index: ListIndex.creation, parent: reservation.task, value: reservation.serial),
          IndexEntry(index: ListIndex.ofWorker, parent: reservation.worker, value: reservation.serial),
        ]
      }
    case 16: try document(bytes, ImportRecord.self)
    case 17: try document(bytes, RefusedLineRecord.self)
    case 18: try document(bytes, AccountRecord.self)
    case 19: try document(bytes, EntryRecord.self)
    case 20: try document(bytes, AccountRequest.self)
    case 21: try document(bytes, AssignmentCallout.self)
    case 22: _ = try? EventCallout(decoding: bytes)
    default: snapshot(bytes)
    }
  }

  private static func again<Value: Equatable>(_ bytes: [UInt8], _ decode: ([UInt8]) throws -> Value, _ encode: (Value) -> [UInt8]) throws {
    guard let value = try? decode(bytes) else { return }
    try same(try decode(encode(value)), value, "written and read again")
  }

  /// Lists read the head of a document alone: what they see is what the whole says.
  private static func listed<Record: DocumentRecord>(_ bytes: [UInt8], _ kind: UInt8, _ entries: (Record) -> IndexEntries) throws {
    guard let record = try? Record(decoding: bytes) else { return }
    try same(TaskRoutingIndexes.entries(DocumentKey(kind: kind, id: .none), bytes), entries(record), "listed")
  }

  private static func document<Record: DocumentRecord & Equatable>(_ bytes: [UInt8], _: Record.Type) throws {
    try again(bytes, { try Record(decoding: $0) }, { $0.encoded() })
    _ = TaskRoutingIndexes.entries(DocumentKey(kind: bytes.last ?? 0, id: .none), bytes)
    _ = AccountIndexes.entries(DocumentKey(kind: bytes.last ?? 0, id: .none), bytes)
  }

  /// A decision as its owner's journal has it: behind its Open.
  private static func record(_ bytes: [UInt8]) throws {
    try again(bytes, { try JournalRecord(decoding: $0) }, { $0.encoded() })
    guard let record = try? JournalRecord(decoding: bytes) else { return }
    var image = Image()
    if case .decision(let decision) = record {
      _ = image.takeJournal(.open(Open(incarnation: decision.incarnation, node: "n", at: 0)), at: 0)
    }
    if case .decision(var decision) = record {
      (decision.epoch, decision.sequence) = (0, 0)
      guard image.takeJournal(.decision(decision), at: 1) == .accepted else { throw Finding("a decision of the owner is refused") }
      try same(try Ledger(decoding: image.ledger.encoded()).nextOffset, 2, "the ledger behind it")
      events(decision, image)
    }
  }

  private static func events(_ decision: Decision, _ image: Image) {
    for scope in decision.scopes {
      let documents = image.documents[scope.scope] ?? [:]
      guard let renderer = EventRenderer(scope: scope.scope, lookup: { documents[$0] }) else { continue }
      for case .fact(let fact) in scope.steps { _ = renderer.render(fact, sequence: 1)?.cloudEvent() }
    }
  }

  /// Keys and values, each behind its length.
  private static func snapshot(_ bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    var image = Image()
    while let key = try? reader.blob(), let value = try? reader.blob() { try? image.takeSnapshot(key: key, value: value) }
    _ = try? TaskRoutingMachine(settings: TaskRoutingSettings(), documents: image.documents)
    _ = try? AccountsMachine(settings: AccountsMachine.Settings(), documents: image.documents)
  }
}
