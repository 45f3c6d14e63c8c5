/// What is done with old records of a topic: the field `cleanup` of its file.
package enum TopicCleanup: String, Sendable, Hashable, CaseIterable {
  /// Trimmed below a position by whoever owns it, never by time or size.
  case none
  /// The latest record of each key stays.
  case compact
  /// Records go when they are old.
  case delete
}

/// What is kept of a topic, which also decides how it is cleaned up. Durations in milliseconds.
package enum TopicRetention: Sendable, Hashable {
  /// Trimmed to a position, and never above `now - atLeast`; `bound` says whose position.
  case position(atLeast: Int64, bound: String)
  /// The latest record of each key; tombstones stay for at least so long (in the embedded home, whose compaction is its own, for less).
  case latest(tombstones: Int64, embeddedTombstones: Int64)
  /// Records go when they are so old.
  case time(Int64)

  package var cleanup: TopicCleanup {
    switch self {
    case .position: .none
    case .latest: .compact
    case .time: .delete
    }
  }
}

/// Whose clock a record's timestamp is from: the field `timestamps`.
package enum TopicTimestamps: String, Sendable, Hashable, CaseIterable {
  case logAppend = "log append time"
  case create = "create time"
}

/// When an append is reported: the field `durability`.
package enum TopicDurability: String, Sendable, Hashable, CaseIterable {
  case synced
  case ordered
}

/// Who may rely on the schema: the field `visibility`.
package enum TopicVisibility: String, Sendable, Hashable, CaseIterable {
  case `public`
  case `internal`
}

/// A topic as its reviewed file in `topics/` describes it, as far as a running node or a broker is concerned.
package struct Topic: Sendable, Hashable {
  /// Without the prefix that several installations on one broker tell themselves apart by.
  package var name: String
  /// Partitions in the embedded home; at least 1.
  package var embeddedPartitions: Int
  /// Partitions in the cluster home unless whoever creates them says otherwise; at least 1.
  package var clusterPartitions: Int
  package var retention: TopicRetention
  package var timestamps: TopicTimestamps
  package var durability: TopicDurability
  package var visibility: TopicVisibility

  package init(
    _ name: String, embedded: Int, cluster: Int, retention: TopicRetention, timestamps: TopicTimestamps, durability: TopicDurability,
    visibility: TopicVisibility
  ) {
    self.name = name
    embeddedPartitions = embedded
    clusterPartitions = cluster
    self.retention = retention
    self.timestamps = timestamps
    self.durability = durability
    self.visibility = visibility
  }

  package var cleanup: TopicCleanup { retention.cleanup }

  /// Whether it is the truth about something: what is lost there is lost.
  package var isJournal: Bool { name.hasSuffix(".journal") }

  /// Whether records may only go when somebody has them behind him: a journal, or what is still to be decided.
  package var isTrimmedByPosition: Bool { cleanup == .none }
}

/// Why a description cannot be right, whatever the broker looks like.
package struct TopicMistake: Error, Sendable, Hashable, CustomStringConvertible {
  package let topic: String
  package let rule: String

  package init(topic: String, rule: String) {
    self.topic = topic
    self.rule = rule
  }

  package var description: String { "\(topic): \(rule)" }
}

extension Topic {
  /// The rules that hold between the fields, and between topics that meet in one owner.
  package static func mistakes(_ topics: [Topic]) -> [TopicMistake] {
    var found: [TopicMistake] = []
    for topic in topics {
      func mistake(_ rule: String) { found.append(TopicMistake(topic: topic.name, rule: rule)) }
      if topic.name.hasSuffix(".journal") || topic.name.hasSuffix(".commands"), topic.cleanup != .none {
        mistake("cleanup must be none: records may only go when nobody needs them any more; received \(topic.cleanup.rawValue)")
      }
      if topic.name.hasSuffix(".state") != (topic.cleanup == .compact) {
        mistake("those and only those named *.state are compacted; received \(topic.cleanup.rawValue)")
      }
      if topic.isJournal, topic.timestamps != .logAppend {
        mistake("timestamps of a journal must be log append time: time is the log's there; received \(topic.timestamps.rawValue)")
      }
      if topic.isJournal, topic.durability != .synced { mistake("durability of a journal must be synced") }
      if topic.clusterPartitions != topics[0].clusterPartitions {
        mistake(
          "partitions.cluster must be that of \(topics[0].name), \(topics[0].clusterPartitions), since they meet in one owner; "
            + "received \(topic.clusterPartitions)")
      }
    }
    return found
  }
}
