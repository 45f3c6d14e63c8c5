import EventLoops
import Foundation
import KafkaSettings
import RedisClient
import Topics

/// Topics and keys that a run uses on a cluster's broker and Redis: under a prefix of their own, and taken away again where they are nobody else's.
package struct OwnCorner: Sendable {
  package var cluster: ClusterOptions
  /// One copy of everything, few partitions: it is for one node and one run.
  private let administration: TopicAdministration

  package init(_ cluster: ClusterOptions, partitions: Int) {
    self.cluster = cluster
    var plan = TopicPlanOptions()
    plan.prefix = cluster.prefix
    plan.profile = .development
    plan.partitions = partitions
    administration = TopicAdministration(settings: cluster.kafka, options: plan)
  }

  /// Makes the topics. Errors: `NodeFailure` when there are such already, or with what brokers refuse.
  package func make() async throws(NodeFailure) {
    let isFresh = try await administration.plan().count { if case .create = $0 { true } else { false } } == TopicTable.all.count
    // Who has topics there has records in them, and perhaps nodes that use them.
    guard isFresh else { throw NodeFailure("there are topics under '\(cluster.prefix)' already: choose another --topic-prefix, or none") }
    let left = try await administration.apply { _ in }
    let problems = TopicStep.problems(left.filter { !$0.isHarmless })
    if let first = problems.first { throw NodeFailure("the topics under '\(cluster.prefix)' cannot be used: \(first)") }
  }

  /// Takes topics and keys away. What cannot be removed is said, for whoever must do it by hand; empty when all is gone.
  package func remove() async -> [String] {
    var left: [String] = []
    do throws(NodeFailure) { try await administration.delete() } catch {
      left.append("the topics \(cluster.prefix)* stay at \(cluster.kafka.bootstrap): \(error)")
    }
    do { try await removeKeys() } catch { left.append("the keys \(cluster.prefix)* stay at \(cluster.redis): \(error)") }
    return left
  }

  private func removeKeys() async throws {
    // Without a prefix everything would match.
    guard !cluster.prefix.isEmpty else { return }
    let loop = try EventLoop.spawn(name: "redis")
    defer { loop.stop() }
    let client = RedisClient(loop: loop, settings: RedisSettings(address: cluster.redis), seed: SecureIdentifiers().seed())
    client.start(observe: { _ in })
    defer { client.close() }
    _ = try await client.connected(withinMilliseconds: 5000)
    var cursor = "0"
    repeat {
      // A prefix has no characters that a pattern knows.
      let page = try await OwnCorner.ask(client, [["SCAN", cursor, "MATCH", cluster.prefix + "*", "COUNT", "1000"].map { Array($0.utf8) }])
      guard let parts = page[0].elements, parts.count == 2, let next = parts[0].text else { throw NodeFailure("SCAN is not understood") }
      let keys = parts[1].elements?.compactMap(\.payload) ?? []
      if !keys.isEmpty { _ = try await OwnCorner.ask(client, [[Array("UNLINK".utf8)] + keys]) }
      cursor = next
    } while cursor != "0"
  }

  private static func ask(_ client: RedisClient, _ commands: [[[UInt8]]]) async throws -> [RedisReply] {
    var pipeline = RedisPipeline()
    for command in commands { pipeline.add(command) }
    let sent = pipeline
    let replies = try await withCheckedContinuation { continuation in
      client.send(sent) { continuation.resume(returning: $0) }
    }.get()
    if let failure = replies.lazy.compactMap(\.failure).first { throw failure }
    return replies
  }
}
