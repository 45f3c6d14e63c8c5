import Ports
import Resources

/// One sorted list: of which kind and index, under which parent.
struct ListKey: Hashable {
  var kind: UInt8
  var index: UInt8
  var parent: Identifier
}

/// Where a document stands in a list.
struct Place: Comparable, Sendable {
  var value: Int64
  var id: Identifier

  static func < (a: Place, b: Place) -> Bool { a.value != b.value ? a.value < b.value : a.id < b.id }
}

/// The documents and lists of one scope and the rules by which they change (journal.md, "Hot state follows by compare-and-set"). A value: whoever holds it locks it.
struct Scope {
  private struct Refill {
    var token: RefillToken
    var next = 0
  }

  /// Offset of the last decision applied; -1 before the first and during a refill.
  private(set) var mark: Int64 = -1
  private var refill: Refill?
  /// The highest token seen. Kept after a refill, so that one that was overtaken cannot come back.
  private var newest: RefillToken?
  private(set) var documents: [DocumentKey: [UInt8]] = [:]
  private var lists: [ListKey: OrderedIndex<Place>] = [:]

  var isRefilling: Bool { refill != nil }

  mutating func apply(_ entry: ScopeApply, _ indexer: DocumentIndexer) -> ApplyOutcome {
    guard refill == nil else { return .gap }
    if mark > entry.previous { return .newer }
    if mark < entry.previous { return .gap }
    for change in entry.changes { write(change.key, change.bytes, indexer) }
    mark = entry.mark
    return .applied
  }

  mutating func beginRefill(_ token: RefillToken, expected: Int64) -> RefillOutcome {
    if refill == nil, mark >= expected { return .notNeeded }
    if let newest, token < newest { return .refused }
    newest = token
    mark = -1
    documents = [:]
    lists = [:]
    refill = Refill(token: token)
    return .done
  }

  mutating func refillChunk(_ token: RefillToken, number: Int, _ added: [Document], _ indexer: DocumentIndexer) -> RefillOutcome {
    guard let refill, refill.token == token, refill.next == number else { return .refused }
    for document in added { write(document.key, document.bytes, indexer) }
    self.refill?.next += 1
    return .done
  }

  mutating func endRefill(_ token: RefillToken, chunks: Int, mark: Int64) -> RefillOutcome {
    guard let refill, refill.token == token, refill.next == chunks else { return .refused }
    self.refill = nil
    self.mark = mark
    return .done
  }

  func document(_ key: DocumentKey) -> [UInt8]? { documents[key] }

  func list(_ range: DocumentRange) -> [Document] {
    let key = ListKey(kind: range.kind, index: range.index, parent: range.parent)
    guard range.limit > 0, let list = lists[key] else { return [] }
    var page: [Document] = []
    let after = range.after.map { Place(value: $0.value, id: $0.id) }
    let visit = { (place: Place) -> Bool in
      if place == after { return true }
      let key = DocumentKey(kind: range.kind, id: place.id)
      if let bytes = documents[key] { page.append(Document(key: key, bytes: bytes)) }
      return page.count < range.limit
    }
    if range.ascending { list.ascend(from: after, visit) } else { list.descend(from: after, visit) }
    return page
  }

  private mutating func write(_ key: DocumentKey, _ bytes: [UInt8]?, _ indexer: DocumentIndexer) {
    let old = bytes.map { documents.updateValue($0, forKey: key) } ?? documents.removeValue(forKey: key)
    let before = old.map { indexer(key, $0) } ?? []
    let after = bytes.map { indexer(key, $0) } ?? []
    guard before != after else { return }
    for entry in before { remove(key, entry) }
    for entry in after {
      lists[ListKey(kind: key.kind, index: entry.index, parent: entry.parent), default: OrderedIndex()]
        .insert(Place(value: entry.value, id: key.id))
    }
  }

  private mutating func remove(_ key: DocumentKey, _ entry: IndexEntry) {
    let list = ListKey(kind: key.kind, index: entry.index, parent: entry.parent)
    lists[list]?.remove(Place(value: entry.value, id: key.id))
    if lists[list]?.isEmpty == true { lists[list] = nil }
  }
}
