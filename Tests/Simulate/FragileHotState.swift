import InProcessHotState
import Ports
import PortsTesting
import Resources
import Synchronization

/// Hot state that can be wiped, fail over to a copy that has fallen behind, be slow, be away, or do what it is asked and never say so.
final class FragileHotState: Sendable {
  /// How it answers.
  enum Mood: Sendable {
    case well, away
    /// What is asked is done; the answer does not arrive.
    case deaf
  }
  private struct State {
    var home: InProcessHotState
    /// What a replica has that has fallen behind.
    var replica: InProcessHotState?
    var mood = Mood.well
    var isSlow = false
    /// Calls on their way, in the order in which they were made: those of owners that have died since among them.
    var calls: [@Sendable () -> Void] = []
    var number: UInt64 = 0
    var watchers: [UInt64: @Sendable () -> Void] = [:]
    /// The highest mark that each scope ever had here.
    var reached: [Identifier: Int64] = [:]
    /// Times that what is stored changed underneath.
    var changes = 0
    /// What a reader could have seen since somebody last asked for it.
    var seen: [Sighting] = []
    /// The highest mark that each scope had on this very server.
    var highest: [Identifier: Int64] = [:]
  }
  private let indexer: DocumentIndexer
  private let state: Mutex<State>

  init(indexer: @escaping DocumentIndexer) {
    self.indexer = indexer
    state = Mutex(State(home: InProcessHotState(partition: { _ in 0 }, indexer: indexer)))
  }

  func wipe() {
    state.withLock {
      $0.home = InProcessHotState(partition: { _ in 0 }, indexer: indexer)
      $0.highest = [:]
      $0.changes += 1
    }
  }
  /// A replica gets this far, and then no further.
  func replicate() {
    let copy = present.copy()
    state.withLock { $0.replica = copy }
  }
  /// The replica takes over, as far behind as it is. Owners are told, or find out at their next comparison.
  func failOver(told: Bool) {
    let watchers = state.withLock { state in
      if let replica = state.replica {
        state.home = replica
        state.highest = [:]
        state.changes += 1
      }
      state.replica = nil
      return told ? state.watchers.sorted { $0.key < $1.key }.map(\.value) : []
    }
    for watcher in watchers { watcher() }
  }
  func setMood(_ mood: Mood) { state.withLock { $0.mood = mood } }
  func setSlow(_ isSlow: Bool) { state.withLock { $0.isSlow = isSlow } }

  /// Lets the oldest calls arrive.
  func flush(_ count: Int = .max) {
    var left = count
    while left > 0 {
      let call = state.withLock { $0.calls.isEmpty ? nil : $0.calls.removeFirst() }
      guard let call else { return }
      call()
      left -= 1
    }
  }
  /// Connections end: of what was on its way so many calls had arrived.
  func crash(keeping count: Int) {
    flush(count)
    state.withLock { $0.calls = [] }
  }

  var present: InProcessHotState { state.withLock { $0.home } }
  var reached: [Identifier: Int64] { state.withLock { $0.reached } }
  /// What a reader sees of a scope; nothing while it is filled, when it would be asked to come again.
  func visible(_ scope: Identifier) -> [DocumentKey: [UInt8]] {
    let home = present
    return home.isRefilling(scope) ? [:] : home.documents(of: scope)
  }
  /// Whether a reader would be told that this scope was never touched.
  func saysUntouched(_ scope: Identifier) -> Bool {
    let home = present
    return home.isComplete(0) && home.isUntouched(scope)
  }

  private func call<Answer>(
    _ deliver: @escaping @Sendable (Result<Answer, HotStateFailure>) -> Void,
    _ body: @escaping @Sendable (InProcessHotState, @escaping @Sendable (Result<Answer, HotStateFailure>) -> Void) -> Void
  ) {
    let arrive: @Sendable () -> Void = { [self] in
      let (home, mood) = state.withLock { ($0.home, $0.mood) }
      switch mood {
      case .well: body(home, deliver)
      case .away: deliver(.failure(.unavailable("away")))
      case .deaf:
        body(home) { _ in }
        deliver(.failure(.unavailable("no answer")))
      }
    }
    let waits = state.withLock { state in
      guard state.isSlow || !state.calls.isEmpty else { return false }
      state.calls.append(arrive)
      return true
    }
    if !waits { arrive() }
  }

