package import Journal
package import Resources

/// What the runner asks of a machine: a synchronous value that takes commands and instants and answers with effects. It reads no clock, no random source, no store
/// and no network; everything it needs is handed in, and everything that it remembers is in its documents, so it can be rebuilt from them.
package protocol Machine: Sendable {
  /// What an operator can set; the same on every node.
  associatedtype Settings: Sendable

  /// Rebuilds the machine from all documents of a partition. Throws when a document cannot be read: the partition must not be served then.
  init(settings: Settings, documents: [Identifier: [DocumentKey: [UInt8]]]) throws(DecodingFailure)

  /// Handles one command at an instant (`turn.now`) that never goes back. Bad input is answered in the effects, never thrown, never trapped.
  mutating func handle(_ command: Command, _ turn: inout Turn)

  /// Answers a command that must not be handled with `verdict`, and leaves what handling it would have left for its repeats: its idempotency key, or what an import tells of its
  /// line. Looks at the envelope only: the body may be what ends the process.
  mutating func reject(_ command: Command, _ verdict: Verdict, _ turn: inout Turn)

  /// Reads what another system published to one of the inputs in its documented form, JSON. Whose account it is the machine knows from the scope.
  static func published(_ bytes: [UInt8]) throws(PublishedRecordError) -> Command

  /// When the earliest timer is due; nil when there is none. O(log n) at most.
  var nextDue: Int64? { get }

  /// When a scope's earliest timer is due; nil when it has none. O(log n) at most.
  func nextDue(of scope: Identifier) -> Int64?

  /// Fires the earliest timer of a scope (nil: of all), which is due at or before `turn.now`.
  mutating func fire(of scope: Identifier?, _ turn: inout Turn)

  /// What `fire` would fire at `now`; nil when nothing is due. O(log n) at most.
  func timer(of scope: Identifier?, dueAt now: Int64) -> Errand?

  /// Removes what `fire` would fire without firing it. What it was for stays, and no later owner finds the timer again.
  mutating func dropTimer(of scope: Identifier?, _ turn: inout Turn)

  /// Whether a long command waits to go on.
  var hasSlice: Bool { get }

  /// Goes on with a long command, touching at most `limit` documents.
  mutating func slice(limit: Int, _ turn: inout Turn)

  /// The long command that `slice` would go on with; nil when there is none.
  var sliced: Errand? { get }

  /// Gives that long command up as it stands: no later owner goes on with it.
  mutating func dropSlice(_ turn: inout Turn)

  /// An errand in words for whoever looks after it.
  static func words(for errand: Errand) -> String

  /// The last word before a decision is closed: documents that change with every command are written once here.
  mutating func close(_ turn: inout Turn)

  /// All documents of a scope as they stand, for refilling hot state. O(documents).
  func documents(of scope: Identifier) -> [(key: DocumentKey, bytes: [UInt8])]
}

/// Why a record that another system published cannot be taken, for whoever reads `rejects`.
package struct PublishedRecordError: Error, Sendable, Hashable {
  package var reason: String

  package init(_ reason: String) { self.reason = reason }
}

extension Machine {
  package mutating func fire(_ turn: inout Turn) { fire(of: nil, &turn) }

  package func timer(dueAt now: Int64) -> Errand? { timer(of: nil, dueAt: now) }

  package mutating func dropTimer(_ turn: inout Turn) { dropTimer(of: nil, &turn) }

  package static func published(_ bytes: [UInt8]) throws(PublishedRecordError) -> Command {
    throw PublishedRecordError("this topic takes no records of other systems")
  }
}

/// What a machine works with while it decides: the instant, a source of identifiers, and the effects so far.
package struct Turn: Sendable {
  /// Milliseconds since 1970; only grows within a partition.
  package var now: Int64
  package var effects: Effects
  private var random: SeededGenerator
  private let place: UInt64
  private var made: UInt64 = 0

  /// `place`: of the decision among those of its owner.
  package init(now: Int64, seed: UInt64, place: UInt64 = 0) {
    self.now = now
    self.place = place
    random = SeededGenerator(seed: seed)
    effects = Effects()
  }

  /// A new identifier, as a rule greater than those made before: what is made together stands together in every index, and a new one is written near its end.
  /// An import has a hundred thousand lines of one instant: without the decision's place each decision wrote all over theirs. Nothing may depend on the order.
  /// 48 bits of time, 24 of the decision's place, 16 of the place in it, 40 random ones (after RFC 9562, sections 5.7 and 6.2).
  package mutating func identifier() -> Identifier {
    made += 1
    return Identifier(
      high: UInt64(truncatingIfNeeded: now) << 16 | (place >> 8) & 0xFFFF,
      low: (place & 0xFF) << 56 | (made & 0xFFFF) << 40 | random.next() >> 24)
  }
}

/// A message that a machine wants sent; the runner finds the partition and numbers it.
package struct Outgoing: Sendable, Hashable {
  package var target: String
  package var key: Identifier
  package var payload: Payload

  /// A command to a topic with a journal (the runner puts source and number into it), or bytes for a topic without one.
  package enum Payload: Sendable, Hashable {
    case command(Command)
    case bytes([UInt8])
  }

  package init(target: String, key: Identifier, payload: Payload) {
    self.target = target
    self.key = key
    self.payload = payload
  }
}

/// Everything that handling some commands caused, in order.
package struct Effects: Sendable {
  package private(set) var scopes: [ScopeSteps] = []
  package private(set) var outgoing: [Outgoing] = []
  package private(set) var replies: [Reply] = []
  /// About how many bytes the decision will take.
  package private(set) var size = 0

  package init() {}

  package var isEmpty: Bool { scopes.isEmpty && outgoing.isEmpty && replies.isEmpty }

  private mutating func add(_ step: Step, to scope: Identifier, bytes: Int) {
    size += bytes + 4
    if let last = scopes.indices.last, scopes[last].scope == scope {
      scopes[last].steps.append(step)
    } else {
      scopes.append(ScopeSteps(scope: scope, firstEvent: 0, steps: [step]))
    }
  }

  package mutating func put(_ scope: Identifier, _ key: DocumentKey, _ bytes: [UInt8]) {
    add(.put(key, bytes), to: scope, bytes: bytes.count + 17)
  }

  package mutating func delete(_ scope: Identifier, _ key: DocumentKey) { add(.delete(key), to: scope, bytes: 17) }

  package mutating func fact(_ scope: Identifier, _ fact: Fact) {
    add(.fact(fact), to: scope, bytes: fact.details.count + 4 + fact.subjects.count * 4)
  }

  package mutating func send(_ message: Outgoing) {
    size += 128
    if case .bytes(let bytes) = message.payload { size += bytes.count }
    outgoing.append(message)
  }

  /// Takes out the replies to a node that is none: what became of records that nobody waits for.
  package mutating func takeReplies(to node: String) -> [Reply] {
    guard replies.contains(where: { $0.to.node == node }) else { return [] }
    defer { replies.removeAll { $0.to.node == node } }
    return replies.filter { $0.to.node == node }
  }

  package mutating func reply(to address: ReplyAddress?, _ verdict: Verdict) {
    guard let address else { return }
    size += 40 + verdict.message.utf8.count
    replies.append(Reply(to: address, verdict: verdict))
  }
}
