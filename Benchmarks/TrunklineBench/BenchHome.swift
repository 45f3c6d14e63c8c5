import EventLoops
import Foundation
import KafkaEventLog
import KafkaSettings
import RedisClient
import Resources
import Topics
import Trunkline

/// What the measured nodes stand on.
enum BenchHome: Sendable, CustomStringConvertible {
  case embedded
  case cluster(brokers: String, redis: String)

  init(_ words: [String]) throws {
    switch words.first {
    case nil, "embedded": self = .embedded
    case "cluster" where words.count == 3: self = .cluster(brokers: words[1], redis: words[2])
    default: throw BenchFailure("embedded, or cluster BROKERS REDIS; received \(words)")
    }
  }

  var isCluster: Bool { if case .cluster = self { true } else { false } }

  var description: String { isCluster ? "cluster home (one node with all roles, Kafka and Redis beside it)" : "embedded home" }

  /// Topics of this measurement's own, made now.
  func cluster() async throws -> ClusterOptions? {
    guard case .cluster(let brokers, let redis) = self else { return nil }
    var options = ClusterOptions(kafka: KafkaSettings(bootstrap: brokers), redis: try RedisAddress(redis), node: "bench")
    options.prefix = "bench-\(UUID().uuidString.prefix(8).lowercased())."
    var plan = TopicPlanOptions()
    plan.prefix = options.prefix
    plan.profile = .development
    let left = try await TopicAdministration(settings: options.kafka, options: plan).apply { _ in }
    guard !left.contains(where: \.isDoable) else { throw BenchFailure("the topics were not made") }
    return options
  }
}

extension ClusterOptions {
  /// The cluster's log as one more node has it, connected. Whoever asks shuts it down.
  func log(node: String, on loop: EventLoop) async throws -> KafkaEventLog {
    let options = KafkaOptions(bootstrap: kafka.bootstrap, extra: kafka.extra, prefix: prefix, node: node)
    let log = try KafkaEventLog(options: options, lanes: [loop], loop: loop)
    let topics = await withCheckedContinuation { continuation in log.connectAgain { continuation.resume(returning: try? $0.get()) } }
    guard topics?["work.commands"] != nil else {
      log.shutdown()
      throw BenchFailure("the topics are not there")
    }
    return log
  }
}