  private func note(_ scope: Identifier, _ mark: Int64) { state.withLock { $0.reached[scope] = max($0.reached[scope] ?? -1, mark) } }

  /// A reader comes at this very moment.
  private func look(at scope: Identifier, _ home: InProcessHotState) {
    guard !home.isRefilling(scope) else { return }
    home.marks([scope]) { [self] outcome in
      guard let mark = try? outcome.get().first, mark >= 0 else { return }
      let amount = Amount(home.documents(of: scope))
      state.withLock { state in
        state.seen.append(Sighting(scope: scope, mark: mark, amount: amount, goesBack: mark < state.highest[scope] ?? -1))
        state.highest[scope] = max(mark, state.highest[scope] ?? -1)
      }
    }
  }

  func drainSeen() -> [Sighting] {
    state.withLock { state in
      defer { state.seen = [] }
      return state.seen
    }
  }

  func apply(_ entries: [ScopeApply], deliver: @escaping @Sendable (Result<[ApplyOutcome], HotStateFailure>) -> Void) {
    call(deliver) { [self] home, deliver in
      home.apply(entries) { outcome in
        for entry in entries { self.look(at: entry.scope, home) }
        if case .success(let outcomes) = outcome {
          for (entry, outcome) in zip(entries, outcomes) where outcome == .applied { self.note(entry.scope, entry.mark) }
        }
        deliver(outcome)
      }
    }
  }
  func beginRefill(
    _ scope: Identifier, token: RefillToken, expected: Int64, deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    call(deliver) { $0.beginRefill(scope, token: token, expected: expected, deliver: $1) }
  }
  func refillChunk(
    _ scope: Identifier, token: RefillToken, number: Int, documents: [Document],
    deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    call(deliver) { [self] home, deliver in
      home.refillChunk(scope, token: token, number: number, documents: documents) { outcome in
        self.look(at: scope, home)
        deliver(outcome)
      }
    }
  }
  func endRefill(
    _ scope: Identifier, token: RefillToken, chunks: Int, mark: Int64,
    deliver: @escaping @Sendable (Result<RefillOutcome, HotStateFailure>) -> Void
  ) {
    call(deliver) { [self] home, deliver in
      home.endRefill(scope, token: token, chunks: chunks, mark: mark) { outcome in
        if case .success(.done) = outcome { self.note(scope, mark) }
        self.look(at: scope, home)
        deliver(outcome)
      }
    }
  }
  func marks(
    _ scopes: [Identifier], noting: @escaping @Sendable (Int) -> Void,
    deliver: @escaping @Sendable (Result<[Int64], HotStateFailure>) -> Void
  ) {
    call(deliver) { [self] home, deliver in
      noting(state.withLock { $0.changes })
      home.marks(scopes, deliver: deliver)
    }
  }
  func setComplete(
    _ partition: Int, token: RefillToken, unlessChangedSince known: @escaping @Sendable () -> Int,
    deliver: @escaping @Sendable (Result<Void, HotStateFailure>) -> Void
  ) {
    call(deliver) { [self] home, deliver in
      guard state.withLock({ $0.changes }) == known() else {
        return deliver(.failure(.unavailable("changed since the marks were asked for")))
      }
      home.setComplete(partition, token: token, deliver: deliver)
    }
  }
  func watch(_ changed: @escaping @Sendable () -> Void) -> any Cancellable {
    let number = state.withLock { state in
      state.number += 1
      state.watchers[state.number] = changed
      return state.number
    }
    return Watching { [weak self] in self?.state.withLock { _ = $0.watchers.removeValue(forKey: number) } }
  }
  func get(_ scope: Identifier, _ keys: [DocumentKey]) async throws(HotStateFailure) -> (mark: Int64, documents: [[UInt8]?]) {
    try await present.get(scope, keys)
  }
  func list(_ scope: Identifier, _ range: DocumentRange) async throws(HotStateFailure) -> (mark: Int64, documents: [Document]) {
    try await present.list(scope, range)
  }
}

private struct Watching: Cancellable {
  let end: @Sendable () -> Void
  func cancel() { end() }
}
