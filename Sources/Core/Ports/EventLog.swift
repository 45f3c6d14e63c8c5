/// One partition of one topic.
package struct TopicPartition: Hashable, Sendable, Comparable, CustomStringConvertible {
  package var topic: String
  package var partition: Int

  package init(_ topic: String, _ partition: Int) {
    self.topic = topic
    self.partition = partition
  }

  package var description: String { "\(topic)[\(partition)]" }

  package static func < (a: TopicPartition, b: TopicPartition) -> Bool {
    a.topic != b.topic ? a.topic < b.topic : a.partition < b.partition
  }
}

/// A record as a reader sees it.
package struct LogRecord: Sendable, Equatable {
  package var offset: Int64
  /// When the log took it, milliseconds since 1970 (Kafka: LogAppendTime).
  package var appended: Int64
  package var key: [UInt8]
  /// nil is a tombstone: a value of its own, not an error.
  package var value: [UInt8]?

  package init(offset: Int64, appended: Int64, key: [UInt8], value: [UInt8]?) {
    self.offset = offset
    self.appended = appended
    self.key = key
    self.value = value
  }
}

/// A record on its way into the log.
package struct NewRecord: Sendable, Equatable {
  package var key: [UInt8]
  package var value: [UInt8]?

  package init(key: [UInt8], value: [UInt8]?) {
    self.key = key
    self.value = value
  }
}

/// When an append counts as done.
package enum Durability: Sendable {
  /// Reported once it would survive a power cut (embedded) or is on all in-sync replicas (cluster).
  case synced
  /// In the log before any later synced append; for commands whose sender still waits for the answer. Kafka treats both alike.
  case ordered
}

/// Why the log did not do what it was asked.
package enum LogFailure: Error, Sendable, Equatable, CustomStringConvertible {
  /// The outcome is unknown or refused; the session is over, whatever later reports say.
  case sessionLost(String)
  /// The record was not taken and cannot be: unknown topic, no records. Only that append fails; its session goes on.
  case refused(String)
  /// A record is larger than the log takes; it is not in the log. Only that append fails; its session goes on. `limit` is 0 where only the log knows it.
  case tooLarge(bytes: Int, limit: Int)
  /// The position asked for has been trimmed, or lies beyond the end.
  case outOfRange(start: Int64, end: Int64)
  /// The log cannot be reached or read now; the same call may succeed later.
  case unavailable(String)

  package var description: String {
    switch self {
    case .sessionLost(let why): "the append session is lost: \(why)"
    case .refused(let why): "the log refused the record: \(why)"
    case .tooLarge(let bytes, let limit):
      limit > 0 ? "a record of \(bytes) bytes; the log takes at most \(limit)" : "a record of \(bytes) bytes, more than the log takes"
    case .outOfRange(let start, let end): "the position is outside the log, which holds \(start)..<\(end)"
    case .unavailable(let why): "the log is not available: \(why)"
    }
  }
}

/// What became of one append, named by the tag it was sent with. `offset` is that of its last record.
package struct AppendReport: Sendable {
  package var tag: UInt64
  package var outcome: Result<Int64, LogFailure>

  package init(tag: UInt64, outcome: Result<Int64, LogFailure>) {
    self.tag = tag
    self.outcome = outcome
  }
}

/// An ordered way into one partition. Several appends may be in flight; reports come in the order of sending. After the first `.sessionLost`
/// every later append of the session fails too.
package protocol AppendSession: Sendable {
  /// Appends records in order. Returns at once; one report, about the last of them, comes through the session's `deliver`. One record lands whole or not at all;
  /// of several a lost session may leave the first ones, and in a log of many writers others may stand between them.
  func append(_ records: [NewRecord], tag: UInt64)
  /// Forgets the session. What is in flight may still land, or not; no further report is delivered after this returns, except those already on their way.
  func close()
}

