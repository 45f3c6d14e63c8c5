import Foundation
import Glibc
import JSON
import Options
import Topics
import Trunkline

/// `trunkline topics …`: the topics on a cluster's brokers.
enum TopicsCommand {
  static let spec = CommandSpec(
    "topics", help: "Make the topics of a cluster on its brokers, and see whether they are right.",
    discussion: """
      What is missing or wrong, without touching anything; then do it; then prove it, for example before a roll-out:
        trunkline topics plan  --kafka kafka-1:9092,kafka-2:9092,kafka-3:9092
        trunkline topics apply --kafka kafka-1:9092,kafka-2:9092,kafka-3:9092
        trunkline topics check --kafka kafka-1:9092,kafka-2:9092,kafka-3:9092
      Brokers that ask for a password or speak TLS (the file has librdkafka's names, such as security.protocol=SASL_SSL):
        trunkline topics plan --kafka kafka:9094 --kafka-config kafka.properties
      One broker on a laptop, several installations on it:
        trunkline topics apply --kafka 127.0.0.1:9092 --development --topic-prefix mine.
      Other partitions or times: copy the repository's folder topics/, change the copy, have it reviewed:
        trunkline topics plan --kafka kafka:9092 --from ./our-topics

      Partitions never change once a topic is there: keys would move away from their records. A time to keep is raised, and lowered only
      where --allow-shrinking names the topic. Other settings that an operator has given a topic stay as they are.
      """,
    subcommands: [
      CommandSpec("plan", help: "Print what apply would do; exit status 1 if it would have to refuse something.", options: options),
      CommandSpec("apply", help: "Make what is missing and mend what is wrong, as far as that can lose nothing.", options: options),
      CommandSpec("check", help: "Exit status 0 if all is as it must be, else 1, what is wrong, and what to run.", options: options),
    ])

  private static let options = [
    OptionSpec("kafka", help: "Brokers to ask first", placeholder: "HOST:PORT[,…]"),
    OptionSpec("kafka-config", help: "File of key=value lines for librdkafka: security.protocol, sasl.…, ssl.…", placeholder: "FILE"),
    OptionSpec("topic-prefix", help: "Before each topic's name", placeholder: "PREFIX"),
    OptionSpec("development", help: "One copy of everything: losing the broker loses all", isFlag: true),
    OptionSpec("partitions", help: "Partitions of each topic (default: those that are there, else 24)", placeholder: "N"),
    OptionSpec("from", help: "Folder with topics' files, instead of those in the binary", placeholder: "DIR", isConfiguration: false),
    OptionSpec(
      "allow-shrinking", help: "Topic whose time to keep may become shorter; may be repeated", placeholder: "TOPIC", isRepeated: true,
      isConfiguration: false),
    OptionSpec("json", help: "One JSON object", isFlag: true, isConfiguration: false),
  ]

  static func run(_ what: String, _ options: Options) async throws {
    let isDevelopment = try options.flag("development")
    let folder = try options.text("from")
    let config = try options.text("kafka-config")
    let settings = try TopicFiles.settings(kafka: try options.value("kafka", .text), file: config)
    var plan = TopicPlanOptions()
    plan.prefix = try options.valueIfSet("topic-prefix", prefix) ?? ""
    plan.profile = isDevelopment ? .development : .production
    plan.partitions = try options.valueIfSet("partitions", .integer(in: 1...10_000))
    plan.adoptsPartitions = folder == nil
    let topics = try folder.map { folder throws(NodeFailure) in try TopicFiles.read(folder: folder) } ?? TopicTable.all
    plan.mayShrink = Set(try options.values("allow-shrinking", known(topics)))
    let administration = TopicAdministration(settings: settings, topics: topics, options: plan)
    let isJSON = try options.flag("json")
    let remedy = administration.remedy(kafkaConfig: config, folder: folder, isDevelopment: isDevelopment)
    switch what {
    case "apply":
      let left = try await administration.apply { step in if !isJSON { say(step, "") } }
      if isJSON { return finish(json(left, remedy), isRight: left.allSatisfy(\.isHarmless)) }
      for step in left where !step.isRefusal { say(step, step.isHarmless ? "" : "not yet: ") }
      for refusal in TopicStep.refusals(left) { print(refusal) }
      finish(left.isEmpty ? "the \(topics.count) topics are as they should be" : "", isRight: left.allSatisfy(\.isHarmless))
    case "check":
      let steps = try await administration.plan()
      let isRight = steps.allSatisfy(\.isHarmless)
      if isJSON { return finish(json(steps, remedy), isRight: isRight) }
      for problem in TopicStep.problems(steps) { print(problem) }
      let hint = steps.contains(where: \.isDoable) ? "run: \(remedy)" : ""
      finish(isRight ? "the \(topics.count) topics are as they should be" : hint, isRight: isRight)
    default:
      let steps = try await administration.plan()
      let isRight = !steps.contains(where: \.isRefusal)
      if isJSON { return finish(json(steps, remedy), isRight: isRight) }
      for step in steps where !step.isRefusal { say(step, "") }
      for refusal in TopicStep.refusals(steps) { print(refusal) }
      finish(steps.isEmpty ? "nothing to do: the \(topics.count) topics are as they should be" : "", isRight: isRight)
    }
  }

