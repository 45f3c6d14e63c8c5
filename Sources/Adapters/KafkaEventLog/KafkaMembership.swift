import CRdkafka
import EventLoops
import Ports
import Synchronization

/// A node's place in one consumer group. It only tells which partitions are whose: reading is done elsewhere, from the ledgers' positions, so what is assigned is
/// paused at once. Range assignment gives equal numbers of co-partitioned topics to one node; the identity is static, so that a restart moves nothing.
final class KafkaMember: Sendable, Cancellable {
  private let group: String
  /// As the broker knows it.
  private let wireGroup: String
  let handle: KafkaHandle
  private let waker: QueueWaker
  // A queue of the instance, freed by `end`.
  nonisolated(unsafe) private let queue: OpaquePointer
  private let watched = Mutex<UInt64>(0)
  private let loop: EventLoop
  private let refusals: Refusals
  private let topics: [String]
  private let notify: @Sendable (KafkaNotice) -> Void
  private let changed: @Sendable (Set<Int>) -> Void
  /// Called once, when somebody joined under this identity: this member is at its end.
  private let fenced: @Sendable (String) -> Void
  private struct State {
    /// Nil before the first assignment.
    var assigned: Set<Int>?
    var isOver = false
    var isFatal = false
    var timer: (any Cancellable)?
    /// Runs while what was assigned before may be assigned again.
    var grace: (any Cancellable)?
  }
  private let state = Mutex(State())
  private let graceMilliseconds: Int64

  init(
    _ settings: [String: String], group: String, topics: [String], loop: EventLoop, refusals: Refusals,
    notify: @escaping @Sendable (KafkaNotice) -> Void, changed: @escaping @Sendable (Set<Int>) -> Void,
    fenced: @escaping @Sendable (String) -> Void
  ) throws(LogFailure) {
    let me = Weak<KafkaMember>()
    let context = Unmanaged.passRetained(me)
    handle = try KafkaHandle(RD_KAFKA_CONSUMER, settings) { conf in
      // Retained once for the life of the process: a member lives as long as its node.
      rd_kafka_conf_set_opaque(conf, context.toOpaque())
      rd_kafka_conf_set_rebalance_cb(conf) { _, code, partitions, opaque in
        guard let opaque, let partitions else { return }
        Unmanaged<Weak<KafkaMember>>.fromOpaque(opaque).takeUnretainedValue().value?.rebalanced(code, partitions)
      }
      rd_kafka_conf_set_error_cb(conf) { _, code, reason, opaque in
        guard let opaque else { return }
        let text = reason.map { String(cString: $0) } ?? ""
        Unmanaged<Weak<KafkaMember>>.fromOpaque(opaque).takeUnretainedValue().value?.failed(rd_kafka_resp_err_t(code), text)
      }
    }
    rd_kafka_poll_set_consumer(handle.raw)
    guard let queue = rd_kafka_queue_get_consumer(handle.raw) else { throw .unavailable("librdkafka gives no queue") }
    self.queue = queue
    self.group = group
    self.refusals = refusals
    self.topics = topics
    self.loop = loop
    graceMilliseconds = (settings["heartbeat.interval.ms"].flatMap { Int64($0) } ?? 1500) * 2
    self.notify = notify
    self.changed = changed
    self.fenced = fenced
    wireGroup = settings["group.id"] ?? group
    waker = try QueueWaker(loop: loop)
    me.set(self)
    let id = waker.watch(queue) { me.value?.serve() }
    watched.withLock { $0 = id }
    guard let list = rd_kafka_topic_partition_list_new(Int32(topics.count)) else { throw .unavailable("no memory") }
    defer { rd_kafka_topic_partition_list_destroy(list) }
    for topic in topics { rd_kafka_topic_partition_list_add(list, topic, -1) }
    let code = rd_kafka_subscribe(handle.raw, list)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw .unavailable("joining \(group): \(KafkaError.text(code))") }
    loop.run { me.value?.tick() }
  }

  /// Serves callbacks also when no wake-up comes: a member that is never polled is thrown out.
  private func tick() {
    serve()
    let timer = loop.schedule(afterMilliseconds: 200) { [weak self] in self?.tick() }
    state.withLock { $0.timer = $0.isOver ? nil : timer }
    if state.withLock({ $0.isOver }) { timer.cancel() }
  }

  /// On the loop: callbacks are called from here.
  private func serve() {
    guard !state.withLock({ $0.isOver }) else { return }
    while let message = rd_kafka_consumer_poll(handle.raw, 0) {
      // It reads nothing, so a message is an error of the group's: a right that is missing, say.
      if message.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR {
        failed(message.pointee.err, rd_kafka_message_errstr(message).map { String(cString: $0) } ?? "")
      }
      rd_kafka_message_destroy(message)
    }
    // What ends the instance is told in one of several ways, or in none.
    if let fatal = handle.fatal { failed(RD_KAFKA_RESP_ERR__FATAL, fatal.what) }
  }

  private func rebalanced(_ code: rd_kafka_resp_err_t, _ partitions: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) {
    guard code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS else {
      let isLost = rd_kafka_assignment_lost(handle.raw) != 0
      _ = rd_kafka_assign(handle.raw, nil)
      return isLost ? tell([]) : awaitAssignment()
    }
    for resource in resources { refusals.allowed(resource.operation, resource.name) }
    _ = rd_kafka_assign(handle.raw, partitions)
    _ = rd_kafka_pause_partitions(handle.raw, partitions)
    tell(Set((0..<Int(partitions.pointee.cnt)).map { Int(partitions.pointee.elems[$0].partition) }))
  }

  /// Every change of the group takes all partitions away and gives most of them back: who stopped at once would open each of them anew. Journals fence whoever is wrong.
  private func awaitAssignment() {
    let grace = loop.schedule(afterMilliseconds: graceMilliseconds) { [weak self] in self?.tell([]) }
    state.withLock { $0.grace = grace }
  }

  private func tell(_ partitions: Set<Int>) {
    let isNew = state.withLock { state in
      guard !state.isOver else { return false }
      state.grace?.cancel()
      state.grace = nil
      defer { state.assigned = partitions }
      return state.assigned != partitions
    }
    guard isNew else { return }
    notify(.assigned(group: group, partitions: partitions.sorted()))
    changed(partitions)
  }

  private func failed(_ code: rd_kafka_resp_err_t, _ text: String) {
    switch code {
    case RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
      let isNews = state.withLock { state in
        defer { state.isFatal = true }
        return !state.isFatal
      }
      guard isNews else { return }
      fenced(text)
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED: refusals.denied("Read", "group \(wireGroup)")
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      // Which of them is in the text alone.
      for topic in topics where text.contains(topic) { refusals.denied("Describe", "topic \(topic)") }
    case _ where KafkaError.isRefusal(code): refusals.unknownUser(text)
    default: return
    }
  }

  /// What the member needs; an assignment proves that it has it.
  private var resources: [(operation: String, name: String)] {
    [("Read", "group \(wireGroup)")] + topics.map { ("Describe", "topic \($0)") }
  }

  /// A static member does not say goodbye: its partitions stay its own until it has been silent for the session's time.
  func cancel() {
    let timer = state.withLock { state in
      state.isOver = true
      return state.timer
    }
    timer?.cancel()
    loop.run { [self] in
      let id = watched.withLock { id in
        defer { id = 0 }
        return id
      }
      guard id != 0 else { return }
      waker.forget(id, queue)
      rd_kafka_queue_destroy(queue)
      waker.close()
    }
  }
}
