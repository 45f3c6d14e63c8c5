import Accounts
import EventLoops
import Foundation
import KafkaEventLog
import KafkaSettings
import Observability
import Ports
import RedisClient
import RedisHotState
import RedisSignalBus
import Resources
import Synchronization
import TaskRouting
import Topics

extension Home {
  /// Kafka is the truth, Redis is the memory; other nodes stand on both.
  static func cluster(_ options: NodeOptions, _ cluster: ClusterOptions, logger: Logger, loop: EventLoop, readers: LoopGroup) throws -> Home
  {
    let count = cluster.lanes > 0 ? cluster.lanes : max(1, ProcessInfo.processInfo.activeProcessorCount)
    let lanes = try LoopGroup(count: count, name: "lane")
    let watch = ClusterWatch(logger: logger)
    let kafka = KafkaOptions(
      bootstrap: cluster.kafka.bootstrap, extra: cluster.kafka.extra, prefix: cluster.prefix, node: cluster.node)
    let log = try KafkaEventLog(options: kafka, lanes: lanes.loops, loop: loop) { watch.take($0) }
    let partition: @Sendable (Identifier) -> Int = { Partitioner.partition(of: $0, among: log.partitions(of: "work.journal") ?? 1) }
    let redis = RedisSettings(address: cluster.redis)
    let identifiers = SecureIdentifiers()
    func memory(on loop: EventLoop) -> (work: RedisHotState, accounts: RedisHotState) {
      func make(_ family: String, _ indexer: @escaping DocumentIndexer) -> RedisHotState {
        RedisHotState(
          settings: redis, loop: loop, prefix: cluster.prefix, family: family, partition: partition, seed: identifiers.seed(),
          indexer: indexer)
      }
      return (make("work", TaskRoutingIndexes.entries), make("account", AccountIndexes.entries))
    }
    // Whoever asks has a connection on its own loop: a round trip is one to Redis, and none between threads.
    let reading = readers.loops.map(memory)
    let writing = options.roles.contains(.worker) ? lanes.loops.map(memory) : []
    let memory = try EventLoop.spawn(name: "redis")
    let bus = RedisSignalBus(settings: redis, loop: memory, prefix: cluster.prefix, seed: identifiers.seed())
    let events = RedisSignalBus(settings: redis, loop: memory, prefix: cluster.prefix, seed: identifiers.seed())
    let topics = TopicWatch(log: log, cluster: cluster, logger: logger)
    return Home(
      log: log, membership: log, hot: LoopReads(reading.map(\.work)), accounts: LoopReads(reading.map(\.accounts)), bus: LocalAnswers(bus),
      events: events, lanes: zip(lanes.loops, writing).map { Lane(loop: $0, hot: $1.work, accounts: $1.accounts) }, node: cluster.node,
      isShared: true,
      problems: {
        var problems: [(part: String, reason: String)] = []
        if let reason = log.problem { problems.append(("kafka", reason)) }
        if let problem = topics.problem { problems.append((problem.part, problem.reason)) }
        let memories = (reading + writing).flatMap { [$0.work, $0.accounts] }
        if let reason = memories.compactMap(\.problem).first ?? bus.problem { problems.append(("redis", reason)) }
        if let reason = watch.identityTaken { problems.append(("identity", reason)) }
        return problems
      },
      connect: { isStopping in
        while !isStopping() {
          if await topics.look() { return }
          try? await loop.sleep(milliseconds: 500)
        }
      },
      tick: { log.connectAgain { if case .success(let found) = $0 { topics.compare(found) } } },
      shutdown: {
        await bus.flush(withinMilliseconds: 1000)
        log.shutdown()
        lanes.stop()
        memory.stop()
      })
  }
}

/// Whether the topics are there, and what to do when they are not.
private final class TopicWatch: Sendable {
  /// `part` of the node: `topics` where they are wrong, `kafka` where it does not let the node see.
  struct Problem: Equatable {
    var part: String
    var reason: String
  }
  private struct State {
    var problem: Problem? = Problem(part: "topics", reason: "not looked at yet")
    /// Partitions of each once all was well; empty before.
    var found: [String: Int] = [:]
    var isDevelopment = false
  }

