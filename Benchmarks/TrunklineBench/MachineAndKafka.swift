import EventLoops
import Ingress
import KafkaEventLog
import Ports
import RedisClient
import RedisHotState
import RedisSignalBus
import Resources
import TaskRouting
import Trunkline

/// The same lives as `MachineAndLog` on Kafka and Redis, without HTTP: a node with all roles, and what an ingress of another node has to send commands and to hear answers.
enum MachineAndKafka {
  private static let hands = 256

  static func run(_ home: BenchHome, seconds: Double) async throws -> [TrunklineBench.Row] {
    let (done, took) = try await Served.run(home, workers: 512) { served in
      guard let cluster = served.cluster, let account = SIDKind.account.parse(Served.account),
        let workspace = SIDKind.workspace.parse(served.workspace), let workflow = SIDKind.workflow.parse(served.workflow)
      else { throw BenchFailure("a measurement of the cluster home") }
      let loop = try EventLoop.spawn(name: "load")
      defer { loop.stop() }
      let log = try await cluster.log(node: "load", on: loop)
      defer { log.shutdown() }
      let redis = RedisSettings(address: cluster.redis)
      let bus = RedisSignalBus(settings: redis, loop: loop, prefix: cluster.prefix, seed: 1)
      let partition: @Sendable (Identifier) -> Int = { Partitioner.partition(of: $0, among: log.partitions(of: "work.journal") ?? 1) }
      let hot = RedisHotState(
        settings: redis, loop: loop, prefix: cluster.prefix, family: "work", partition: partition, seed: 2,
        indexer: TaskRoutingIndexes.entries)
      let commander = Commander(log: log, bus: bus, clock: SystemClock(), node: "load", first: 1, most: 100_000)
      let desk = Desk(commander: commander, hot: hot, workspace: workspace, account: account, workflow: workflow)
      let start = uptime()
      let done = await desk.work(until: start + seconds, hands: hands)
      return (done, uptime() - start)
    }
    return [
      .init(
        what: "lifecycles through machine and log", figure: TrunklineBench.perSecond(done, took),
        note:
          "3 decisions each, acknowledged by the broker, \(hands) in flight, one workspace; broker, Redis, node and load on the same cores")
    ]
  }
}
