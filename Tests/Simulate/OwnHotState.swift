import Ports
import Resources
import Synchronization

/// Hot state as one process reaches it: what it knows of changes underneath is its own, as a client's of a server is.
final class OwnHotState: HotState {
  private let shared: FragileHotState
  /// How often what is stored had changed when this process asked for marks.
  private let witness = Mutex(-1)

  init(_ shared: FragileHotState) { self.shared = shared }

  func marks(_ scopes: [Identifier], deliver: @escaping @Sendable (Result<[Int64], HotStateFailure>) -> Void) {
    shared.marks(scopes, noting: { [self] changes in witness.withLock { $0 = changes } }, deliver: deliver)
  }
  func setComplete(_ partition: Int, token: RefillToken, deliver: @escaping @Sendable (Result<Void, HotStateFailure>) -> Void) {
    shared.setComplete(partition, token: token, unlessChangedSince: { [self] in witness.withLock { $0 } }, deliver: deliver)
  }

  func apply(_ entries: [ScopeApply], deliver: @escaping @Sendable (Result<[ApplyOutcome], HotStateFailure>) -> Void) {
    shared.apply(entries, deliver: deliver)
  }
  func beginRefill(
    _ scope: Identifier, token: RefillToken, expected: Int64, deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    shared.beginRefill(scope, token: token, expected: expected, deliver: deliver)
  }
  func refillChunk(
    _ scope: Identifier, token: RefillToken, number: Int, documents: [Document],
    deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    shared.refillChunk(scope, token: token, number: number, documents: documents, deliver: deliver)
  }
  func endRefill(
    _ scope: Identifier, token: RefillToken, chunks: Int, mark: Int64,
    deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    shared.endRefill(scope, token: token, chunks: chunks, mark: mark, deliver: deliver)
  }
  func watch(_ changed: @escaping @Sendable () -> Void) -> any Cancellable { shared.watch(changed) }
  func get(_ scope: Identifier, _ keys: [DocumentKey]) async throws(HotStateFailure) -> (mark: Int64, documents: [[UInt8]?]) {
    try await shared.get(scope, keys)
  }
  func list(_ scope: Identifier, _ range: DocumentRange) async throws(HotStateFailure) -> (mark: Int64, documents: [Document]) {
    try await shared.list(scope, range)
  }
}
