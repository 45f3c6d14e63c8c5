import CRdkafka
import EventLoops
import KafkaEventLog
import Ports
import Synchronization
import Testing

/// What a client asks a broker for, by Kafka's numbers.
enum KafkaRequest: Int16 {
  case produce = 0
  case fetch = 1
  case findCoordinator = 10
  case initProducer = 22
  case addPartitions = 24
  case endTransaction = 26
}

/// A cluster inside this process that answers with the errors that a test asks for: librdkafka's own.
final class MockCluster: Sendable {
  // The mock has a thread of its own and takes calls from any; freed once, by the last who holds it.
  nonisolated(unsafe) private let handle: OpaquePointer
  nonisolated(unsafe) private let raw: OpaquePointer

  static let topics = ["work.commands", "work.journal", "work.state", "events"]

  init() throws {
    handle = try #require(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nil, 0))
    raw = try #require(rd_kafka_mock_cluster_new(handle, 1))
    for topic in MockCluster.topics { #expect(rd_kafka_mock_topic_create(raw, topic, 2, 1) == RD_KAFKA_RESP_ERR_NO_ERROR) }
  }

  deinit {
    rd_kafka_mock_cluster_destroy(raw)
    rd_kafka_destroy(handle)
  }

  var address: String { String(cString: rd_kafka_mock_cluster_bootstraps(raw)) }

  /// The next requests of that kind fail so, one after another.
  func fail(_ request: KafkaRequest, _ errors: rd_kafka_resp_err_t...) {
    rd_kafka_mock_push_request_errors_array(raw, request.rawValue, errors.count, errors)
  }

  func goDown() { rd_kafka_mock_broker_set_down(raw, 1) }
  func comeUp() { rd_kafka_mock_broker_set_up(raw, 1) }
  func slowDown(milliseconds: Int32) { rd_kafka_mock_broker_set_rtt(raw, 1, milliseconds) }
}

/// What a log tells, for tests that wait for it.
final class Notices: Sendable {
  private let all = Mutex<[KafkaNotice]>([])
  private let bell = Bell()

  var take: @Sendable (KafkaNotice) -> Void {
    { [self] notice in
      all.withLock { $0.append(notice) }
      bell.ring()
    }
  }

  func first(where fits: (KafkaNotice) -> Bool) async -> KafkaNotice {
    while true {
      if let found = all.withLock({ $0.first(where: fits) }) { return found }
      await bell.heard()
    }
  }
}

/// Runs `body` on a log of a mock cluster of its own.
func withMock(
  patience: Int = 60_000, _ body: (MockCluster, KafkaEventLog, Notices) async throws -> Void
) async throws {
  let cluster = try MockCluster()
  let notices = Notices()
  var options = KafkaOptions(bootstrap: cluster.address, node: "tester")
  options.patience = patience
  let log = try KafkaEventLog(
    options: options, lanes: [try TestLoops.lane.get()], loop: try TestLoops.side.get(), notify: notices.take)
  defer { log.shutdown() }
  try await log.learnTopics()
  try await body(cluster, log, notices)
}

extension KafkaEventLog {
  func learnTopics() async throws {
    while partitions(of: "events") == nil { _ = try? await askTopics() }
  }

  @discardableResult
  func askTopics() async throws -> [String: Int] { try await withCheckedContinuation { c in connect { c.resume(returning: $0) } }.get() }
}
