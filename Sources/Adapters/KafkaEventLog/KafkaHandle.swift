import CRdkafka
import EventLoops
import Glibc
import Ports
import Synchronization

/// An error of librdkafka's, in words that name what was tried.
struct KafkaError: Error, CustomStringConvertible {
  let code: rd_kafka_resp_err_t
  let what: String

  var description: String { "\(what): \(KafkaError.text(code))" }

  static func text(_ code: rd_kafka_resp_err_t) -> String { String(cString: rd_kafka_err2str(code)) }
}

/// One instance of librdkafka: made from settings, destroyed once.
final class KafkaHandle: Sendable {
  // librdkafka's instances and queues may be used from any thread; this one is destroyed when nobody holds it any more.
  nonisolated(unsafe) let raw: OpaquePointer

  /// `prepare` sets callbacks and events before the instance is made.
  /// Throws when a setting is unknown or has a bad value, which it names.
  init(_ type: rd_kafka_type_t, _ settings: [String: String], prepare: (OpaquePointer) -> Void = { _ in }) throws(LogFailure) {
    guard let conf = rd_kafka_conf_new() else { throw .unavailable("no memory for a connection to Kafka") }
    var text = [CChar](repeating: 0, count: 512)
    for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
      guard rd_kafka_conf_set(conf, name, value, &text, text.count) == RD_KAFKA_CONF_OK else {
        rd_kafka_conf_destroy(conf)
        throw .unavailable("a setting for Kafka is wrong: \(KafkaHandle.message(text))")
      }
    }
    // What matters comes as events and reports; librdkafka's own lines would go to standard error.
    rd_kafka_conf_set_log_cb(conf) { _, _, _, _ in }
    prepare(conf)
    guard let made = rd_kafka_new(type, conf, &text, text.count) else {
      rd_kafka_conf_destroy(conf)
      throw .unavailable("Kafka cannot be used: \(KafkaHandle.message(text))")
    }
    raw = made
  }

  // Members of groups do not say goodbye: see `KafkaMember`.
  deinit { rd_kafka_destroy_flags(raw, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE) }

  /// The error that ended the instance, if one did.
  var fatal: KafkaError? {
    var text = [CChar](repeating: 0, count: 512)
    let code = rd_kafka_fatal_error(raw, &text, text.count)
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
    return KafkaError(code: code, what: KafkaHandle.message(text))
  }

  static func message(_ text: [CChar]) -> String {
    String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

/// The topics of one instance, each made at its first use and freed before the instance is.
final class KafkaTopics: Sendable {
  // @unchecked: topic handles may be used from any thread, as the instance may.
  private struct Topic: @unchecked Sendable {
    let raw: OpaquePointer
  }

  private let handle: KafkaHandle
  private let known = Mutex<[String: Topic]>([:])

  init(_ handle: KafkaHandle) { self.handle = handle }

  deinit {
    for topic in known.withLock({ $0.values }) { rd_kafka_topic_destroy(topic.raw) }
  }

  subscript(_ name: String) -> OpaquePointer? {
    let topic: Topic? = known.withLock { known in
      if let topic = known[name] { return topic }
      guard let made = rd_kafka_topic_new(handle.raw, name, nil) else { return nil }
      known[name] = Topic(raw: made)
      return known[name]
    }
    return topic?.raw
  }

  /// Hands one record over; its bytes are copied. `opaque` comes back with the report, unless this returns an error.
  func produce(_ topic: String, _ partition: Int, _ record: NewRecord, _ opaque: UnsafeMutableRawPointer?) -> rd_kafka_resp_err_t {
    guard let raw = self[topic] else { return rd_kafka_last_error() }
    let code = record.key.withUnsafeBytes { key in
      // Its payload is not const in C, and is only copied from.
      func produce(_ value: UnsafeMutableRawPointer?, _ count: Int) -> Int32 {
        rd_kafka_produce(raw, Int32(partition), RD_KAFKA_MSG_F_COPY, value, count, key.baseAddress, key.count, opaque)
      }
      guard let value = record.value else { return produce(nil, 0) }
      // An empty value is a value: its address must not be nil.
      return value.withUnsafeBytes { bytes in
        if let base = bytes.baseAddress, !bytes.isEmpty { return produce(UnsafeMutableRawPointer(mutating: base), bytes.count) }
        var nothing: UInt8 = 0
        return produce(&nothing, 0)
      }
    }
    return code == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error()
  }
}

/// Tells a loop that queues of librdkafka have something: each writes its number into one pipe, which the loop watches. Wake-ups take well under a tenth of a
/// millisecond; nothing polls.
final class QueueWaker: Sendable {
  private struct State {
    var next: UInt64 = 0
    var bodies: [UInt64: @Sendable () -> Void] = [:]
    var isClosed = false
  }

  private let loop: EventLoop
  private let readEnd: Int32
  private let writeEnd: Int32
  private let state = Mutex(State())
  // Made and closed on the loop.
  nonisolated(unsafe) private var poll: PollHandle?

  init(loop: EventLoop) throws(LogFailure) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw .unavailable("the system gives no more descriptors") }
    for end in ends { _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK) }
    self.loop = loop
    readEnd = ends[0]
    writeEnd = ends[1]
    loop.run { [self] in
      poll = try? PollHandle(loop: loop, descriptor: readEnd) { [weak self] _ in self?.ring() }
      try? poll?.watch(.readable)
    }
  }

  /// Calls `body` on the loop whenever `queue`, having been empty, has something. Returns the number to forget it by.
  func watch(_ queue: OpaquePointer, _ body: @escaping @Sendable () -> Void) -> UInt64 {
    let id = state.withLock { state in
      state.next += 1
      state.bodies[state.next] = body
      return state.next
    }
    // The payload is copied.
    var payload = id
    rd_kafka_queue_io_event_enable(queue, writeEnd, &payload, MemoryLayout<UInt64>.size)
    return id
  }

  func forget(_ id: UInt64, _ queue: OpaquePointer) {
    rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
    state.withLock { _ = $0.bodies.removeValue(forKey: id) }
  }

  private func ring() {
    var ids = [UInt64](repeating: 0, count: 256)
    let count = ids.withUnsafeMutableBytes { read(readEnd, $0.baseAddress, $0.count) }
    guard count > 0 else { return }
    let bodies = state.withLock { state in ids.prefix(count / MemoryLayout<UInt64>.size).compactMap { state.bodies[$0] } }
    for body in bodies { body() }
  }

  /// After the instances whose queues it watched are gone.
  func close() {
    let wasOpen = state.withLock { state in
      defer { state.isClosed = true }
      state.bodies = [:]
      return !state.isClosed
    }
    guard wasOpen else { return }
    loop.run { [self] in
      poll?.close()
      poll = nil
      Glibc.close(readEnd)
      Glibc.close(writeEnd)
    }
  }
}
