import CRdkafka
import EventLoops
import Ports
import Synchronization

/// Transactions for projectors. librdkafka's calls block, so they run on a thread of their own, one after another.
///
/// With a group, all partitions of a node share one: what its projectors hand over within a tenth of a second goes into one transaction, which carries the positions that
/// they have come to. The group's coordinator refuses those of a member whose partitions have gone to others, so a node that was paused can do no harm (KIP-447). Without
/// one, the transactional name is the fence.
final class TransactionalProducer: Sendable {
  private struct Job: Sendable {
    var records: [ProjectedRecord]
    var source: TopicPartition
    var position: Int64
    /// Whoever handed it over has begun again since, and hands it over once more.
    var isGivenUp: @Sendable () -> Bool
    var deliver: @Sendable (Result<Void, LogFailure>) -> Void
  }
  private struct State {
    var isReady = false
    var isOver = false
    var users = 0
    var jobs: [Job] = []
    var isScheduled = false
    var begun: Int64 = 0
  }

  private let handle: KafkaHandle
  private let topics: KafkaTopics
  private let thread: EventLoop
  private let prefix: String
  private let place: GroupPlace?
  private let refusals: Refusals
  private let wireName: String
  /// Between the beginnings of two transactions, milliseconds.
  private let pace: Int64
  private let state = Mutex(State())

  init(_ settings: [String: String], name: String, prefix: String, place: GroupPlace?, refusals: Refusals) throws(LogFailure) {
    handle = try KafkaHandle(RD_KAFKA_PRODUCER, settings)
    topics = KafkaTopics(handle)
    self.prefix = prefix
    self.place = place
    self.refusals = refusals
    wireName = settings["transactional.id"] ?? name
    pace = place == nil ? 0 : 100
    do { thread = try EventLoop.spawn(name: name) } catch { throw .unavailable("\(error)") }
  }

  var isOver: Bool { state.withLock { $0.isOver } }

  /// Fences whoever projected `source` before; tries until a broker answers.
  func open(_ source: TopicPartition, _ ready: @escaping @Sendable (Result<Void, LogFailure>) -> Void) {
    state.withLock { $0.users += 1 }
    thread.post { [self] in
      if let failure = begin() ?? settle(source) { return ready(.failure(failure)) }
      ready(.success(()))
    }
  }

  private func begin() -> LogFailure? {
    if state.withLock({ $0.isReady }) { return isOver ? .sessionLost("an earlier transaction failed") : nil }
    while let error = rd_kafka_init_transactions(handle.raw, 5000) {
      defer { rd_kafka_error_destroy(error) }
      guard rd_kafka_error_is_retriable(error) != 0, !isOver else { return end(error) }
    }
    refusals.allowed("Write", "transactional-id \(wireName)")
    state.withLock { $0.isReady = true }
    return nil
  }

  /// Waits until no transaction of an earlier member stands open on the source's position: what it wrote is then committed or gone, and nothing more can follow.
  private func settle(_ source: TopicPartition) -> LogFailure? {
    guard let place else { return nil }
    guard let member = place.member, let list = rd_kafka_topic_partition_list_new(1) else {
      return .unavailable("this node is not in the group")
    }
    defer { rd_kafka_topic_partition_list_destroy(list) }
    rd_kafka_topic_partition_list_add(list, prefix + source.topic, Int32(source.partition))
    let code = rd_kafka_committed(member.handle.raw, list, 10_000)
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : .unavailable("the position of \(source): \(KafkaError.text(code))")
  }

  func project(
    _ records: [ProjectedRecord], source: TopicPartition, position: Int64, isGivenUp: @escaping @Sendable () -> Bool,
    _ deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void
  ) {
    let now = thread.monotonicMilliseconds
    let wait: Int64? = state.withLock { state in
      state.jobs.append(Job(records: records, source: source, position: position, isGivenUp: isGivenUp, deliver: deliver))
      guard !state.isScheduled else { return nil }
      state.isScheduled = true
      return max(0, state.begun + pace - now)
    }
    guard let wait else { return }
    if wait == 0 { thread.post { self.flush() } } else { _ = thread.schedule(afterMilliseconds: wait) { self.flush() } }
  }

  private func flush() {
    let now = thread.monotonicMilliseconds
    let all = state.withLock { state in
      state.isScheduled = false
      state.begun = now
      defer { state.jobs = [] }
      return state.jobs
    }
    var jobs: [Job] = []
    for job in all {
      if job.isGivenUp() { job.deliver(.failure(.sessionLost("the session is closed"))) } else { jobs.append(job) }
    }
    let outcome = isOver ? .failure(.sessionLost("an earlier transaction failed")) : write(jobs)
    for job in jobs { job.deliver(outcome) }
  }

