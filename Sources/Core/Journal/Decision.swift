package import Resources

/// Something that happened, as small as it can be told: its kind, the identifiers it is about, and what the documents beside it do not say.
/// The wire form is made by whoever holds the folded state (journal.md, "Decision").
package struct Fact: Hashable, Sendable {
  package var kind: UInt8
  /// When, milliseconds since 1970.
  package var at: Int64
  package var subjects: [Identifier]
  package var details: [UInt8]

  package init(kind: UInt8, at: Int64, subjects: [Identifier], details: [UInt8] = []) {
    self.kind = kind
    self.at = at
    self.subjects = subjects
    self.details = details
  }
}

/// One step inside a decision, in the order in which it took effect.
package enum Step: Hashable, Sendable {
  case put(DocumentKey, [UInt8])
  case delete(DocumentKey)
  case fact(Fact)
}

/// Consecutive steps of one scope. `firstEvent` is the number that the first fact among them gets in its scope (1, 2, 3, …).
package struct ScopeSteps: Hashable, Sendable {
  package var scope: Identifier
  package var firstEvent: UInt64
  package var steps: [Step]

  package init(scope: Identifier, firstEvent: UInt64, steps: [Step]) {
    self.scope = scope
    self.firstEvent = firstEvent
    self.steps = steps
  }

  package var facts: Int {
    steps.reduce(0) { count, step in
      if case .fact = step { count + 1 } else { count }
    }
  }
}

/// A message to another topic, numbered consecutively per target partition.
package struct OutboxMessage: Hashable, Sendable {
  package var target: String
  package var partition: Int
  package var number: UInt64
  package var key: [UInt8]
  package var payload: [UInt8]

  package init(target: String, partition: Int, number: UInt64, key: [UInt8], payload: [UInt8]) {
    self.target = target
    self.partition = partition
    self.number = number
    self.key = key
    self.payload = payload
  }
}

/// A partition that messages go to or come from.
package struct Peer: Hashable, Sendable, Comparable {
  package var topic: String
  package var partition: Int

  package init(topic: String, partition: Int) {
    self.topic = topic
    self.partition = partition
  }

  package static func < (a: Peer, b: Peer) -> Bool { a.topic != b.topic ? a.topic < b.topic : a.partition < b.partition }
}

/// How far the lines of an import have come.
package struct ImportMark: Hashable, Sendable {
  package var id: Identifier
  package var number: UInt64
  package var appended: Int64

  package init(id: Identifier, number: UInt64, appended: Int64) {
    self.id = id
    self.number = number
    self.appended = appended
  }
}

/// An input record that was decided as rejected without being handled, and why.
package struct RejectedInput: Hashable, Sendable {
  package var input: UInt8
  package var offset: Int64
  package var reason: String

  package init(input: UInt8, offset: Int64, reason: String) {
    self.input = input
    self.offset = offset
    self.reason = reason
  }
}

/// "From here on the partition is mine": its own offset is its epoch.
package struct Open: Hashable, Sendable {
  package var incarnation: UInt64
  package var level: UInt8
  package var node: String
  package var at: Int64

  package init(incarnation: UInt64, level: UInt8 = JournalRecord.version, node: String, at: Int64) {
    self.incarnation = incarnation
    self.level = level
    self.node = node
    self.at = at
  }
}

/// What a whole number of commands did: all of it, or nothing of it.
package struct Decision: Hashable, Sendable {
  package var incarnation: UInt64
  package var epoch: Int64
  package var sequence: UInt64
  /// Next position of each input topic, by the input's number.
  package var positions: [UInt8: Int64]
  package var now: Int64
  package var scopes: [ScopeSteps]
  package var outbox: [OutboxMessage]
  /// Highest number acknowledged without a gap, per target.
  package var sent: [Peer: UInt64]
  /// Last number accepted, per source.
  package var received: [String: UInt64]
  package var imports: [ImportMark]
  package var replies: [Reply]
  package var rejected: [RejectedInput]

  package init(incarnation: UInt64, epoch: Int64, sequence: UInt64, now: Int64) {
    self.incarnation = incarnation
    self.epoch = epoch
    self.sequence = sequence
    self.now = now
    positions = [:]
    scopes = []
    outbox = []
    sent = [:]
    received = [:]
    imports = []
    replies = []
    rejected = []
  }

  package var isEmpty: Bool {
    positions.isEmpty && scopes.isEmpty && outbox.isEmpty && sent.isEmpty && received.isEmpty && imports.isEmpty && replies.isEmpty
      && rejected.isEmpty
  }
}

/// A record of a journal.
package enum JournalRecord: Hashable, Sendable {
  case open(Open)
  case decision(Decision)

  /// The schema version that this release writes. It reads this one and none other yet.
  package static let version: UInt8 = 1
}
