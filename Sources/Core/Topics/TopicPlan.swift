/// A topic as it is on the broker.
package struct PresentTopic: Sendable, Hashable {
  package var partitions: Int
  /// The fewest copies that any of its partitions has.
  package var replication: Int
  /// Every setting that is in force, whoever set it.
  package var settings: [String: String]

  package init(partitions: Int, replication: Int, settings: [String: String]) {
    self.partitions = partitions
    self.replication = replication
    self.settings = settings
  }
}

/// What a plan may do and is measured by.
package struct TopicPlanOptions: Sendable, Hashable {
  /// Before each name on the broker.
  package var prefix = ""
  package var profile = BrokerProfile.production
  /// Partitions that all topics must have, instead of those in the descriptions.
  package var partitions: Int?
  /// Where `partitions` says nothing, those that are there count more than the descriptions: what is missing is made with as many.
  package var adoptsPartitions = true
  /// Topics, without prefix, whose retention may become shorter.
  package var mayShrink: Set<String> = []
  /// Brokers that there are, if known: more copies than those cannot be had.
  package var brokers: Int?

  package init() {}
}

/// One setting that is not what it must be.
package struct SettingChange: Sendable, Hashable {
  package let name: String
  /// Nil where the broker names none.
  package let old: String?
  package let new: String

  package init(_ name: String, from old: String?, to new: String) {
    self.name = name
    self.old = old
    self.new = new
  }
}

/// What must not be done by itself, with what it would break.
package enum TopicRefusal: Sendable, Hashable {
  case partitions(present: Int, wanted: Int)
  case replication(present: Int, wanted: Int)
  case tooFewBrokers(present: Int, wanted: Int)
  /// Records would go that somebody still counts on.
  case cleanup(present: TopicCleanup, wanted: TopicCleanup)
}

/// One step from what is there to what is wanted. `topic` has its prefix.
package enum TopicStep: Sendable, Hashable {
  case create(topic: String, partitions: Int, replication: Int, settings: [BrokerSetting])
  /// `isDangerous`: as it is, a journal or what feeds it can lose records or its order in time.
  case change(topic: String, [SettingChange], isDangerous: Bool)
  case refuse(topic: String, TopicRefusal)
  /// Kept longer than wanted: harmless, and lowered only where `mayShrink` names the topic.
  case keepLonger(topic: String, SettingChange)
}

extension TopicStep {
  /// Whether nothing is to be done or said about it that matters.
  package var isHarmless: Bool { if case .keepLonger = self { true } else { false } }

  package var isRefusal: Bool { if case .refuse = self { true } else { false } }

  /// Whether `apply` would do something.
  package var isDoable: Bool { !isHarmless && !isRefusal }
}

/// From descriptions and what is there to the steps between, in the order of the descriptions. Pure: it does nothing.
package enum TopicPlan {
  /// `present` by name with prefix; empty result: all is as it should be.
  package static func steps(wanted: [Topic], present: [String: PresentTopic], options: TopicPlanOptions) -> [TopicStep] {
    var options = options
    if options.partitions == nil, options.adoptsPartitions { options.partitions = partitions(wanted, present, options.prefix) }
    return wanted.flatMap { topic -> [TopicStep] in
      let name = options.prefix + topic.name
      guard let there = present[name] else { return [creation(topic, name, options)] }
      return differences(topic, name, there, options)
    }
  }

  /// The number that the topics on the broker have: that of a journal before others.
  private static func partitions(_ wanted: [Topic], _ present: [String: PresentTopic], _ prefix: String) -> Int? {
    let there = wanted.filter { present[prefix + $0.name] != nil }
    guard let leader = there.first(where: \.isJournal) ?? there.first else { return nil }
    return present[prefix + leader.name]?.partitions
  }

  private static func creation(_ topic: Topic, _ name: String, _ options: TopicPlanOptions) -> TopicStep {
    let replication = options.profile.replication
    if let brokers = options.brokers, brokers < replication {
      return .refuse(topic: name, .tooFewBrokers(present: brokers, wanted: replication))
    }
    return .create(
      topic: name, partitions: options.partitions ?? topic.clusterPartitions, replication: replication,
      settings: topic.brokerSettings(options.profile))
  }

  private static func differences(_ topic: Topic, _ name: String, _ there: PresentTopic, _ options: TopicPlanOptions) -> [TopicStep] {
    var steps: [TopicStep] = []
    let partitions = options.partitions ?? topic.clusterPartitions
    if there.partitions != partitions { steps.append(.refuse(topic: name, .partitions(present: there.partitions, wanted: partitions))) }
    let lacksCopies = there.replication < options.profile.replication
    if lacksCopies {
      steps.append(.refuse(topic: name, .replication(present: there.replication, wanted: options.profile.replication)))
    }
    let cleanup = presentCleanup(there.settings)
    if loses(from: cleanup, to: topic.cleanup) {
      // Its other settings only make sense together with the policy, so they wait for whoever decides that.
      return steps + [.refuse(topic: name, .cleanup(present: cleanup, wanted: topic.cleanup))]
    }
    var changes: [SettingChange] = []
    for setting in topic.brokerSettings(options.profile) {
      // Asking for more copies in time than there are would stop every append.
      if lacksCopies, setting.name == "min.insync.replicas" { continue }
      let old = there.settings[setting.name]
      switch compare(setting, old) {
      case .fits: continue
      case .differs: changes.append(SettingChange(setting.name, from: old, to: setting.value))
      case .exceeds:
        guard isRetention(setting.name) else { continue }
        let change = SettingChange(setting.name, from: old, to: setting.value)
        if options.mayShrink.contains(topic.name) { changes.append(change) } else { steps.append(.keepLonger(topic: name, change)) }
      }
    }
    if !changes.isEmpty {
      steps.append(.change(topic: name, changes, isDangerous: topic.isTrimmedByPosition && changes.contains(where: isDangerous)))
    }
    return steps
  }

  /// Which cleanup a broker's settings amount to.
  static func presentCleanup(_ settings: [String: String]) -> TopicCleanup {
    if settings["cleanup.policy"]?.contains("compact") == true { return .compact }
    return settings["retention.ms"] == "-1" ? .none : .delete
  }

  /// Whether records may go under the new cleanup that the old one keeps.
  private static func loses(from old: TopicCleanup, to new: TopicCleanup) -> Bool {
    switch (old, new) {
    case (_, .none): false
    case (.none, _), (.compact, .delete), (.delete, .compact): true
    case (.compact, .compact), (.delete, .delete): false
    }
  }

  private enum Comparison { case fits, differs, exceeds }

  private static func compare(_ setting: BrokerSetting, _ old: String?) -> Comparison {
    guard setting.rule != .advice, old != setting.value else { return .fits }
    guard setting.rule == .atLeast, let wanted = number(setting.value), let present = old.flatMap(number) else { return .differs }
    return present > wanted ? .exceeds : .differs
  }

  private static func number(_ text: String) -> Int64? { Int64(text).map { $0 < 0 ? .max : $0 } }

  private static func isRetention(_ name: String) -> Bool { name == "retention.ms" || name == "delete.retention.ms" }

  private static func isDangerous(_ change: SettingChange) -> Bool { change.name != "max.message.bytes" }
}