  private func write(_ jobs: [Job]) -> Result<Void, LogFailure> {
    guard jobs.contains(where: { !$0.records.isEmpty }) else { return .success(()) }
    if let error = rd_kafka_begin_transaction(handle.raw) { return .failure(end(error, free: true)) }
    for job in jobs {
      for record in job.records {
        let code = topics.produce(prefix + record.target.topic, record.target.partition, record.record, nil)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { return abort(KafkaError(code: code, what: "\(record.target)").description) }
      }
    }
    if let failure = sendPositions(jobs) { return failure }
    while true {
      guard let error = rd_kafka_commit_transaction(handle.raw, 30_000) else { return .success(()) }
      defer { rd_kafka_error_destroy(error) }
      if rd_kafka_error_is_retriable(error) != 0, !isOver { continue }
      if rd_kafka_error_txn_requires_abort(error) != 0 {
        let text = String(cString: rd_kafka_error_string(error))
        if rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED { noteDenied(jobs, text) }
        return abort(text)
      }
      return .failure(end(error))
    }
  }

  /// Which topic may not be written is in the text alone.
  private func noteDenied(_ jobs: [Job], _ text: String) {
    let topics = Set(jobs.flatMap { $0.records.map { prefix + $0.target.topic } })
    let named = topics.filter { text.contains($0) }
    for topic in named.isEmpty ? topics : named { refusals.denied("Write", "topic \(topic)") }
  }

  private func sendPositions(_ jobs: [Job]) -> Result<Void, LogFailure>? {
    guard let place else { return nil }
    guard let member = place.member, let list = rd_kafka_topic_partition_list_new(Int32(jobs.count)) else {
      return abort("this node is not in the group")
    }
    defer { rd_kafka_topic_partition_list_destroy(list) }
    for job in jobs {
      rd_kafka_topic_partition_list_add(list, prefix + job.source.topic, Int32(job.source.partition)).pointee.offset = job.position
    }
    guard let metadata = rd_kafka_consumer_group_metadata(member.handle.raw) else { return abort("this node is not in the group") }
    defer { rd_kafka_consumer_group_metadata_destroy(metadata) }
    while let error = rd_kafka_send_offsets_to_transaction(handle.raw, list, metadata, 10_000) {
      defer { rd_kafka_error_destroy(error) }
      if rd_kafka_error_is_retriable(error) != 0, !isOver { continue }
      let text = String(cString: rd_kafka_error_string(error))
      return rd_kafka_error_txn_requires_abort(error) != 0 ? abort(text) : .failure(end(error))
    }
    return nil
  }

  private func abort(_ why: String) -> Result<Void, LogFailure> {
    if let error = rd_kafka_abort_transaction(handle.raw, 30_000) { rd_kafka_error_destroy(error) }
    state.withLock { $0.isOver = true }
    return .failure(.sessionLost(why))
  }

  private func end(_ error: OpaquePointer, free: Bool = false) -> LogFailure {
    state.withLock { $0.isOver = true }
    defer { if free { rd_kafka_error_destroy(error) } }
    let text = String(cString: rd_kafka_error_string(error))
    if rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED {
      refusals.denied("Write", "transactional-id \(wireName)")
    }
    let isFenced = [RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH]
      .contains(rd_kafka_error_code(error))
    return .sessionLost(isFenced ? "another node projects this partition now: \(text)" : text)
  }

  /// True when nobody uses it any more: it ends, on its own thread.
  func letGo() -> Bool {
    let isLast = state.withLock { state in
      state.users -= 1
      if state.users == 0 { state.isOver = true }
      return state.users == 0
    }
    if isLast { thread.post { [thread] in thread.stop() } }
    return isLast
  }
}

/// One user's share of the transactions of a name.
final class KafkaProjection: ProjectionSession {
  private let log: KafkaEventLog
  private let name: String
  private let producer: TransactionalProducer
  private let isClosed = Atomic(false)

  init(log: KafkaEventLog, name: String, producer: TransactionalProducer) {
    self.log = log
    self.name = name
    self.producer = producer
  }

  func project(
    _ records: [ProjectedRecord], source: TopicPartition, position: Int64, deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void
  ) {
    for record in records {
      if let refusal = log.refusal(record) { return deliver(.failure(refusal)) }
    }
    producer.project(
      records, source: source, position: position, isGivenUp: { [self] in isClosed.load(ordering: .acquiring) }, deliver)
  }

  func close() {
    guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
    if producer.letGo() { log.forget(name, producer) }
  }
}
