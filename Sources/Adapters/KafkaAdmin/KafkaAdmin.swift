internal import CRdkafka
import EventLoops
package import KafkaSettings

/// A topic as brokers have it.
package struct KafkaTopic: Sendable, Hashable {
  package var partitions: Int
  /// The fewest copies that any partition has.
  package var replication: Int
  /// All settings in force.
  package var settings: [String: String]
}

/// A topic to be made.
package struct KafkaNewTopic: Sendable, Hashable {
  package var name: String
  package var partitions: Int
  package var replication: Int
  package var settings: [String: String]

  package init(name: String, partitions: Int, replication: Int, settings: [String: String]) {
    self.name = name
    self.partitions = partitions
    self.replication = replication
    self.settings = settings
  }
}

/// What brokers say of themselves and of some topics.
package struct KafkaCluster: Sendable, Hashable {
  package var brokers: Int
  /// Those of the topics asked for that exist.
  package var topics: [String: KafkaTopic]
}

/// Asks brokers about topics, makes and changes them. Every call blocks until there is an answer or time is up: for commands and for a node's start,
/// never on a loop. One thread at a time has it (`perform` gives it one of its own).
package final class KafkaAdmin {
  let handle: OpaquePointer
  /// Where the client tells of connections that failed.
  private let events: OpaquePointer
  /// Where answers come.
  let answers: OpaquePointer
  let brokers: String
  let patience: Int32
  private var trouble: Trouble?
  /// Whom to ask, the one that answered last first.
  var nodes: [Int32] = []

  private struct Trouble {
    var code: rd_kafka_resp_err_t
    var text: String
  }

  /// Connects at the first call, not here. `patience`: milliseconds that one call may take.
  package init(_ settings: KafkaSettings, patience: Int32 = 15_000) throws(KafkaAdminError) {
    brokers = settings.bootstrap
    self.patience = patience
    guard let conf = rd_kafka_conf_new() else { throw .setting(name: "librdkafka", reason: "there is no memory") }
    // It writes to standard error by itself; what matters comes as events.
    var values = ["bootstrap.servers": settings.bootstrap, "client.id": "trunkline-admin", "log_level": "0"]
    values.merge(settings.extra) { $1 }
    var text = [CChar](repeating: 0, count: 512)
    for (name, value) in values {
      let outcome = rd_kafka_conf_set(conf, name, value, &text, text.count)
      guard outcome == RD_KAFKA_CONF_OK else {
        rd_kafka_conf_destroy(conf)
        // The library's own text repeats the value, which may be a password.
        throw .setting(
          name: name, reason: outcome == RD_KAFKA_CONF_UNKNOWN ? "librdkafka has no such setting" : "librdkafka does not take that value")
      }
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_ERROR)
    // A consumer, because only those ask about topics without making them where brokers allow that.
    guard let handle = rd_kafka_new(RD_KAFKA_CONSUMER, conf, &text, text.count) else {
      rd_kafka_conf_destroy(conf)
      throw .setting(name: "librdkafka", reason: String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    self.handle = handle
    events = rd_kafka_queue_get_main(handle)
    answers = rd_kafka_queue_new(handle)
  }

  deinit {
    rd_kafka_queue_destroy(answers)
    rd_kafka_queue_destroy(events)
    rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
  }

  /// Does `work` with an administrator on a thread that ends with it.
  package static func perform<Value: Sendable>(
    _ settings: KafkaSettings, patience: Int32 = 15_000, _ work: @escaping @Sendable (KafkaAdmin) throws(KafkaAdminError) -> Value
  ) async throws(KafkaAdminError) -> Value {
    let loop: EventLoop
    do { loop = try EventLoop.spawn(name: "kafka-admin") } catch { throw .noThread(reason: "\(error)") }
    let outcome = await withCheckedContinuation { continuation in
      loop.post {
        continuation.resume(
          returning: Result { () throws(KafkaAdminError) in try work(try KafkaAdmin(settings, patience: patience)) })
      }
    }
    loop.stop()
    return try outcome.get()
  }

  // MARK: Asking

  /// The brokers, and those of `topics` that exist, with everything about them.
  package func describe(_ topics: [String]) throws(KafkaAdminError) -> KafkaCluster {
    // First, because this one tells a refused password from silence.
    var shape = try shape()
    let settings = try settings(of: topics)
    // A broker that is asked may hear of a topic a moment after the one that made it.
    var patience = 20
    while patience > 0, settings.keys.contains(where: { shape.topics[$0] == nil }) {
      listen(for: 250)
      patience -= 1
      shape = try self.shape()
    }
    var found: [String: KafkaTopic] = [:]
    for (name, settings) in settings {
      guard let there = shape.topics[name] else {
        // Its settings may be read and yet it is not listed: who may not Describe a topic is not told that it exists.
        throw .notAuthorized(right: "Describe", resource: "topic \(name)")
      }
      found[name] = KafkaTopic(partitions: there.partitions, replication: there.replication, settings: settings.mapValues(\.value))
    }
    return KafkaCluster(brokers: shape.brokers, topics: found)
  }

  struct Shape {
    var brokers: Int
    var topics: [String: (partitions: Int, replication: Int)]
  }

  /// Asks in slices, so that a refused password is reported at once and not when time is up.
  func shape() throws(KafkaAdminError) -> Shape {
    let slice: Int32 = 250
    var left = patience
    while true {
      var metadata: UnsafePointer<rd_kafka_metadata>?
      let code = rd_kafka_metadata(handle, 1, nil, &metadata, min(slice, left))
      if code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata {
        defer { rd_kafka_metadata_destroy(metadata) }
        learn(metadata.pointee)
        // A broker that lost its controller for a moment answers and lists nobody, not even itself.
        if metadata.pointee.broker_cnt > 0 || left <= slice { return Self.read(metadata.pointee) }
      }
      left -= slice
      listen(for: 0)
      if let trouble, trouble.code == RD_KAFKA_RESP_ERR__AUTHENTICATION || trouble.code == RD_KAFKA_RESP_ERR__SSL {
        throw .notAuthenticated(brokers: brokers, reason: trouble.text)
      }
      if left <= 0 { throw unreachable(code) }
      // A refused connection comes back at once: the client tries again by itself, so waiting is all there is to do.
      if code != RD_KAFKA_RESP_ERR__TIMED_OUT { listen(for: slice) }
    }
  }

  private func learn(_ metadata: rd_kafka_metadata) {
    let listed = UnsafeBufferPointer(start: metadata.brokers, count: Int(metadata.broker_cnt)).map(\.id)
    // The one that listed them is alive; a broker that died a moment ago is still in its list.
    let known = [metadata.orig_broker_id].filter(listed.contains) + nodes.filter(listed.contains)
    nodes = (known + listed).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  private static func read(_ metadata: rd_kafka_metadata) -> Shape {
    var shape = Shape(brokers: Int(metadata.broker_cnt), topics: [:])
    for topic in UnsafeBufferPointer(start: metadata.topics, count: Int(metadata.topic_cnt)) where topic.err == RD_KAFKA_RESP_ERR_NO_ERROR {
      let partitions = UnsafeBufferPointer(start: topic.partitions, count: Int(topic.partition_cnt))
      let fewest = partitions.map { Int($0.replica_cnt) }.min() ?? 0
      shape.topics[String(cString: topic.topic)] = (partitions.count, fewest)
    }
    return shape
  }

  /// Waits for what the client has to tell, at most `milliseconds`, and keeps the latest that tells more than "all brokers are down".
  package func listen(for milliseconds: Int32) {
    var wait = milliseconds
    while let event = rd_kafka_queue_poll(events, wait) {
      defer { rd_kafka_event_destroy(event) }
      wait = 0
      guard rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR else { continue }
      let code = rd_kafka_event_error(event)
      if code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, trouble != nil { continue }
      let text = String(cString: rd_kafka_event_error_string(event))
      // Behind this the client tells its own timing and how often it said so.
      trouble = Trouble(code: code, text: String(text.prefix(upTo: text.firstRange(of: " (after ")?.lowerBound ?? text.endIndex)))
    }
  }

  private func unreachable(_ code: rd_kafka_resp_err_t) -> KafkaAdminError {
    .unreachable(brokers: brokers, reason: trouble?.text ?? String(cString: rd_kafka_err2str(code)))
  }
}
