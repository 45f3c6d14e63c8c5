import Testing

@testable import Topics

@Suite("Topics on a broker")
struct TopicPlanTests {
  /// A journal, a snapshot and events, as they are once made.
  static let wanted = TopicTable.all.filter { ["work.journal", "work.state", "events"].contains($0.name) }

  static func present(_ profile: BrokerProfile = .production, partitions: Int = 24) -> [String: PresentTopic] {
    Dictionary(
      uniqueKeysWithValues: wanted.map { topic in
        let settings = topic.brokerSettings(profile).map { ($0.name, $0.value) }
        return (
          topic.name,
          PresentTopic(partitions: partitions, replication: profile.replication, settings: Dictionary(uniqueKeysWithValues: settings))
        )
      })
  }

  static func steps(_ present: [String: PresentTopic], _ change: (inout TopicPlanOptions) -> Void = { _ in }) -> [TopicStep] {
    var options = TopicPlanOptions()
    options.brokers = 3
    change(&options)
    return TopicPlan.steps(wanted: wanted, present: present, options: options)
  }

  /// One setting of one topic changed by hand on the broker, and what the plan makes of it.
  struct Drift: Sendable, CustomTestStringConvertible {
    var topic: String
    var setting: String
    var value: String
    var expected: [TopicStep]
    var testDescription: String { "\(topic) \(setting)=\(value)" }
  }

  static func change(_ topic: String, _ setting: String, _ old: String, _ new: String, danger: Bool) -> [TopicStep] {
    [.change(topic: topic, [SettingChange(setting, from: old, to: new)], isDangerous: danger)]
  }

  static let drifts: [Drift] = [
    Drift(
      topic: "work.journal", setting: "cleanup.policy", value: "compact",
      expected: change("work.journal", "cleanup.policy", "compact", "delete", danger: true)),
    Drift(
      topic: "work.journal", setting: "cleanup.policy", value: "compact,delete",
      expected: change("work.journal", "cleanup.policy", "compact,delete", "delete", danger: true)),
    Drift(
      topic: "work.journal", setting: "retention.ms", value: "604800000",
      expected: change("work.journal", "retention.ms", "604800000", "-1", danger: true)),
    Drift(
      topic: "work.journal", setting: "retention.bytes", value: "1000000",
      expected: change("work.journal", "retention.bytes", "1000000", "-1", danger: true)),
    Drift(
      topic: "work.journal", setting: "message.timestamp.type", value: "CreateTime",
      expected: change("work.journal", "message.timestamp.type", "CreateTime", "LogAppendTime", danger: true)),
    Drift(
      topic: "work.journal", setting: "unclean.leader.election.enable", value: "true",
      expected: change("work.journal", "unclean.leader.election.enable", "true", "false", danger: true)),
    Drift(
      topic: "work.journal", setting: "min.insync.replicas", value: "1",
      expected: change("work.journal", "min.insync.replicas", "1", "2", danger: true)),
    Drift(topic: "work.journal", setting: "min.insync.replicas", value: "3", expected: []),
    Drift(
      topic: "work.journal", setting: "max.message.bytes", value: "1048588",
      expected: change("work.journal", "max.message.bytes", "1048588", "2097152", danger: false)),
    Drift(topic: "work.journal", setting: "max.message.bytes", value: "9000000", expected: []),
    Drift(topic: "work.journal", setting: "segment.bytes", value: "1073741824", expected: []),
    Drift(
      topic: "events", setting: "retention.ms", value: "3600000",
      expected: change("events", "retention.ms", "3600000", "604800000", danger: false)),
    Drift(
      topic: "events", setting: "retention.ms", value: "999999999",
      expected: [.keepLonger(topic: "events", SettingChange("retention.ms", from: "999999999", to: "604800000"))]),
    Drift(
      topic: "events", setting: "retention.ms", value: "-1", expected: [.refuse(topic: "events", .cleanup(present: .none, wanted: .delete))]
    ),
    Drift(
      topic: "events", setting: "cleanup.policy", value: "compact",
      expected: [.refuse(topic: "events", .cleanup(present: .compact, wanted: .delete))]),
    Drift(
      topic: "work.state", setting: "cleanup.policy", value: "delete",
      expected: [.refuse(topic: "work.state", .cleanup(present: .delete, wanted: .compact))]),
    Drift(
      topic: "work.state", setting: "delete.retention.ms", value: "1000",
      expected: change("work.state", "delete.retention.ms", "1000", "86400000", danger: false)),
    Drift(
      topic: "work.state", setting: "delete.retention.ms", value: "864000000",
      expected: [.keepLonger(topic: "work.state", SettingChange("delete.retention.ms", from: "864000000", to: "86400000"))]),
    Drift(topic: "work.state", setting: "min.cleanable.dirty.ratio", value: "0.5", expected: []),
  ]

