package import TaskRouting

/// How a node of the embedded home is set up.
package struct NodeOptions: Sendable {
  package var dataFolder = "./trunkline-data"
  package var host = "127.0.0.1"
  package var port = 8080
  package var publicURL: String?
  package var trustsProxy = false
  package var allowsPrivateTargets = false
  package var hasDevClock = false
  package var rateLimit = 0
  package var mostBodyBytes = 4 << 20
  package var mostLineBytes = 64 << 10
  package var headerBytes = 32 << 10
  package var headerMilliseconds: Int64 = 10_000
  package var idleMilliseconds: Int64 = 75_000
  package var mostConnections = 10_000
  package var mostWaiting = 10_000
  package var graceMilliseconds: Int64 = 10_000
  package var threads = 0
  /// Evidence of deadly commands is kept; one node a process can do so.
  package var keepsPoisonEvidence = true
  package var presetAccount: String?
  package var presetToken: String?
  package var routing = TaskRoutingSettings()
  package var version = "0"

  package init() {}

  /// Fixed at creation of the data folder (architecture.md).
  package static let partitions = 4
}