/// Reads one partition onwards from a position. Not for two readers at once; confined to whoever opened it.
package protocol LogReader: Sendable {
  /// What is here now, in order, at most `records` and about `bytes`; empty when there is nothing yet or no more (then `wake` is called once that changes: always
  /// take until empty before waiting). Compacted topics and transactions leave holes in the offsets. Throws `.outOfRange` when the position was trimmed.
  func take(records: Int, bytes: Int) throws(LogFailure) -> [LogRecord]
  /// After an empty `take`: true when the end was reached, false when what there is has not arrived yet.
  var isAtEnd: Bool { get }
  /// The offset that the next `take` starts at; with a key, records of other keys that were passed over lie below it.
  var position: Int64 { get }
  func close()
}

/// What a reader may see.
package enum Visibility: Sendable {
  /// Only what is durable.
  case committed
  /// Also what is in the log but not yet durable, in order: for an owner's inputs, whose decision follows them in the same log.
  case ordered
}

/// Where a projection puts a record.
package struct ProjectedRecord: Sendable {
  package var target: TopicPartition
  package var record: NewRecord

  package init(_ target: TopicPartition, _ record: NewRecord) {
    self.target = target
    self.record = record
  }
}

/// The ordered, durable truth. Shaped after what Kafka can promise; every adapter passes the same contract tests.
package protocol EventLog: Sendable {
  /// Number of partitions of a topic, fixed at creation. Nil for a topic that does not exist.
  func partitions(of topic: String) -> Int?

  /// Opens a session. `deliver` is called in order, on any thread, with one or more reports.
  func openSession(
    _ target: TopicPartition, durability: Durability, deliver: @escaping @Sendable ([AppendReport]) -> Void
  ) -> any AppendSession

  /// Opens a reader at `from` (0: from the first record kept). With `key`, only records of that key are given out (a log that cannot filter reads all and drops the rest).
  /// `wake` is called once, on any thread, when records that the reader may see arrive after a `take` that came back empty; it may be one time too many, so take again and see.
  /// It must not block: it may be called from inside an append. A reader that had read what a failed commit took back gets `.outOfRange`, however far the log grows again.
  func openReader(
    _ source: TopicPartition, from: Int64, key: [UInt8]?, visibility: Visibility, wake: @escaping @Sendable () -> Void
  ) -> any LogReader

  /// Opens the transactions of the projector called `name`. `ready` is called, on any thread, once whoever held the name before can commit nothing more: only then is
  /// a snapshot read that this one goes on from.
  func openProjection(_ name: String, ready: @escaping @Sendable (Result<any ProjectionSession, LogFailure>) -> Void)

  /// First offset kept and the offset behind the last durable record. Never the way to find out how far to read before deciding: that is an acknowledged offset.
  func bounds(_ source: TopicPartition, deliver: @escaping @Sendable (Result<(start: Int64, end: Int64), LogFailure>) -> Void)

  /// Offset of the first record appended at `time` or later; the end where there is none.
  func offset(_ source: TopicPartition, since time: Int64, deliver: @escaping @Sendable (Result<Int64, LogFailure>) -> Void)

  /// Deletes records below `before`; the last record of a partition always stays, so that no offset is used twice. The new start holds when `deliver` is called;
  /// the space comes back later.
  func trim(_ target: TopicPartition, before: Int64, deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void)
}

/// The transactions of one projector.
package protocol ProjectionSession: Sendable {
  /// Appends records to several partitions in one transaction, all or none, durable when `deliver` says so; one at a time. They are what follows from `source` below
  /// `position`, which is kept beside them for whoever watches how far behind a projector is. After a failure the session is over: the outcome may be unknown.
  /// Never on the hot path.
  func project(
    _ records: [ProjectedRecord], source: TopicPartition, position: Int64, deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void)
  func close()
}

/// Which partitions a node works on.
package protocol Membership: Sendable {
  /// Joins `group` for the co-partitioned `topics`. `changed` is called on any thread, in order, with all partitions that are assigned from then on. A hint, never a
  /// proof: two nodes may believe at once that they have one. Cancelling leaves the group.
  func join(_ group: String, topics: [String], changed: @escaping @Sendable (Set<Int>) -> Void) -> any Cancellable
}

extension EventLog {
  /// `bounds` for whoever can wait.
  package func bounds(_ source: TopicPartition) async throws(LogFailure) -> (start: Int64, end: Int64) {
    try await withCheckedContinuation { continuation in bounds(source) { continuation.resume(returning: $0) } }.get()
  }
}
