package import Ports
package import Resources
import Synchronization

/// Hot state of the embedded home: every scope behind a lock of its own, documents shared with whoever else holds the same bytes.
/// `deliver` is called before the call returns, outside all locks. A scope's memory is kept for its mark when all its documents are gone.
package final class InProcessHotState: HotState {
  /// A scope and its lock. Never removed from the table: a deleted scope keeps its mark.
  private final class Slot: Sendable {
    let scope: Mutex<Scope>
    init(_ scope: Scope = Scope()) { self.scope = Mutex(scope) }
  }

  /// Part of the table of scopes, so that readers of different scopes seldom meet at one lock.
  private final class Stripe: Sendable {
    let slots = Mutex<[Identifier: Slot]>([:])
  }

  private let stripes: [Stripe]
  private let indexer: DocumentIndexer
  private let partition: (@Sendable (Identifier) -> Int)?
  private let complete = Mutex<Set<Int>>([])

  /// - Parameters:
  ///   - indexer: tells in which lists a document stands; a function of key and bytes alone.
  ///   - partition: whose scope it is, so that one that was never touched is told from one that is not there yet. Nil: everything counts as there.
  package init(partition: (@Sendable (Identifier) -> Int)? = nil, indexer: @escaping DocumentIndexer) {
    self.indexer = indexer
    self.partition = partition
    stripes = (0..<64).map { _ in Stripe() }
  }

  /// A copy as it stands now, which goes its own way: what a replica has that falls behind. For tests and simulation.
  package func copy() -> InProcessHotState {
    let copy = InProcessHotState(partition: partition, indexer: indexer)
    for (mine, its) in zip(stripes, copy.stripes) {
      let slots = mine.slots.withLock { $0.mapValues { slot in Slot(slot.scope.withLock { $0 }) } }
      its.slots.withLock { $0 = slots }
    }
    return copy
  }

  /// Every scope that was ever touched.
  package var scopes: [Identifier] { stripes.flatMap { stripe in stripe.slots.withLock { Array($0.keys) } } }

  /// Everything of one scope, for audits. O(documents).
  package func documents(of scope: Identifier) -> [DocumentKey: [UInt8]] { slot(scope).scope.withLock { $0.documents } }

  /// What a reader is told of a scope, for audits: that nobody ever wrote it, if its partition is said to be complete.
  package func isUntouched(_ scope: Identifier) -> Bool { existing(scope)?.scope.withLock { $0.mark < 0 && !$0.isRefilling } ?? true }
  package func isRefilling(_ scope: Identifier) -> Bool { existing(scope)?.scope.withLock { $0.isRefilling } ?? false }
  package func isComplete(_ partition: Int) -> Bool { complete.withLock { $0.contains(partition) } }

  package func apply(_ entries: [ScopeApply], deliver: @escaping @Sendable (Result<[ApplyOutcome], HotStateFailure>) -> Void) {
    deliver(.success(entries.map { entry in slot(entry.scope).scope.withLock { $0.apply(entry, indexer) } }))
  }

  package func beginRefill(
    _ scope: Identifier, token: RefillToken, expected: Int64, deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    deliver(.success(slot(scope).scope.withLock { $0.beginRefill(token, expected: expected) }))
  }

  package func refillChunk(
    _ scope: Identifier, token: RefillToken, number: Int, documents: [Document],
    deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    deliver(.success(slot(scope).scope.withLock { $0.refillChunk(token, number: number, documents, indexer) }))
  }

  package func endRefill(
    _ scope: Identifier, token: RefillToken, chunks: Int, mark: Int64,
    deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    deliver(.success(slot(scope).scope.withLock { $0.endRefill(token, chunks: chunks, mark: mark) }))
  }

  package func marks(_ scopes: [Identifier], deliver: @escaping @Sendable (Result<[Int64], HotStateFailure>) -> Void) {
    deliver(.success(scopes.map { existing($0)?.scope.withLock { $0.mark } ?? -1 }))
  }

  package func get(_ scope: Identifier, _ keys: [DocumentKey]) async throws(HotStateFailure) -> (mark: Int64, documents: [[UInt8]?]) {
    guard let slot = existing(scope) else {
      try checkComplete(scope)
      return (-1, keys.map { _ in nil })
    }
    return try slot.scope.withLock { s throws(HotStateFailure) in
      if s.isRefilling { throw .notNow }
      if s.mark < 0 { try checkComplete(scope) }
      return (s.mark, keys.map { s.document($0) })
    }
  }

  package func list(_ scope: Identifier, _ range: DocumentRange) async throws(HotStateFailure) -> (mark: Int64, documents: [Document]) {
    guard let slot = existing(scope) else {
      try checkComplete(scope)
      return (-1, [])
    }
    return try slot.scope.withLock { s throws(HotStateFailure) in
      if s.isRefilling { throw .notNow }
      if s.mark < 0 { try checkComplete(scope) }
      return (s.mark, s.list(range))
    }
  }

  package func setComplete(
    _ partition: Int, token: RefillToken, deliver: @escaping @Sendable (Result<Void, HotStateFailure>) -> Void
  ) {
    complete.withLock { _ = $0.insert(partition) }
    deliver(.success(()))
  }

  /// Nothing changes underneath: it lives and dies with the process.
  package func watch(_ changed: @escaping @Sendable () -> Void) -> any Cancellable { NothingToCancel() }

  private func checkComplete(_ scope: Identifier) throws(HotStateFailure) {
    guard let partition, !complete.withLock({ $0.contains(partition(scope)) }) else { return }
    throw .notNow
  }

  private func stripe(_ scope: Identifier) -> Stripe {
    stripes[Int(truncatingIfNeeded: (scope.low ^ scope.high ^ scope.low >> 32) & 63)]
  }

  private func existing(_ scope: Identifier) -> Slot? { stripe(scope).slots.withLock { $0[scope] } }

  private func slot(_ scope: Identifier) -> Slot {
    stripe(scope).slots.withLock { slots in
      if let slot = slots[scope] { return slot }
      let slot = Slot()
      slots[scope] = slot
      return slot
    }
  }
}

private struct NothingToCancel: Cancellable {
  func cancel() {}
}
