extension TopicStep {
  package var topic: String {
    switch self {
    case .create(let topic, _, _, _), .change(let topic, _, _), .refuse(let topic, _), .keepLonger(let topic, _): topic
    }
  }

  /// What would be done, a line each; the first begins with the verb.
  package var lines: [String] {
    switch self {
    case .create(let topic, let partitions, let replication, let settings):
      ["create \(topic): \(partitions) partitions, \(replication == 1 ? "1 copy" : "\(replication) copies")"]
        + settings.map { "  \($0.name) = \(TopicText.value($0.name, $0.value))" }
    case .change(let topic, let changes, let isDangerous):
      ["change \(topic)" + (isDangerous ? " (as it is, records can be lost):" : ":")] + changes.map { "  \($0.text)" }
    case .refuse(let topic, let refusal): ["refuse \(topic): \(refusal.text)"]
    case .keepLonger(let topic, let change):
      ["keep   \(topic): \(change.text) would shorten it; name it in --allow-shrinking to do so"]
    }
  }

  /// What is wrong as it is: the same seen from `check`, each a sentence whose subject is the topic.
  var faults: [String] {
    switch self {
    case .create: ["is missing"]
    case .change(_, let changes, let isDangerous):
      changes.map {
        "has \($0.name) \($0.oldText), must be \(TopicText.value($0.name, $0.new))"
          + (isDangerous ? TopicText.danger($0.name).map { ": \($0)" } ?? "" : "")
      }
    case .refuse(_, let refusal): [refusal.text]
    case .keepLonger: []
    }
  }

  /// What is refused, a line for each reason.
  package static func refusals(_ steps: [TopicStep]) -> [String] { problems(steps.filter(\.isRefusal)).map { "refuse \($0)" } }

  /// What is wrong, a line each; what is wrong with several topics is one line.
  package static func problems(_ steps: [TopicStep]) -> [String] {
    var order: [String] = []
    var topics: [String: [String]] = [:]
    for step in steps {
      for fault in step.faults {
        if topics[fault] == nil { order.append(fault) }
        topics[fault, default: []].append(step.topic)
      }
    }
    return order.map { fault in
      let names = topics[fault] ?? []
      return names.joined(separator: ", ") + (names.count > 1 ? " (each): " : ": ") + fault
    }
  }
}

extension SettingChange {
  var oldText: String { old.map { TopicText.value(name, $0) } ?? "not set" }

  var text: String { "\(name): \(oldText) → \(TopicText.value(name, new))" }
}

extension TopicRefusal {
  /// What stands in the way, why it is not simply done, and what can be.
  package var text: String {
    switch self {
    case .partitions(let present, let wanted):
      "has \(present) partitions, \(wanted) are wanted: partitions cannot become fewer, and with more of them keys would move away from their "
        + "records; keep what is there with --partitions \(present), or use another --topic-prefix and move the data"
    case .replication(let present, let wanted):
      "has \(present == 1 ? "1 copy" : "\(present) copies") of a partition, \(wanted) are wanted: give it more with Kafka's "
        + "kafka-reassign-partitions.sh, or say --development if losing it does no harm"
    case .tooFewBrokers(let present, let wanted):
      "needs \(wanted) copies, and there \(present == 1 ? "is 1 broker" : "are \(present) brokers"): add brokers, or say --development if losing "
        + "the data does no harm"
    case .cleanup(let present, let wanted):
      "is cleaned up by \(TopicText.cleanup(present)), \(TopicText.cleanup(wanted)) is wanted: records would go that are counted on; if that is meant, "
        + "set cleanup.policy with Kafka's kafka-configs.sh"
    }
  }
}

/// Words for values.
package enum TopicText {
  /// `604800000` → `604800000 (7d)` where the name says milliseconds.
  static func value(_ name: String, _ value: String) -> String {
    guard name.hasSuffix(".ms"), let milliseconds = Int64(value) else { return value }
    return milliseconds < 0 ? "\(value) (for ever)" : "\(value) (\(duration(milliseconds)))"
  }

  /// Milliseconds with the largest unit that fits: `7d`, `90m`.
  package static func duration(_ milliseconds: Int64) -> String {
    let units: [(name: String, milliseconds: Int64)] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)]
    guard milliseconds != 0, let unit = units.first(where: { milliseconds % $0.milliseconds == 0 }) else { return "\(milliseconds)ms" }
    return "\(milliseconds / unit.milliseconds)\(unit.name)"
  }

  /// `7d` → milliseconds; nil unless a whole number above 0 with a unit of ms, s, m, h or d.
  package static func milliseconds(_ text: String) -> Int64? {
    let units: [Substring: Int64] = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let unit = units[text[digits.endIndex...]], let number = Int64(digits), number > 0 else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: unit)
    return overflow ? nil : product
  }

  static func cleanup(_ cleanup: TopicCleanup) -> String {
    switch cleanup {
    case .none: "position alone"
    case .compact: "compaction"
    case .delete: "time"
    }
  }

  /// What can happen while the setting is as it is, where records may only go by position.
  static func danger(_ name: String) -> String? {
    switch name {
    case "cleanup.policy": "compaction drops records that are still needed"
    case "retention.ms", "retention.bytes": "records go that nobody has read yet"
    case "min.insync.replicas": "one lost broker can lose acknowledged records"
    case "unclean.leader.election.enable": "a broker that was behind can become leader and acknowledged records are gone"
    case "message.timestamp.type": "time is what any writer says, not the log's"
    default: nil
    }
  }
}
