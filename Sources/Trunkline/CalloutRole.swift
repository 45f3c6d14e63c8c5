import Callouts
import Ingress
import Observability
import Ports
import Synchronization

/// The callout role: one worker for each partition that is assigned. Workers run as tasks of `run`.
final class CalloutRole: Sendable {
  static let group = "callouts"
  static let topics = ["callouts"]

  let outbound: Outbound
  private let waiting: Gauge
  private let workers: Assignments<CalloutWorker>
  private let starting: AsyncStream<CalloutWorker>
  private let begun: AsyncStream<CalloutWorker>.Continuation
  private let ending = Mutex<[CalloutWorker]>([])

  init(home: Home, options: NodeOptions, commander: Commander, signer: any Signer, logger: Logger, metrics: Metrics) throws {
    let outbound = try Outbound(
      options: options,
      duration: metrics.histogram("trunkline_callout_request_duration_seconds", help: "Time of a request to a customer's server"))
    self.outbound = outbound
    let outcomes = CalloutOutcomes(metrics: metrics)
    self.waiting = metrics.gauge("trunkline_callouts_unfinished", help: "Callouts that are read and not finished")
    let (stream, continuation) = AsyncStream.makeStream(of: CalloutWorker.self)
    starting = stream
    begun = continuation
    workers = Assignments(
      begin: { partition in
        let worker = CalloutWorker(
          partition: partition, log: home.log, hot: home.hot, accounts: home.accounts, caller: outbound, signer: signer,
          commander: commander, queue: outbound.loop, logger: logger, finished: { outcomes.count($0, $1) })
        continuation.yield(worker)
        return worker
      },
      end: { _, gone in gone.stop() })
  }

  var isJoined: Bool { workers.isJoined }

  /// Called again and again.
  func check() {
    let sum = Sum(count: workers.items.count, into: waiting)
    if workers.items.isEmpty { waiting.set(0) }
    for (_, worker) in workers.items { worker.look { sum.add($0) } }
  }

  func join(_ membership: any Membership) { workers.join(membership, CalloutRole.group, topics: CalloutRole.topics) }

  /// Until `finish`.
  func run() async {
    await withDiscardingTaskGroup { group in
      for await worker in starting { group.addTask { await worker.run() } }
    }
  }

  func finish(within milliseconds: Int64) async {
    workers.leave()
    begun.finish()
    await outbound.finish(workers.items.map(\.item), within: milliseconds)
  }
}
