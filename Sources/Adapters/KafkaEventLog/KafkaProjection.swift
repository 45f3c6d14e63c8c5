import CRdkafka
import EventLoops
import Ports
import Synchronization

/// The transactions of one name. librdkafka's calls block, so they run on a thread of their own, one after another.
final class TransactionalProducer: Sendable {
  private let handle: KafkaHandle
  private let thread: EventLoop
  private let state = Mutex<(isReady: Bool, isOver: Bool, users: Int)>((false, false, 0))

  init(_ settings: [String: String], name: String) throws(LogFailure) {
    handle = try KafkaHandle(RD_KAFKA_PRODUCER, settings)
    do { thread = try EventLoop.spawn(name: name) } catch { throw .unavailable("\(error)") }
  }

  var isOver: Bool { state.withLock { $0.isOver } }

  /// Fences whoever used the name before; tries until a broker answers.
  func open(_ ready: @escaping @Sendable (Result<Void, LogFailure>) -> Void) {
    state.withLock { $0.users += 1 }
    thread.post { [self] in
      if state.withLock({ $0.isReady }) { return ready(.success(())) }
      while true {
        guard let error = rd_kafka_init_transactions(handle.raw, 5000) else { break }
        defer { rd_kafka_error_destroy(error) }
        guard rd_kafka_error_is_retriable(error) != 0, !isOver else { return ready(.failure(end(error))) }
      }
      state.withLock { $0.isReady = true }
      ready(.success(()))
    }
  }

  func project(_ records: [ProjectedRecord], prefix: String, _ deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void) {
    thread.post { [self] in
      if isOver { return deliver(.failure(.sessionLost("an earlier transaction failed"))) }
      deliver(write(records, prefix))
    }
  }

  private func write(_ records: [ProjectedRecord], _ prefix: String) -> Result<Void, LogFailure> {
    guard !records.isEmpty else { return .success(()) }
    if let error = rd_kafka_begin_transaction(handle.raw) { return .failure(end(error, free: true)) }
    for record in records {
      let code = produce(record, prefix)
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
        return abort(KafkaError(code: code, what: "\(record.target)").description)
      }
    }
    while true {
      guard let error = rd_kafka_commit_transaction(handle.raw, 30_000) else { return .success(()) }
      defer { rd_kafka_error_destroy(error) }
      if rd_kafka_error_is_retriable(error) != 0, !isOver { continue }
      if rd_kafka_error_txn_requires_abort(error) != 0 { return abort(String(cString: rd_kafka_error_string(error))) }
      return .failure(end(error))
    }
  }

  private func produce(_ projected: ProjectedRecord, _ prefix: String) -> rd_kafka_resp_err_t {
    guard let topic = rd_kafka_topic_new(handle.raw, prefix + projected.target.topic, nil) else { return rd_kafka_last_error() }
    defer { rd_kafka_topic_destroy(topic) }
    let record = projected.record
    let code = record.key.withUnsafeBytes { key in
      func produce(_ value: UnsafeMutableRawPointer?, _ count: Int) -> Int32 {
        rd_kafka_produce(topic, Int32(projected.target.partition), RD_KAFKA_MSG_F_COPY, value, count, key.baseAddress, key.count, nil)
      }
      guard let value = record.value else { return produce(nil, 0) }
      return value.withUnsafeBytes { bytes in
        if let base = bytes.baseAddress, !bytes.isEmpty { return produce(UnsafeMutableRawPointer(mutating: base), bytes.count) }
        var nothing: UInt8 = 0
        return produce(&nothing, 0)
      }
    }
    return code == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error()
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

  func project(_ records: [ProjectedRecord], deliver: @escaping @Sendable (Result<Void, LogFailure>) -> Void) {
    for record in records {
      if let refusal = log.refusal(record) { return deliver(.failure(refusal)) }
    }
    producer.project(records, prefix: log.options.prefix, deliver)
  }

  func close() {
    guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
    if producer.letGo() { log.forget(name, producer) }
  }
}
