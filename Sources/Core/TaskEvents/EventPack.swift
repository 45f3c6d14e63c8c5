package import Journal
package import Resources
import TaskRouting

/// Consecutive events of one workspace as a log keeps them that nobody else reads: the facts, and each document that they speak of once, as it stood then. They get their wire form
/// when somebody reads them, the same as if it had been made at once; a tenth of its bytes, and no work for those that nobody reads.
package struct EventPack {
  private enum Tag {
    static let document: UInt8 = 1
    static let missing: UInt8 = 2
    static let fact: UInt8 = 3
  }
  /// No JSON begins with it.
  private static let version: UInt8 = 1
  /// A reader gets packs whole.
  private static let most = (events: 64, bytes: 16 << 10)

  private let scope: Identifier
  private let first: UInt64
  private var count: UInt64 = 0
  private var body = ByteWriter(capacity: 2048)
  /// Documents that stand in the pack as they are now.
  private var held: Set<DocumentKey> = []

  package init(scope: Identifier, first: UInt64) {
    self.scope = scope
    self.first = first
  }

  package var isFull: Bool { count >= EventPack.most.events || body.bytes.count >= EventPack.most.bytes }

  /// `sequence` follows on the last one's.
  package func continues(with sequence: UInt64) -> Bool { sequence == first + count }

  /// Called for every document that changes. False: what is looked up by way of others has changed, so the next event begins a new pack.
  package mutating func change(_ key: DocumentKey) -> Bool {
    guard held.remove(key) != nil else { return true }
    return key.kind == Kind.task || key.kind == Kind.taskAttributes || key.kind == Kind.worker || key.kind == Kind.workerAttributes
  }

  package mutating func add(_ fact: Fact, lookup: DocumentLookup) {
    hold(DocumentKey(kind: Kind.workspace, id: scope), lookup)
    EventPack.eachDocument(of: fact) { key in
      guard let bytes = hold(key, lookup) else { return }
      if key.kind == Kind.task, let task = try? TaskRecord(decoding: bytes) {
        hold(DocumentKey(kind: Kind.workflow, id: task.workflow), lookup)
        hold(DocumentKey(kind: Kind.taskChannel, id: task.channel), lookup)
      } else if key.kind == Kind.worker, let worker = try? WorkerRecord(decoding: bytes) {
        hold(DocumentKey(kind: Kind.activity, id: worker.activity), lookup)
      }
    }
    body.byte(Tag.fact)
    body.byte(fact.kind)
    body.signed(fact.at)
    body.count(fact.subjects.count)
    for subject in fact.subjects { body.identifier(subject) }
    body.blob(fact.details)
    count += 1
  }

  /// Nil when it is in the pack already, or nowhere.
  @discardableResult
  private mutating func hold(_ key: DocumentKey, _ lookup: DocumentLookup) -> [UInt8]? {
    guard !key.id.isNone, held.insert(key).inserted else { return nil }
    let found = lookup(key)
    body.byte(found == nil ? Tag.missing : Tag.document)
    body.byte(key.kind)
    body.identifier(key.id)
    if let found { body.blob(found) }
    return found
  }

  /// Those that its subjects name; `EventRenderer` looks up no others, but by way of these.
  private static func eachDocument(of fact: Fact, _ body: (DocumentKey) -> Void) {
    func key(_ kind: UInt8, _ place: Int) {
      if fact.subjects.count > place { body(DocumentKey(kind: kind, id: fact.subjects[place])) }
    }
    func task(_ place: Int) {
      key(Kind.task, place)
      key(Kind.taskAttributes, place)
    }
    func worker(_ place: Int) {
      key(Kind.worker, place)
      key(Kind.workerAttributes, place)
    }
    switch FactKind(rawValue: fact.kind)?.subject {
    case .workspace, nil: return
    case .activity: key(Kind.activity, 0)
    case .taskChannel: key(Kind.taskChannel, 0)
    case .taskQueue: key(Kind.taskQueue, 0)
    case .workflow: key(Kind.workflow, 0)
    case .worker:
      worker(0)
      key(Kind.activity, 1)
      key(Kind.taskChannel, 1)
      key(Kind.activity, 2)
    case .reservation:
      task(1)
      worker(2)
      key(Kind.taskQueue, 3)
    case .task:
      task(0)
      key(Kind.taskQueue, 1)
    }
  }

  package func encoded() -> [UInt8] {
    var out = ByteWriter(capacity: body.bytes.count + 24)
    out.byte(EventPack.version)
    out.unsigned(first)
    out.unsigned(count)
    out.bytes.append(contentsOf: body.bytes)
    return out.bytes
  }

  /// The events in a stored value, in order, from sequence `from` on.
  /// Throws: what is no pack of this release.
  package static func read(_ value: [UInt8], scope: Identifier, from: UInt64, _ body: (TaskEvent) -> Void) throws(DecodingFailure) {
    var reader = ByteReader(value)
    let version = try reader.byte()
    guard version == EventPack.version else { throw .unknownVersion(kind: "a pack of events", version: Int(version)) }
    var sequence = try reader.unsigned()
    let count = try reader.unsigned()
    let end = sequence.addingReportingOverflow(count)
    guard !end.overflow else { throw .malformed("a pack of \(count) events", at: reader.position) }
    var documents: [DocumentKey: [UInt8]] = [:]
    while sequence < end.partialValue {
      switch try reader.byte() {
      case Tag.document:
        let key = DocumentKey(kind: try reader.byte(), id: try reader.identifier())
        documents[key] = try reader.blob()
      case Tag.missing: documents[DocumentKey(kind: try reader.byte(), id: try reader.identifier())] = nil
      case Tag.fact:
        let fact = try EventPack.fact(&reader)
        let lookup = documents
        if sequence >= from, let event = EventRenderer(scope: scope, lookup: { lookup[$0] })?.render(fact, sequence: sequence) {
          body(event)
        }
        sequence += 1
      case let tag: throw .malformed("an unknown part \(tag) of a pack", at: reader.position)
      }
    }
  }

  private static func fact(_ reader: inout ByteReader) throws(DecodingFailure) -> Fact {
    let (kind, at) = (try reader.byte(), try reader.signed())
    var subjects: [Identifier] = []
    for _ in 0..<(try reader.count()) { subjects.append(try reader.identifier()) }
    return Fact(kind: kind, at: at, subjects: subjects, details: try reader.blob())
  }
}

/// An event as a reader of the `events` topic gets it, whichever form it is stored in.
package struct StoredEvent: Sendable {
  package var sequence: UInt64
  package var json: [UInt8]

  /// All that a record's value holds, from sequence `from` on; nothing of a value that cannot be read.
  package static func all(in value: [UInt8], scope: Identifier, from: UInt64 = 0) -> [StoredEvent] {
    guard value.first != UInt8(ascii: "{") else {
      guard let sequence = TaskEvent.sequence(of: value), sequence >= from else { return [] }
      return [StoredEvent(sequence: sequence, json: value)]
    }
    var found: [StoredEvent] = []
    try? EventPack.read(value, scope: scope, from: from) { found.append(StoredEvent(sequence: $0.sequence, json: $0.cloudEvent())) }
    return found
  }
}