  private let log: KafkaEventLog
  private let cluster: ClusterOptions
  private let logger: Logger
  private let state = Mutex(State())

  init(log: KafkaEventLog, cluster: ClusterOptions, logger: Logger) {
    self.log = log
    self.cluster = cluster
    self.logger = logger
  }

  var problem: Problem? { state.withLock { $0.problem } }

  func look() async -> Bool {
    let found: Result<[String: Int], LogFailure> = await withCheckedContinuation { continuation in
      log.connect { continuation.resume(returning: $0) }
    }
    // Said by the log itself.
    guard case .success(let topics) = found else { return false }
    let problem = await judge(topics)
    set(problem)
    guard problem == nil else { return false }
    state.withLock { $0.found = topics }
    return true
  }

  private func set(_ problem: Problem?) {
    let before = state.withLock { state in
      defer { state.problem = problem }
      return state.problem
    }
    guard before != problem else { return }
    if let problem {
      logger.error(
        problem.part == "kafka" ? "kafka does not let this node see its topics" : "the topics are not as they must be",
        ["problem": problem.reason])
    } else if before?.reason != "not looked at yet" {
      logger.info("the topics are as they must be again")
    }
  }

  /// While the node serves: whether each topic is still there, with as many partitions.
  func compare(_ topics: [String: Int]) {
    let found = state.withLock { $0.found }
    guard !found.isEmpty else { return }
    var words: [String] = []
    for topic in Node.topics.map(\.name) where topics[topic] != found[topic] {
      let name = cluster.prefix + topic
      guard let count = topics[topic] else {
        words.append("topic \(name) is not there any more, or this node's user may not Describe it")
        continue
      }
      words.append("topic \(name) has \(count) partitions, and had \(found[topic] ?? 0)")
    }
    guard !words.isEmpty else { return set(nil) }
    var options = TopicPlanOptions()
    options.prefix = cluster.prefix
    let remedy = TopicAdministration(settings: cluster.kafka, options: options).remedy(isDevelopment: state.withLock { $0.isDevelopment })
    set(Problem(part: "topics", reason: (words + ["run: \(remedy)"]).joined(separator: "; ")))
  }

  private func judge(_ topics: [String: Int]) async -> Problem? {
    do throws(NodeFailure) {
      let problems = try await TopicCheck.run(cluster.kafka, prefix: cluster.prefix)
      let fatal = problems.filter(\.isFatal)
      state.withLock { $0.isDevelopment = problems.contains { $0.isDevelopment } }
      if !fatal.isEmpty { return Problem(part: "topics", reason: fatal.map(\.text).joined(separator: "; ")) }
      for problem in problems { logger.warning("topics", ["note": problem.text]) }
    } catch {
      return Problem(part: "kafka", reason: error.description)
    }
    // The check does not know a number that an operator chose; what counts is that all have the same.
    let counts = Set(Node.topics.map { topics[$0.name] ?? 0 })
    return counts.count == 1
      ? nil : Problem(part: "topics", reason: "all topics must have the same number of partitions; found \(counts.sorted())")
  }
}

/// What Kafka tells, as log lines.
private final class ClusterWatch: Sendable {
  private let logger: Logger
  private let taken = Mutex<String?>(nil)

  init(logger: Logger) { self.logger = logger }

  var identityTaken: String? { taken.withLock { $0 } }

  func take(_ notice: KafkaNotice) {
    switch notice {
    case .unreachable(let why): logger.error("kafka does not answer", ["reason": why])
    case .reachable: logger.info("kafka answers again")
    case .refused(let why): logger.error("kafka refuses", ["reason": why])
    case .fatal(let why): logger.error("a kafka producer ended", ["reason": why])
    case .identityTaken(let why):
      taken.withLock { $0 = why }
      logger.error("this node's name was taken by another", ["reason": why])
    case .assigned(let group, let partitions):
      logger.info("partitions assigned", ["group": group, "partitions": partitions.map(String.init).joined(separator: ",")])
    }
  }
}
