import CRdkafka
import KafkaEventLog
import Ports
import Testing

private let workCommands = TopicPartition("work.commands", 0)
private let workJournal = TopicPartition("work.journal", 0)

@Suite("KafkaEventLog: what becomes of a record when a broker answers with an error") struct KafkaWritingErrorTests {
  /// A journal's producer and the one of everything else.
  static let targets = [workCommands, workJournal]

  @Test("What may be tried again is tried again, in order, and each record lands once", arguments: targets)
  func retriable(_ target: TopicPartition) async throws {
    try await withMock { (cluster, log, _) async throws in
      cluster.fail(
        .produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, RD_KAFKA_RESP_ERR__TRANSPORT)
      #expect(try await log.write(target, (0..<20).map { record("k", "\($0)") }) == Array(0..<20))
      #expect(try await log.reader(target).next(20).map(\.text) == (0..<20).map { "k=\($0)" })
    }
  }

  @Test("A record that the broker finds too large fails alone where others have no part in it")
  func tooLarge() async throws {
    try await withMock { (cluster, log, _) async throws in
      try await log.write(workCommands, [record("k", "before")])
      let reports = Reports()
      let session = log.openSession(workCommands, durability: .ordered, deliver: reports.deliver)
      cluster.fail(.produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
      session.append([record("k", "large")], tag: 1)
      #expect(await reports.first(1).map(\.outcome) == [.failure(.tooLarge(bytes: 6, limit: 0))])
      session.append([record("k", "after")], tag: 2)
      #expect(await reports.first(2).map(\.offset) == [nil, 1])
    }
  }

  @Test("A journal has no gaps: where one record is not taken its session ends, and the next goes on")
  func tooLargeForAJournal() async throws {
    try await withMock { (cluster, log, _) async throws in
      try await log.write(workJournal, [record("k", "before")])
      let reports = Reports()
      let session = log.openSession(workJournal, durability: .synced, deliver: reports.deliver)
      cluster.fail(.produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
      session.append([record("k", "large")], tag: 1)
      #expect(await reports.first(1).map(\.isLost) == [true])
      session.append([record("k", "behind")], tag: 2)
      #expect(await reports.first(2).last?.isLost == true)
      #expect(try await log.write(workJournal, [record("k", "again")]) == [1])
    }
  }

  @Test(
    "A producer that is fenced or has lost its number ends its sessions; a new one goes on",
    arguments: [
      RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
      RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
    ])
  func fenced(_ error: rd_kafka_resp_err_t) async throws {
    try await withMock { (cluster, log, _) async throws in
      try await log.write(workJournal, [record("k", "before")])
      let reports = Reports()
      let session = log.openSession(workJournal, durability: .synced, deliver: reports.deliver)
      cluster.fail(.produce, error)
      session.append([record("k", "a")], tag: 1)
      session.append([record("k", "b")], tag: 2)
      let settled = await reports.first(2)
      // Either nothing of it counts, or all of it landed in its order; never the second without the first.
      #expect(settled.allSatisfy(\.isLost) || settled.map(\.offset) == [1, 2], "\(settled)")
      session.close()
      let next = try await log.write(workJournal, [record("k", "next")])
      #expect(next[0] >= 1)
    }
  }

  @Test("Who waits for a record is told in time that nobody takes it; a journal waits until somebody does")
  func brokerDown() async throws {
    try await withMock(patience: 1500) { (cluster, log, notices) async throws in
      try await log.write(workCommands, [record("k", "before")])
      try await log.write(workJournal, [record("k", "before")])
      cluster.goDown()
      let (waiting, patient) = (Reports(), Reports())
      log.openSession(workCommands, durability: .ordered, deliver: waiting.deliver).append([record("k", "lost")], tag: 1)
      log.openSession(workJournal, durability: .synced, deliver: patient.deliver).append([record("k", "kept")], tag: 1)
      #expect(await waiting.first(1).map(\.isLost) == [true])
      _ = await notices.first { if case .unreachable = $0 { true } else { false } }
      #expect(patient.now.isEmpty)
      cluster.comeUp()
      #expect(await patient.first(1).map(\.offset) == [1])
      #expect(try await log.write(workCommands, [record("k", "after")]) == [1])
    }
  }

  @Test("Behind a slow line many are on their way at once, and are reported in order")
  func slow() async throws {
    try await withMock { (cluster, log, _) async throws in
      cluster.slowDown(milliseconds: 200)
      #expect(try await log.write(workJournal, (0..<200).map { record("k", "\($0)") }) == Array(0..<200))
    }
  }

  @Test("A right that is missing is told with the topic, and struck off once it is there")
  func denied() async throws {
    try await withMock { (cluster, log, notices) async throws in
      cluster.fail(.produce, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
      let reports = Reports()
      log.openSession(workCommands, durability: .ordered, deliver: reports.deliver).append([record("k", "v")], tag: 1)
      #expect(await reports.first(1).map(\.isLost) == [true])
      let told = await notices.first { if case .refused = $0 { true } else { false } }
      #expect(told.description.contains("Write on topic work.commands"))
      #expect(log.problem == told.description)
      // The client takes the topic for closed until it has asked for it again.
      while (try? await log.write(workCommands, [record("k", "v")])) == nil { try await log.askTopics() }
      #expect(log.problem == nil)
    }
  }
}
