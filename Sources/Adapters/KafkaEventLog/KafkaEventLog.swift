import CRdkafka
package import EventLoops
package import Ports
import Synchronization

/// The event log of the cluster home: Kafka through librdkafka.
///
/// Journals go through producers of their own, one a lane, without gap and without end of patience; everything else shares one whose records expire, because somebody
/// waits for them. Readers are simple consumers at given places; groups only tell whose partition is whose. Reports and wakes arrive on the loop that asked.
package final class KafkaEventLog: EventLog, Membership {
  private struct State {
    var topics: [String: Int] = [:]
    var isKnown = false
    var journals: [Int: KafkaProducer] = [:]
    var shared: KafkaProducer?
    var pools: [ObjectIdentifier: (committed: ConsumerPool, stream: ConsumerPool)] = [:]
    var transactions: [String: TransactionalProducer] = [:]
    var places: [String: GroupPlace] = [:]
    var problem: String?
    /// A question for the topics is under way.
    var isAsking = false
  }

  /// The group whose members project.
  package static let projectors = "projectors"

  package let options: KafkaOptions
  private let lanes: [EventLoop]
  private let loop: EventLoop
  private let questions: KafkaQuestions
  private let notify: @Sendable (KafkaNotice) -> Void
  let refusals: Refusals
  private let state = Mutex(State())

  /// - Parameters:
  ///   - lanes: the loops whose partitions' journals get a producer each: partition p is of lane p modulo their number.
  ///   - loop: where everything happens that no lane asks for.
  /// Throws when a setting is wrong; not when no broker answers: `connect` tells.
  package init(
    options: KafkaOptions, lanes: [EventLoop], loop: EventLoop, notify: @escaping @Sendable (KafkaNotice) -> Void = { _ in }
  ) throws(LogFailure) {
    self.options = options
    self.lanes = lanes
    self.loop = loop
    self.notify = notify
    refusals = Refusals(now: { loop.monotonicMilliseconds }, notify: notify)
    questions = try KafkaQuestions(options.questions, refusals: refusals)
  }

  // MARK: The cluster

  /// Asks for the topics and their partitions; called until it succeeds, and again now and then. `deliver` gets the names, without prefix.
  package func connect(_ deliver: @escaping @Sendable (Result<[String: Int], LogFailure>) -> Void) {
    let prefix = options.prefix
    let learned: @Sendable (Result<[String: Int], LogFailure>) -> Void = { [self] found in
      state.withLock { $0.isAsking = false }
      switch found {
      case .success(let topics): deliver(.success(learn(topics, prefix)))
      case .failure(let failure):
        let isNews = state.withLock { state in
          defer { state.problem = "\(failure)" }
          return state.problem == nil
        }
        if isNews, refusals.problem == nil { notify(.unreachable("\(failure)")) }
        deliver(.failure(failure))
      }
    }
    state.withLock { $0.isAsking = true }
    questions.ask(learned) { questions throws(LogFailure) in try questions.topics() }
  }

  /// Asks again, unless a question waits for its answer already: while no broker answers, each takes seconds and would hold the next up.
  package func connectAgain(_ deliver: @escaping @Sendable (Result<[String: Int], LogFailure>) -> Void) {
    if state.withLock({ $0.isAsking }) { return }
    connect(deliver)
  }

  private func learn(_ topics: [String: Int], _ prefix: String) -> [String: Int] {
    var ours: [String: Int] = [:]
    for (name, count) in topics where name.hasPrefix(prefix) { ours[String(name.dropFirst(prefix.count))] = count }
    let wasAway = state.withLock { state in
      state.topics = ours
      state.isKnown = true
      defer { state.problem = nil }
      return state.problem != nil
    }
    if wasAway { notify(.reachable) }
    return ours
  }

  /// Why the log cannot be used now; nil when the last question was answered and nothing that was asked since was refused.
  package var problem: String? {
    refusals.problem ?? state.withLock { $0.isKnown ? $0.problem : $0.problem ?? "Kafka has not answered yet" }
  }

  /// Whether the topics are known, so that one that is not there is told from one that is not known yet.
  var isKnown: Bool { state.withLock { $0.isKnown } }

  package func partitions(of topic: String) -> Int? { state.withLock { $0.topics[topic] } }

  /// A name as the broker knows it.
  private func wire(_ target: TopicPartition) -> TopicPartition { TopicPartition(options.prefix + target.topic, target.partition) }

  private func refusal(_ target: TopicPartition) -> LogFailure? {
    state.withLock { state in
      guard state.isKnown else { return .unavailable("Kafka has not answered yet") }
      guard let count = state.topics[target.topic], target.partition < count, target.partition >= 0 else {
        return .refused("there is no partition \(target)")
      }
      return nil
    }
  }

  func refusal(_ projected: ProjectedRecord) -> LogFailure? {
    let size = projected.record.key.count + (projected.record.value?.count ?? 0)
    if size > options.maxRecordBytes { return .tooLarge(bytes: size, limit: options.maxRecordBytes) }
    return refusal(projected.target)
  }

  /// What the bounds are of a partition that a position lies outside of.
  func outOfRange(_ source: TopicPartition) -> LogFailure {
    do throws(LogFailure) {
      let bounds = try questions.bounds(source, timeout: 1000)
      return .outOfRange(start: bounds.start, end: bounds.end)
    } catch {
      return error
    }
  }

  // MARK: Writing

  package func openSession(
    _ target: TopicPartition, durability: Durability, deliver: @escaping @Sendable ([AppendReport]) -> Void
  ) -> any AppendSession {
    if let refusal = refusal(target) { return RefusedSession(refusal: refusal, deliver: deliver) }
    do throws(LogFailure) {
      let isJournal = target.topic.hasSuffix(".journal")
      let producer = isJournal ? try journalProducer(target.partition) : try sharedProducer()
      return KafkaSession(
        producer: producer, topic: options.prefix + target.topic, partition: target.partition, maxRecordBytes: options.maxRecordBytes,
        isJournal: isJournal, deliver: deliver)
    } catch {
      return RefusedSession(refusal: .sessionLost(error.reason), deliver: deliver)
    }
  }

  private func journalProducer(_ partition: Int) throws(LogFailure) -> KafkaProducer {
    let lane = partition % max(1, lanes.count)
    return try producer(\.journals[lane], options.journals, on: lanes.isEmpty ? loop : lanes[lane])
  }

  private func sharedProducer() throws(LogFailure) -> KafkaProducer { try producer(\.shared, options.producer, on: loop) }

  /// One that met a fatal error is replaced.
  private func producer(
    _ place: any WritableKeyPath<State, KafkaProducer?> & Sendable, _ settings: [String: String], on loop: EventLoop
  ) throws(LogFailure) -> KafkaProducer {
    let (notify, refusals) = (notify, refusals)
    let found: Result<KafkaProducer, LogFailure> = state.withLock { state in
      if let open = state[keyPath: place] {
        if !open.isBroken { return .success(open) }
        if open.isPointless { return .failure(.sessionLost("Kafka refuses this node's user a producer")) }
      }
      do throws(LogFailure) {
        let made = try KafkaProducer(settings, loop: loop, refusals: refusals, notify: notify)
        state[keyPath: place] = made
        return .success(made)
      } catch {
        return .failure(error)
      }
    }
    return try found.get()
  }

  // MARK: Reading

  package func openReader(
    _ source: TopicPartition, from: Int64, key: [UInt8]?, visibility: Visibility, wake: @escaping @Sendable () -> Void
  ) -> any LogReader {
    let isTransactional = TopicDeclaration.isDerived(source.topic)
    let pools = pools(of: EventLoop.current ?? loop)
    return KafkaReader(
      log: self, pool: isTransactional ? pools.committed : pools.stream, source: wire(source), name: source, from: from, key: key,
      isTransactional: isTransactional, wake: wake)
  }

  private func pools(of loop: EventLoop) -> (committed: ConsumerPool, stream: ConsumerPool) {
    state.withLock { state in
      if let known = state.pools[ObjectIdentifier(loop)] { return known }
      let made = (
        committed: ConsumerPool(options.consumer(committed: true), loop: loop),
        stream: ConsumerPool(options.consumer(committed: false), loop: loop)
      )
      state.pools[ObjectIdentifier(loop)] = made
      return made
    }
  }

  // MARK: Projections

  package func openProjection(_ name: String, ready: @escaping @Sendable (Result<any ProjectionSession, LogFailure>) -> Void) {
    // "work/3": what follows from work.journal[3]. In the group all of a node's partitions share one.
    let parts = name.split(separator: "/")
    let source = TopicPartition("\(parts.first ?? "").journal", parts.last.flatMap { Int($0) } ?? 0)
    let place = state.withLock { $0.places[KafkaEventLog.projectors] }
    let shared = place == nil ? name : "projector/\(options.node)"
    let settings = options.transactions(shared)
    let found: Result<TransactionalProducer, LogFailure> = state.withLock { state in
      if let open = state.transactions[shared], !open.isOver { return .success(open) }
      do throws(LogFailure) {
        let made = try TransactionalProducer(settings, name: "transactions", prefix: options.prefix, place: place, refusals: refusals)
        state.transactions[shared] = made
        return .success(made)
      } catch {
        return .failure(error)
      }
    }
    switch found {
    case .failure(let failure): ready(.failure(failure))
    case .success(let producer):
      let session = KafkaProjection(log: self, name: shared, producer: producer)
      producer.open(source) { outcome in
        switch outcome {
        case .success: ready(.success(session))
        case .failure(let failure):
          session.close()
          ready(.failure(failure))
        }
      }
    }
  }

  func forget(_ name: String, _ producer: TransactionalProducer) {
    state.withLock { state in
      if state.transactions[name] === producer { state.transactions[name] = nil }
    }
  }

  // MARK: Questions

  package func bounds(_ source: TopicPartition, deliver: @escaping @Sendable (Result<(start: Int64, end: Int64), LogFailure>) -> Void) {
    ask(source, deliver) { questions, source throws(LogFailure) in try questions.bounds(source) }
  }

  package func offset(_ source: TopicPartition, since time: Int64, deliver: @escaping @Sendable (Result<Int64, LogFailure>) -> Void) {
    ask(source, deliver) { questions, source throws(LogFailure) in try questions.offset(source, since: time) }
  }

  package func trim(_ target: TopicPartition, before: Int64, deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void) {
    ask(target, deliver) { questions, source throws(LogFailure) in try questions.trim(source, before: before) }
  }

  private func ask<Answer>(
    _ source: TopicPartition, _ deliver: @escaping @Sendable (Result<Answer, LogFailure>) -> Void,
    _ question: @escaping @Sendable (KafkaQuestions, TopicPartition) throws(LogFailure) -> Answer
  ) {
    if let refusal = refusal(source) { return deliver(.failure(refusal)) }
    let wired = wire(source)
    questions.ask(deliver) { questions throws(LogFailure) in try question(questions, wired) }
  }

  // MARK: Membership

  package func join(_ group: String, topics: [String], changed: @escaping @Sendable (Set<Int>) -> Void) -> any Cancellable {
    let place = GroupPlace(
      options.member(of: group), group: group, topics: topics.map { options.prefix + $0 }, loop: loop, refusals: refusals, notify: notify,
      changed: changed)
    state.withLock { $0.places[group] = place }
    place.join()
    return place
  }

  /// Lets everything go. What is in flight may land.
  package func shutdown() {
    let transactions = state.withLock { state in
      defer { state = State() }
      return state.transactions.values
    }
    for producer in transactions { _ = producer.letGo() }
    questions.thread.stop()
  }
}

extension LogFailure {
  /// Without saying again what kind of failure it is.
  var reason: String {
    switch self {
    case .sessionLost(let why), .refused(let why), .unavailable(let why): why
    case .tooLarge, .outOfRange: description
    }
  }
}

/// A session into what is not there.
private struct RefusedSession: AppendSession {
  let refusal: LogFailure
  let deliver: @Sendable ([AppendReport]) -> Void

  func append(_ records: [NewRecord], tag: UInt64) { deliver([AppendReport(tag: tag, outcome: .failure(refusal))]) }
  func close() {}
}
