import Foundation
import KafkaSettings
import Options
import RedisClient
import Trunkline

/// The options that say where a cluster is, read alike by every command that has them.
enum ClusterChoice {
  static let kafka = OptionSpec("kafka", help: "Brokers of a cluster", placeholder: "HOST:PORT[,…]", isConfiguration: false)
  static let kafkaConfig = OptionSpec(
    "kafka-config", help: "File of librdkafka's settings for TLS and SASL", placeholder: "FILE", isConfiguration: false)
  static let redis = OptionSpec(
    "redis", help: "Its Redis: redis[s]://[user:password@]HOST:PORT[/db]", placeholder: "URL", isSecret: true, isConfiguration: false)
  static let prefix = OptionSpec(
    "topic-prefix", help: "What stands before the names of its topics", placeholder: "P", isConfiguration: false)

  /// Nil without `--kafka`.
  static func brokers(_ options: Options) throws -> KafkaSettings? {
    guard let kafka = try options.valueIfSet("kafka", .text) else { return nil }
    return try TopicFiles.settings(kafka: kafka, file: try options.valueIfSet("kafka-config", .text))
  }

  /// Nil without `--kafka` and `--redis`; one without the other is a mistake.
  static func cluster(_ options: Options, node: String) throws -> ClusterOptions? {
    let address = OptionKind<RedisAddress>(rule: "redis[s]://[user:password@]HOST:PORT[/db]") { try? RedisAddress($0) }
    let redis = try options.valueIfSet("redis", address)
    let kafka = try brokers(options)
    guard kafka != nil || redis != nil else { return nil }
    guard let kafka, let redis else { throw NodeFailure("--kafka and --redis go together: a cluster needs both") }
    var cluster = ClusterOptions(kafka: kafka, redis: redis, node: node)
    cluster.prefix = try options.valueIfSet("topic-prefix", prefixRule) ?? ""
    return cluster
  }

  static let nodeRule = OptionKind<String>(rule: "1 to 100 letters, digits, dots, dashes or underlines") { text in
    (1...100).contains(text.utf8.count) && text.utf8.allSatisfy { isNameByte($0) } ? text : nil
  }

  static let prefixRule = OptionKind<String>(rule: "at most 100 letters, digits, dots, dashes or underlines") { text in
    text.utf8.count <= 100 && text.utf8.allSatisfy { isNameByte($0) } ? text : nil
  }

  /// What names of topics and groups may consist of.
  private static func isNameByte(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || [45, 46, 95].contains(byte)
  }
}
