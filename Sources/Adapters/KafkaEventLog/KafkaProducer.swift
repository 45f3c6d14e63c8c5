import CRdkafka
import EventLoops
import Ports
import Synchronization

/// An idempotent producer whose reports arrive on one loop, a batch at a time. One that met a fatal error is broken: its sessions end, and new ones go to a new one.
final class KafkaProducer: Sendable {
  private struct State {
    var sessions: [ObjectIdentifier: KafkaSession] = [:]
    var isBroken = false
    /// Topics that any session was opened for.
    var targets: Set<String> = []
    /// When a broker refused this user a producer at all, milliseconds of the loop's time.
    var denied: Int64?
  }
  private let handle: KafkaHandle
  private let topics: KafkaTopics
  // A queue of the instance: any thread may use it.
  nonisolated(unsafe) private let queue: OpaquePointer
  private let waker: QueueWaker
  private let loop: EventLoop
  private let watched: UInt64
  private let state = Mutex(State())
  private let notify: @Sendable (KafkaNotice) -> Void
  let refusals: Refusals

  init(
    _ settings: [String: String], loop: EventLoop, refusals: Refusals, notify: @escaping @Sendable (KafkaNotice) -> Void
  ) throws(LogFailure) {
    handle = try KafkaHandle(RD_KAFKA_PRODUCER, settings) {
      rd_kafka_conf_set_events($0, Int32(RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR))
    }
    topics = KafkaTopics(handle)
    guard let main = rd_kafka_queue_get_main(handle.raw) else { throw .unavailable("librdkafka gives no queue") }
    queue = main
    waker = try QueueWaker(loop: loop)
    self.notify = notify
    self.loop = loop
    self.refusals = refusals
    let reports = Weak<KafkaProducer>()
    watched = waker.watch(main) { reports.value?.drain() }
    reports.set(self)
  }

  deinit {
    waker.forget(watched, queue)
    rd_kafka_queue_destroy(queue)
    waker.close()
  }

  /// Also before it is told: reports of failed records come ahead of the news that nothing works any more.
  var isBroken: Bool { state.withLock { $0.isBroken } || handle.fatal != nil }

  /// Whether another one would meet the same refusal now: who lacks a right asks once a second, not as fast as instances can be made.
  var isPointless: Bool { state.withLock { $0.denied }.map { loop.monotonicMilliseconds - $0 < 1000 } ?? false }

  func add(_ session: KafkaSession) {
    state.withLock { state in
      state.sessions[ObjectIdentifier(session)] = session
      state.targets.insert(session.topic)
    }
  }
  func remove(_ session: KafkaSession) { state.withLock { _ = $0.sessions.removeValue(forKey: ObjectIdentifier(session)) } }

  /// Hands one record over. The report goes to `ticket`, also when this throws nothing and the broker never answers.
  func produce(_ topic: String, _ partition: Int, _ record: NewRecord, _ ticket: Ticket) throws(LogFailure) {
    let opaque = Unmanaged.passRetained(ticket)
    let error = topics.produce(topic, partition, record, opaque.toOpaque())
    guard error != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    opaque.release()
    if error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED { refusals.denied("Write", "topic \(topic)") }
    if error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE { throw .refused(KafkaError.text(error)) }
    throw .sessionLost(KafkaError.text(error))
  }

  /// After a record was not taken: the instance may be at its end.
  func look() {
    if handle.fatal != nil { breakDown() }
  }

  // MARK: Reports

  /// On the loop. Wake-ups come when the queue was empty, so it is emptied.
  private func drain() {
    var batch = ReportBatch()
    while let event = rd_kafka_queue_poll(queue, 0) {
      defer { rd_kafka_event_destroy(event) }
      switch rd_kafka_event_type(event) {
      case RD_KAFKA_EVENT_DR:
        while let message = rd_kafka_event_message_next(event) {
          guard let opaque = message.pointee._private else { continue }
          let ticket = Unmanaged<Ticket>.fromOpaque(opaque).takeRetainedValue()
          batch.add(
            ticket, message.pointee.err, message.pointee.offset, size: message.pointee.len + message.pointee.key_len)
        }
      case RD_KAFKA_EVENT_ERROR: failed(rd_kafka_event_error(event), rd_kafka_event_error_string(event).map { String(cString: $0) } ?? "")
      default: continue
      }
    }
    batch.deliver()
  }

  private func failed(_ code: rd_kafka_resp_err_t, _ text: String) {
    switch code {
    case RD_KAFKA_RESP_ERR__FATAL: breakDown()
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN: notify(.unreachable(text))
    case _ where KafkaError.isRefusal(code): refusals.unknownUser(text)
    // Rights on a topic are told by the report of the record.
    default: return
    }
  }

  /// Nothing that is in flight will be reported as it ought: every session ends.
  private func breakDown() {
    let sessions: [KafkaSession]? = state.withLock { state in
      guard !state.isBroken else { return nil }
      state.isBroken = true
      defer { state.sessions = [:] }
      return Array(state.sessions.values)
    }
    guard let sessions else { return }
    let fatal = handle.fatal
    let why = fatal?.what ?? "the producer met a fatal error"
    // Without the right to write into any topic a producer gets no number.
    if fatal?.code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED {
      let now = loop.monotonicMilliseconds
      let targets = state.withLock { state in
        state.denied = now
        return state.targets
      }
      for topic in targets { refusals.denied("Write", "topic \(topic)") }
    } else {
      notify(.fatal(why))
    }
    for session in sessions { session.fail(why) }
  }
}

/// A reference that is filled in after its owner was made.
final class Weak<Value: AnyObject & Sendable>: Sendable {
  private struct Box: Sendable { weak var value: Value? }
  private let box = Mutex(Box())
  var value: Value? { box.withLock { $0.value } }
  func set(_ value: Value) { box.withLock { $0.value = value } }
}
