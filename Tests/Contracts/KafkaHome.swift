import CRdkafka
import EventLoops
import Foundation
import KafkaEventLog
import Ports
import Synchronization
import Testing

/// The broker that the tests use, and whether they must.
enum KafkaBroker {
  static let address = ProcessInfo.processInfo.environment["TRUNKLINE_TEST_KAFKA"]
  static let isRequired = ProcessInfo.processInfo.environment["TRUNKLINE_REQUIRE_CLUSTER"] == "1"

  /// Nil, said loudly, where there is none and none is required.
  static func orSkip() throws -> String? {
    if let address { return address }
    if isRequired { throw TestHomeMissing(what: "TRUNKLINE_TEST_KAFKA names no broker") }
    print("SKIPPED: no broker; set TRUNKLINE_TEST_KAFKA=HOST:PORT")
    return nil
  }

  private static let count = Atomic<Int>(0)

  /// A prefix that nobody used before.
  static func prefix() -> String { "t\(getpid()).\(count.add(1, ordering: .relaxed).newValue)." }

  static func createTopics(_ topics: [TopicDeclaration], prefix: String) throws {
    let handle = try #require(rd_kafka_new(RD_KAFKA_PRODUCER, configuration(), nil, 0))
    defer { rd_kafka_destroy(handle) }
    let queue = try #require(rd_kafka_queue_new(handle))
    defer { rd_kafka_queue_destroy(queue) }
    var requests: [OpaquePointer?] = try topics.map { topic in
      let request = try #require(rd_kafka_NewTopic_new(prefix + topic.name, Int32(topic.partitions), 1, nil, 0))
      rd_kafka_NewTopic_set_config(request, "message.timestamp.type", "LogAppendTime")
      rd_kafka_NewTopic_set_config(request, "max.message.bytes", "1200000")
      if topic.compacted { rd_kafka_NewTopic_set_config(request, "cleanup.policy", "compact") }
      return request
    }
    rd_kafka_CreateTopics(handle, &requests, requests.count, nil, queue)
    let event = try #require(rd_kafka_queue_poll(queue, 20_000))
    #expect(rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR)
    rd_kafka_event_destroy(event)
    for request in requests { rd_kafka_NewTopic_destroy(request) }
  }

  private static func configuration() -> OpaquePointer? {
    let conf = rd_kafka_conf_new()
    rd_kafka_conf_set(conf, "bootstrap.servers", address ?? "", nil, 0)
    return conf
  }
}

struct TestHomeMissing: Error { let what: String }

/// Loops that all Kafka tests of one process share.
enum TestLoops {
  static let lane = Result { try EventLoop.spawn(name: "test-lane") }
  static let side = Result { try EventLoop.spawn(name: "test-side") }
}

/// Runs `body` on a log of the broker's under a prefix of its own.
func withKafka(
  topics: [TopicDeclaration] = EventLogHome.topics, node: String = "tester", _ body: (KafkaEventLog) async throws -> Void
) async throws {
  guard let address = try KafkaBroker.orSkip() else { return }
  let prefix = KafkaBroker.prefix()
  try KafkaBroker.createTopics(topics, prefix: prefix)
  try await body(try await openKafka(address, prefix: prefix, topics: topics, node: node))
}

func openKafka(_ address: String, prefix: String, topics: [TopicDeclaration], node: String) async throws -> KafkaEventLog {
  let log = try KafkaEventLog(
    options: KafkaOptions(bootstrap: address, prefix: prefix, node: node), lanes: [try TestLoops.lane.get()], loop: try TestLoops.side.get()
  )
  // Right after it was made a topic may be unknown for a moment.
  while true {
    let known = try await withCheckedContinuation { c in log.connect { c.resume(returning: $0) } }.get()
    if topics.allSatisfy({ known[$0.name] == $0.partitions }) { return log }
  }
}
