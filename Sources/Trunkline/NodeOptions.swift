package import KafkaSettings
package import RedisClient
package import TLS
package import TaskRouting

/// What a node does.
package struct NodeRoles: OptionSet, Sendable, CustomStringConvertible {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }

  /// Serves the API and live events.
  package static let ingress = NodeRoles(rawValue: 1)
  /// Owns partitions and decides.
  package static let worker = NodeRoles(rawValue: 2)
  /// Makes events and snapshots from journals.
  package static let projector = NodeRoles(rawValue: 4)
  /// Calls customers' servers.
  package static let callout = NodeRoles(rawValue: 8)
  /// Serves live events.
  package static let gateway = NodeRoles(rawValue: 16)

  package static let all: NodeRoles = [.ingress, .worker, .projector, .callout, .gateway]
  package static let names: [(String, NodeRoles)] = [
    ("ingress", .ingress), ("worker", .worker), ("projector", .projector), ("callout", .callout), ("gateway", .gateway),
  ]

  /// Names separated by commas; nil when one is unknown or there is none.
  package init?(_ text: String) {
    var roles: NodeRoles = []
    for name in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let role = NodeRoles.names.first(where: { $0.0 == name.trimmingPrefix { $0 == " " } })?.1 else { return nil }
      roles.insert(role)
    }
    self = roles
  }

  package var description: String { NodeRoles.names.filter { contains($0.1) }.map(\.0).joined(separator: ",") }
}

/// Where the cluster's log and memory are, and who this node is in it.
package struct ClusterOptions: Sendable {
  package var kafka: KafkaSettings
  package var redis: RedisAddress
  /// Put before every topic's, group's and key's name.
  package var prefix = ""
  /// The node's name in groups: the same again after a restart, and nobody else's.
  package var node: String
  /// Pairs of a producer and a consumer that the partitions are spread over; 0: one a core.
  package var lanes = 0

  package init(kafka: KafkaSettings, redis: RedisAddress, node: String) {
    self.kafka = kafka
    self.redis = redis
    self.node = node
  }
}

/// How a node is set up.
package struct NodeOptions: Sendable {
  package var dataFolder = "./trunkline-data"
  package var host = "127.0.0.1"
  package var port = 8080
  /// Nil: HTTP in the clear.
  package var tls: TLSIdentity?
  package var publicURL: String?
  package var trustsProxy = false
  package var allowsPrivateTargets = false
  package var hasDevClock = false
  package var rateLimit = 0
  package var mostBodyBytes = 4 << 20
  package var mostLineBytes = 64 << 10
  package var headerBytes = 32 << 10
  package var headerFields = 128
  package var headerMilliseconds: Int64 = 10_000
  package var bodyMilliseconds: Int64 = 30_000
  package var bodyBytesPerSecond = 100
  package var idleMilliseconds: Int64 = 75_000
  package var mostConnections = 10_000
  package var mostWaiting = 10_000
  package var answerMilliseconds: Int64 = 15_000
  /// At the stop: how long requests are still served while `/ready` says no.
  package var leavingMilliseconds: Int64 = 0
  package var graceMilliseconds: Int64 = 10_000
  package var threads = 0
  /// Evidence of deadly commands is kept; one node a process can do so.
  package var keepsPoisonEvidence = true
  package var presetAccount: String?
  package var presetToken: String?
  package var routing = TaskRoutingSettings()
  package var version = "0"
  package var roles = NodeRoles.all
  /// Nil: the embedded home.
  package var cluster: ClusterOptions?

  package init() {}

  /// Fixed at creation of the data folder (architecture.md).
  package static let partitions = 4
}
