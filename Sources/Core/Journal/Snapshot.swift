package import Resources

/// The keys of a snapshot topic (`*.state`, compacted): documents, the marks of scopes, and after them the ledger that they correspond to.
package enum SnapshotKey: Hashable, Sendable {
  case document(scope: Identifier, key: DocumentKey)
  case mark(scope: Identifier)
  case ledger

  package var bytes: [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(34)
    switch self {
    case .document(let scope, let key):
      out.append(0)
      scope.appendKey(to: &out)
      out.append(key.kind)
      key.id.appendKey(to: &out)
    case .mark(let scope):
      out.append(1)
      scope.appendKey(to: &out)
    case .ledger: out.append(2)
    }
    return out
  }

  package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
    switch (bytes.first, bytes.count) {
    case (0, 34):
      guard let scope = Identifier(keyBytes: bytes[1..<17]), let id = Identifier(keyBytes: bytes[18..<34]) else { fallthrough }
      self = .document(scope: scope, key: DocumentKey(kind: bytes[17], id: id))
    case (1, 17):
      guard let scope = Identifier(keyBytes: bytes[1..<17]) else { fallthrough }
      self = .mark(scope: scope)
    case (2, 1): self = .ledger
    default: throw .malformed("a snapshot key of \(bytes.count) bytes", at: 0)
    }
  }
}

/// As their bytes are.
extension SnapshotKey: Comparable {
  package static func < (a: SnapshotKey, b: SnapshotKey) -> Bool {
    switch (a, b) {
    case (.document(let one, let key), .document(let other, let next)): one != other ? one < other : key < next
    case (.mark(let one), .mark(let other)): one < other
    default: a.rank < b.rank
    }
  }

  private var rank: Int {
    switch self {
    case .document: 0
    case .mark: 1
    case .ledger: 2
    }
  }
}

extension ScopeMark {
  package func encoded() -> [UInt8] {
    var out = ByteWriter(capacity: 20)
    out.signed(offset)
    out.unsigned(events)
    return out.bytes
  }

  package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
    var reader = ByteReader(bytes)
    self.init(offset: try reader.signed(), events: try reader.unsigned())
  }
}

/// The folded state of one partition: every document, and the ledger that says how far. Made from a snapshot and the journal after it.
package struct Image: Sendable {
  package private(set) var documents: [Identifier: [DocumentKey: [UInt8]]] = [:]
  package private(set) var ledger = Ledger()
  package private(set) var refused = 0
  /// The offset at which the snapshot's ledger was read; nil before the first.
  private var sawLedger = false

  package init() {}

  /// Takes one record of the snapshot topic, in offset order. A ledger among them replaces the last one; marks and documents that follow it belong to the next.
  package mutating func takeSnapshot(key: [UInt8], value: [UInt8]?) throws(DecodingFailure) {
    switch try SnapshotKey(decoding: key) {
    case .document(let scope, let key): set(scope, key, value)
    case .mark(let scope): ledger.scopes[scope] = try value.map { bytes throws(DecodingFailure) in try ScopeMark(decoding: bytes) }
    case .ledger:
      guard let value else { return }
      let scopes = ledger.scopes
      ledger = try Ledger(decoding: value)
      ledger.scopes = scopes
      sawLedger = true
    }
  }

  /// Folds one journal record.
  package mutating func takeJournal(_ record: JournalRecord, at offset: Int64) -> Acceptance {
    let acceptance = ledger.feed(record, at: offset)
    switch (acceptance, record) {
    case (.accepted, .decision(let decision)):
      for scope in decision.scopes {
        for step in scope.steps {
          switch step {
          case .put(let key, let bytes): set(scope.scope, key, bytes)
          case .delete(let key): set(scope.scope, key, nil)
          case .fact: continue
          }
        }
      }
    case (.refused, _): refused += 1
    default: break
    }
    return acceptance
  }

  /// The acceptance rule alone, for a reader that takes the steps of a decision one by one.
  package mutating func accept(_ record: JournalRecord, at offset: Int64) -> Acceptance {
    let acceptance = ledger.feed(record, at: offset)
    if acceptance == .refused { refused += 1 }
    return acceptance
  }

  package mutating func set(_ scope: Identifier, _ key: DocumentKey, _ bytes: [UInt8]?) {
    if let bytes {
      documents[scope, default: [:]][key] = bytes
    } else {
      documents[scope]?[key] = nil
      if documents[scope]?.isEmpty == true { documents[scope] = nil }
    }
  }

  package func document(_ scope: Identifier, _ key: DocumentKey) -> [UInt8]? { documents[scope]?[key] }
}