  private static func say(_ step: TopicStep, _ before: String) { print(before + step.lines.joined(separator: "\n")) }

  private static func finish(_ text: String, isRight: Bool) {
    if !text.isEmpty { print(text) }
    if !isRight { exit(1) }
  }

  /// Kafka's own rule for names, so that no topic is refused half-way.
  private static let prefix = OptionKind<String>(rule: "at most 60 letters, digits, dots, hyphens or underscores") { text in
    let allowed = text.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || [0x2D, 0x2E, 0x5F].contains(byte)
    }
    return allowed && text.utf8.count <= 60 ? text : nil
  }

  private static func known(_ topics: [Topic]) -> OptionKind<String> {
    let names = topics.map(\.name)
    return OptionKind(rule: "a topic without its prefix: \(names.joined(separator: ", "))") { names.contains($0) ? $0 : nil }
  }

  private static func json(_ steps: [TopicStep], _ remedy: String) -> String {
    var json = JSONWriter(capacity: 1024)
    json.beginObject()
    json.key("steps")
    json.beginArray()
    for step in steps { step.write(&json) }
    json.endArray()
    json.key("problems")
    json.beginArray()
    for problem in TopicStep.problems(steps) { json.string(problem) }
    json.endArray()
    json.key("run")
    if steps.contains(where: \.isDoable) { json.string(remedy) } else { json.null() }
    json.endObject()
    return String(decoding: json.bytes, as: UTF8.self)
  }
}

extension TopicStep {
  fileprivate func write(_ json: inout JSONWriter) {
    json.beginObject()
    switch self {
    case .create(let topic, let partitions, let replication, let settings):
      json.member("action", "create")
      json.member("topic", topic)
      json.key("partitions")
      json.int(partitions)
      json.key("replication")
      json.int(replication)
      json.key("settings")
      json.beginObject()
      for setting in settings { json.member(setting.name, setting.value) }
      json.endObject()
    case .change(let topic, let changes, let isDangerous):
      json.member("action", "change")
      json.member("topic", topic)
      json.key("dangerous_as_it_is")
      json.bool(isDangerous)
      json.changes(changes)
    case .refuse(let topic, let refusal):
      json.member("action", "refuse")
      json.member("topic", topic)
      json.member("reason", refusal.text)
    case .keepLonger(let topic, let change):
      json.member("action", "keep")
      json.member("topic", topic)
      json.changes([change])
    }
    json.endObject()
  }
}

extension JSONWriter {
  fileprivate mutating func member(_ name: String, _ value: String) {
    key(name)
    string(value)
  }

  fileprivate mutating func changes(_ changes: [SettingChange]) {
    key("settings")
    beginArray()
    for change in changes {
      beginObject()
      member("name", change.name)
      key("old")
      if let old = change.old { string(old) } else { null() }
      member("new", change.new)
      endObject()
    }
    endArray()
  }
}
