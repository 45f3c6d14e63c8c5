package import Resources

/// What one apply wants: from one mark of a scope to the next.
package struct ScopeApply: Sendable {
  package var scope: Identifier
  /// The mark that the scope must have now; -1 for a scope that was never touched.
  package var previous: Int64
  /// The mark it gets: the journal offset of the decision.
  package var mark: Int64
  package var changes: [Change]

  package init(scope: Identifier, previous: Int64, mark: Int64, changes: [Change]) {
    self.scope = scope
    self.previous = previous
    self.mark = mark
    self.changes = changes
  }
}

/// What became of an apply (journal.md, "Hot state follows by compare-and-set").
package enum ApplyOutcome: Sendable, Equatable {
  case applied
  /// Somebody newer has been here; nothing was changed and nothing need be.
  case newer
  /// The scope knows less than the caller assumed, or is being refilled: it needs a refill.
  case gap
}

/// Who refills: an epoch and a number that grows with each attempt. A smaller token is refused.
package struct RefillToken: Hashable, Comparable, Sendable {
  package var epoch: Int64
  package var attempt: Int64

  package init(epoch: Int64, attempt: Int64) {
    self.epoch = epoch
    self.attempt = attempt
  }

  package static func < (a: RefillToken, b: RefillToken) -> Bool {
    a.epoch != b.epoch ? a.epoch < b.epoch : a.attempt < b.attempt
  }
}

/// What became of one step of a refill.
package enum RefillOutcome: Sendable, Equatable {
  case done
  /// The scope already has at least the mark that was wanted.
  case notNeeded
  /// Another token rules, or a chunk is missing: again, with a new token.
  case refused
}

/// Why hot state could not do or answer something now.
package enum HotStateFailure: Error, Sendable, Equatable, CustomStringConvertible {
  /// The scope has no mark or is being refilled; the same read will succeed later. Never answered with a shortened list.
  case notNow
  case unavailable(String)

  package var description: String {
    switch self {
    case .notNow: "the scope is being filled"
    case .unavailable(let why): "hot state is not available: \(why)"
    }
  }
}

/// A document as a reader sees it.
package struct Document: Sendable {
  package var key: DocumentKey
  package var bytes: [UInt8]

  package init(key: DocumentKey, bytes: [UInt8]) {
    self.key = key
    self.bytes = bytes
  }
}

/// One page of a sorted list.
package struct DocumentRange: Sendable {
  package var kind: UInt8
  package var index: UInt8
  package var parent: Identifier
  /// Start behind this place (exclusive); nil starts at the end given by `ascending`.
  package var after: (value: Int64, id: Identifier)?
  package var ascending: Bool
  package var limit: Int

  package init(
    kind: UInt8, index: UInt8, parent: Identifier = .none, after: (value: Int64, id: Identifier)? = nil, ascending: Bool = true, limit: Int
  ) {
    self.kind = kind
    self.index = index
    self.parent = parent
    self.after = after
    self.ascending = ascending
    self.limit = limit
  }
}

/// What anybody may ask of hot state.
package protocol HotReads: Sendable {
  /// Documents by key (nil where absent) and the scope's mark, read at one instant. A scope that was never touched answers with mark -1 and nothing, once its
  /// partition is complete; before, with `.notNow`.
  func get(_ scope: Identifier, _ keys: [DocumentKey]) async throws(HotStateFailure) -> (mark: Int64, documents: [[UInt8]?])

  /// One page of a list and the scope's mark, read at one instant.
  func list(_ scope: Identifier, _ range: DocumentRange) async throws(HotStateFailure) -> (mark: Int64, documents: [Document])
}

/// The shared, readable copy of every scope's documents. Adapters know nothing of what a document means; the indexer they are made with tells where it stands in lists.
package protocol HotState: HotReads {
  /// Applies each entry on its own, atomically: compare the scope's mark, then write changes and mark. `deliver` gets the outcomes in the order of the entries, on any thread.
  func apply(_ entries: [ScopeApply], deliver: @escaping @Sendable (Result<[ApplyOutcome], HotStateFailure>) -> Void)

  /// Clears the scope and marks it as being refilled; refused for a smaller token, `.notNeeded` when the mark is already `expected` or more.
  func beginRefill(
    _ scope: Identifier, token: RefillToken, expected: Int64, deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void)
  /// Adds the chunk numbered `number` (0, 1, 2, …) if it is the next of this token.
  func refillChunk(
    _ scope: Identifier, token: RefillToken, number: Int, documents: [Document],
    deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void)
  /// Ends the refill: readable again, at `mark`.
  func endRefill(
    _ scope: Identifier, token: RefillToken, chunks: Int, mark: Int64,
    deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void)

  /// Marks of scopes: -1 where a scope was never touched or is being refilled.
  func marks(_ scopes: [Identifier], deliver: @escaping @Sendable (Result<[Int64], HotStateFailure>) -> Void)

  /// Says that every scope of `partition` is there at its mark: the owner has compared all of them and refilled those that were behind. It holds until what is stored
  /// may have changed underneath (emptied, another server): from then on, and before the first time, a scope without a mark is not "never touched" but "not now".
  /// Fails where it changed since the marks were asked for; an owner that hears of a change meanwhile, by this or by `watch`, compares again from the beginning.
  func setComplete(_ partition: Int, token: RefillToken, deliver: @escaping @Sendable (Result<Void, HotStateFailure>) -> Void)

  /// `changed` is called, on any thread, whenever what is stored may have changed underneath: owners then compare all marks. Until the returned value is cancelled.
  func watch(_ changed: @escaping @Sendable () -> Void) -> any Cancellable
}
