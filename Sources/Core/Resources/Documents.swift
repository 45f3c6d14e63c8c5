/// Names one document of a scope: its kind (a number that the owning machine gives out) and its identifier.
public struct DocumentKey: Hashable, Sendable, Comparable {
  /// A number that the owning machine gives out.
  public var kind: UInt8
  /// Unique among the documents of its kind in a scope.
  public var id: Identifier

  /// Names a document.
  public init(kind: UInt8, id: Identifier) {
    self.kind = kind
    self.id = id
  }

  /// As an identifier's.
  @inlinable
  public func _rawHashValue(seed: Int) -> Int { Identifier.mixed(id.high ^ UInt64(kind) &* 0x9E37_79B9_7F4A_7C15, id.low, seed) }

  /// By kind, then by identifier.
  public static func < (a: DocumentKey, b: DocumentKey) -> Bool { a.kind != b.kind ? a.kind < b.kind : a.id < b.id }
}

/// What happens to one document: a whole new text, or gone (nil). Never a patch (journal.md, "Words").
package struct Change: Sendable, Equatable {
  package var key: DocumentKey
  package var bytes: [UInt8]?

  package init(key: DocumentKey, bytes: [UInt8]?) {
    self.key = key
    self.bytes = bytes
  }
}

/// One place of a document in one sorted list: which index of its kind, under which parent (`.none` for the whole scope), at which value.
/// Values are unique within (kind, index, parent) up to the document's identifier, which breaks ties.
package struct IndexEntry: Sendable, Hashable {
  package var index: UInt8
  package var parent: Identifier
  package var value: Int64

  package init(index: UInt8, parent: Identifier = .none, value: Int64) {
    self.index = index
    self.parent = parent
    self.value = value
  }
}

/// The few places of a document, without memory of their own: they are asked for twice whenever one is written.
package struct IndexEntries: Sendable, Equatable, Sequence, ExpressibleByArrayLiteral {
  /// No document stands in more lists.
  package static let most = 3
  private var first: IndexEntry?
  private var second: IndexEntry?
  private var third: IndexEntry?

  package init(_ first: IndexEntry, _ second: IndexEntry? = nil, _ third: IndexEntry? = nil) {
    (self.first, self.second, self.third) = (first, second, third)
  }

  /// `most` at most.
  package init(arrayLiteral elements: IndexEntry...) {
    precondition(elements.count <= IndexEntries.most)
    if elements.count > 0 { first = elements[0] }
    if elements.count > 1 { second = elements[1] }
    if elements.count > 2 { third = elements[2] }
  }

  package struct Iterator: IteratorProtocol {
    fileprivate var rest: IndexEntries

    package mutating func next() -> IndexEntry? {
      defer { (rest.first, rest.second, rest.third) = (rest.second, rest.third, nil) }
      return rest.first
    }
  }

  package var count: Int { first == nil ? 0 : second == nil ? 1 : third == nil ? 2 : 3 }

  package func makeIterator() -> Iterator { Iterator(rest: self) }
}

/// Tells an adapter in which lists a document stands. It is a function of kind and bytes, so it is stored nowhere.
package typealias DocumentIndexer = @Sendable (_ key: DocumentKey, _ bytes: [UInt8]) -> IndexEntries