  @Test("a setting that drifted is changed back, kept or refused", arguments: drifts)
  func drift(drift: Drift) throws {
    var present = Self.present()
    present[drift.topic]?.settings[drift.setting] = drift.value
    // A snapshot without its policy has a time to keep as well, as any topic that is cleaned up by time.
    if drift.topic == "work.state", drift.setting == "cleanup.policy" { present[drift.topic]?.settings["retention.ms"] = "604800000" }
    #expect(Self.steps(present) == drift.expected)
  }

  @Test("nothing is to be done where all is as it should be, and everything where nothing is there")
  func ends() {
    #expect(Self.steps(Self.present()).isEmpty)
    #expect(Self.steps([:]) { $0.prefix = "p." }.map(\.topic) == ["p.work.journal", "p.work.state", "p.events"])
    for case .create(_, let partitions, let replication, let settings) in Self.steps([:]) {
      #expect(partitions == 24 && replication == 3)
      #expect(settings.contains { $0.name == "min.insync.replicas" && $0.value == "2" })
    }
  }

  @Test("what is lowered must be named")
  func shrinking() {
    var present = Self.present()
    present["events"]?.settings["retention.ms"] = "999999999"
    let steps = Self.steps(present) { $0.mayShrink = ["events"] }
    #expect(steps == Self.change("events", "retention.ms", "999999999", "604800000", danger: false))
  }

  @Test("partitions are those that are there, and differ only to be refused")
  func partitions() {
    #expect(Self.steps(Self.present(partitions: 48)).isEmpty)
    #expect(Self.steps(Self.present(partitions: 48)) { $0.adoptsPartitions = false }.count == 3)
    #expect(
      Self.steps(Self.present(partitions: 48)) { $0.partitions = 96 }.first
        == .refuse(topic: "work.journal", .partitions(present: 48, wanted: 96)))
    var uneven = Self.present()
    uneven["work.state"]?.partitions = 12
    #expect(Self.steps(uneven) == [.refuse(topic: "work.state", .partitions(present: 12, wanted: 24))])
    var missing = Self.present(partitions: 48)
    missing["events"] = nil
    guard case .create(_, 48, 3, _)? = Self.steps(missing).first else {
      Issue.record("what is missing is made with the partitions of the others")
      return
    }
  }

  @Test("too few copies are refused, and min.insync.replicas waits for them: appends would stop")
  func copies() {
    let steps = Self.steps(Self.present(.development))
    #expect(steps.count == 3 && steps.allSatisfy(\.isRefusal))
    #expect(Self.steps(Self.present(.development)) { $0.profile = .development }.isEmpty)
    #expect(Self.steps(Self.present()) { $0.profile = .development }.isEmpty)
    #expect(Self.steps([:]) { $0.brokers = 1 }.first == .refuse(topic: "work.journal", .tooFewBrokers(present: 1, wanted: 3)))
  }

  @Test("what is wrong with several topics is one line")
  func sentences() {
    #expect(TopicStep.problems(Self.steps([:])) == ["work.journal, work.state, events (each): is missing"])
    var present = Self.present()
    present["work.journal"]?.settings["min.insync.replicas"] = "1"
    #expect(
      TopicStep.problems(Self.steps(present))
        == ["work.journal: has min.insync.replicas 1, must be 2: one lost broker can lose acknowledged records"])
    #expect(TopicStep.problems([.keepLonger(topic: "events", SettingChange("retention.ms", from: "2", to: "1"))]).isEmpty)
  }
}

@Suite("Descriptions of topics")
struct TopicTests {
  @Test("the table keeps the rules")
  func table() {
    #expect(Topic.mistakes(TopicTable.all).isEmpty)
    #expect(Set(TopicTable.all.map(\.name)).count == TopicTable.all.count)
  }

  @Test(
    "a description that breaks a rule is named",
    arguments: [
      ("work.journal", TopicRetention.time(1), "cleanup must be none"), ("work.commands", .time(1), "cleanup must be none"),
      ("work.state", .time(1), "those and only those named *.state"),
      ("events", .latest(tombstones: 1, embeddedTombstones: 1), "those and only those named *.state"),
    ])
  func mistakes(name: String, retention: TopicRetention, rule: String) {
    let topic = Topic(
      name, embedded: 4, cluster: 24, retention: retention, timestamps: .logAppend, durability: .synced, visibility: .internal)
    #expect(Topic.mistakes([topic]).contains { $0.rule.hasPrefix(rule) })
  }

  @Test("topics that meet in one owner have equal partitions")
  func coPartitioned() {
    var topics = TopicTable.all
    topics[3].clusterPartitions = 12
    #expect(Topic.mistakes(topics).map(\.topic) == [topics[3].name])
  }

  @Test("durations are read and written", arguments: [("7d", 604_800_000), ("12h", 43_200_000), ("1500ms", 1500)] as [(String, Int64)])
  func durations(text: String, milliseconds: Int64) {
    #expect(TopicText.milliseconds(text) == milliseconds)
    #expect(TopicText.duration(milliseconds) == text)
  }

  @Test("what is no duration is none", arguments: ["", "d", "7", "-1d", "0d", "7y", "99999999999999999999d", "9223372036854775807d"])
  func noDurations(text: String) {
    #expect(TopicText.milliseconds(text) == nil)
  }
}
