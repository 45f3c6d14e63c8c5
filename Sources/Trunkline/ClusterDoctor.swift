import EventLoops
import RedisClient

extension Doctor {
  /// What a node of a cluster stands on, asked once: the topics on the brokers, and Redis.
  package static func examine(cluster: ClusterOptions) async -> [Finding] {
    await topics(cluster) + redis(cluster)
  }

  private static func topics(_ cluster: ClusterOptions) async -> [Finding] {
    do throws(NodeFailure) {
      let problems = try await TopicCheck.run(cluster.kafka, prefix: cluster.prefix)
      let findings = problems.map {
        Finding(
          grade: $0.isFatal ? .bad : .warning, subject: "topics", text: $0.text, remedy: $0.isFatal ? "see trunkline topics plan" : "")
      }
      return findings.isEmpty ? [Finding(grade: .good, subject: "topics", text: "all are as they must be", remedy: "")] : findings
    } catch {
      return [Finding(grade: .bad, subject: "kafka", text: error.description, remedy: "check --kafka, --kafka-config and the brokers")]
    }
  }

  private static func redis(_ cluster: ClusterOptions) async -> [Finding] {
    do {
      let loop = try EventLoop.spawn(name: "doctor")
      defer { loop.stop() }
      let client = RedisClient(loop: loop, settings: RedisSettings(address: cluster.redis), seed: SecureIdentifiers().seed())
      client.start(observe: { _ in })
      defer { client.close() }
      _ = try await client.connected(withinMilliseconds: 5000)
      return [Finding(grade: .good, subject: "redis", text: "\(cluster.redis) answers", remedy: "")]
    } catch {
      return [Finding(grade: .bad, subject: "redis", text: "\(error)", remedy: "check --redis, the password and the server")]
    }
  }
}
