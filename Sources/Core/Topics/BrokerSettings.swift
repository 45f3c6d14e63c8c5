/// What a setting of a topic on the broker must be. Values are Kafka's texts.
package struct BrokerSetting: Sendable, Hashable {
  package enum Rule: Sendable, Hashable {
    case exactly
    /// More is as good: a number, where Kafka writes "for ever" as -1.
    case atLeast
    /// Set when the topic is made; afterwards the operator's.
    case advice
  }

  package let name: String
  package let value: String
  package let rule: Rule

  package init(_ name: String, _ value: String, _ rule: Rule = .exactly) {
    self.name = name
    self.value = value
    self.rule = rule
  }
}

/// How topics are made on a broker.
package struct BrokerProfile: Sendable, Hashable {
  /// Copies of each partition.
  package var replication: Int
  /// Copies that must have a record before it is acknowledged.
  package var inSync: Int

  package init(replication: Int, inSync: Int) {
    self.replication = replication
    self.inSync = inSync
  }

  /// Any one machine may be lost, with what it had in memory.
  package static let production = BrokerProfile(replication: 3, inSync: 2)
  /// One broker, whose loss loses everything.
  package static let development = BrokerProfile(replication: 1, inSync: 1)
}

extension Topic {
  /// The log refuses records above 1 MiB by itself; the broker measures whole batches with their framing.
  package static let mostBatchBytes = 2 << 20

  /// The broker's settings that follow from the description (journal.md, "Retention").
  package func brokerSettings(_ profile: BrokerProfile) -> [BrokerSetting] {
    let common = [
      BrokerSetting("message.timestamp.type", timestamps == .logAppend ? "LogAppendTime" : "CreateTime"),
      BrokerSetting("min.insync.replicas", "\(profile.inSync)", .atLeast),
      BrokerSetting("unclean.leader.election.enable", "false"),
      BrokerSetting("max.message.bytes", "\(Topic.mostBatchBytes)", .atLeast),
    ]
    return cleanupSettings + common
  }

  private var cleanupSettings: [BrokerSetting] {
    switch retention {
    case .position:
      // Deleting records up to an offset needs the policy `delete`, and frees whole segments only: hence smaller ones than Kafka's 1 GiB.
      [
        BrokerSetting("cleanup.policy", "delete"), BrokerSetting("retention.ms", "-1"), BrokerSetting("retention.bytes", "-1"),
        BrokerSetting("segment.bytes", "\(256 << 20)", .advice), BrokerSetting("segment.ms", "86400000", .advice),
      ]
    case .latest(let tombstones, _):
      // The segment that is written to is never compacted, so a quiet partition must begin a new one, and the bound on the lag sees to it that
      // a little dirt is compacted too: a takeover reads all of it.
      [
        BrokerSetting("cleanup.policy", "compact"), BrokerSetting("delete.retention.ms", "\(tombstones)", .atLeast),
        BrokerSetting("min.compaction.lag.ms", "60000", .advice), BrokerSetting("max.compaction.lag.ms", "86400000", .advice),
        BrokerSetting("min.cleanable.dirty.ratio", "0.2", .advice), BrokerSetting("segment.bytes", "\(64 << 20)", .advice),
        BrokerSetting("segment.ms", "3600000", .advice),
      ]
    case .time(let milliseconds):
      // A size that the broker has by default would be met before the time.
      [
        BrokerSetting("cleanup.policy", "delete"), BrokerSetting("retention.ms", "\(milliseconds)", .atLeast),
        BrokerSetting("retention.bytes", "-1"), BrokerSetting("segment.bytes", "\(256 << 20)", .advice),
        BrokerSetting("segment.ms", "86400000", .advice),
      ]
    }
  }
}
