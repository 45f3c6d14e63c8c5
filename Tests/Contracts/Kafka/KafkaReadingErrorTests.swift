import CRdkafka
import KafkaEventLog
import Ports
import Testing

private let workJournal = TopicPartition("work.journal", 0)
private let workState = TopicPartition("work.state", 0)

@Suite("KafkaEventLog: readers, projections and questions when a broker answers with an error") struct KafkaReadingErrorTests {
  @Test("A reader goes on behind what passes")
  func fetching() async throws {
    try await withMock { (cluster, log, _) async throws in
      try await log.write(workJournal, (0..<10).map { record("k", "\($0)") })
      cluster.fail(
        .fetch, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR__TRANSPORT)
      #expect(try await log.reader(workJournal).next(10).map(\.text) == (0..<10).map { "k=\($0)" })
    }
  }

  @Test("A reader without the right ends and says which; the next one may have it")
  func denied() async throws {
    try await withMock { (cluster, log, notices) async throws in
      try await log.write(workJournal, [record("k", "v")])
      cluster.fail(.fetch, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
      let reader = log.reader(workJournal)
      await #expect(throws: LogFailure.self) { _ = try await reader.next(1) }
      reader.close()
      let told = await notices.first { if case .refused = $0 { true } else { false } }
      #expect(told.description.contains("Read on topic work.journal"))
      #expect(log.problem == told.description)
      #expect(try await log.reader(workJournal).next(1).map(\.text) == ["k=v"])
      #expect(log.problem == nil)
    }
  }

  @Test("A coordinator that is not there yet, or still loads, is waited for")
  func coordinator() async throws {
    try await withMock { (cluster, log, _) async throws in
      cluster.fail(.findCoordinator, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE)
      cluster.fail(.initProducer, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR)
      let session = try await log.projection("work/0")
      cluster.fail(.addPartitions, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS)
      cluster.fail(.endTransaction, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE)
      try await session.project([ProjectedRecord(workState, record("k", "v"))]).get()
      session.close()
    }
  }

  @Test(
    "Who was fenced projects nothing more and says so; the name can be taken again",
    arguments: [KafkaRequest.addPartitions, .endTransaction])
  func fenced(_ request: KafkaRequest) async throws {
    try await withMock { (cluster, log, _) async throws in
      let session = try await log.projection("work/0")
      cluster.fail(request, RD_KAFKA_RESP_ERR_PRODUCER_FENCED)
      let outcome = await session.project([ProjectedRecord(workState, record("k", "v"))])
      guard case .failure(.sessionLost(let why)) = outcome else { throw Unexpected(what: "\(outcome)") }
      #expect(why.contains("another node projects this partition now"), "\(why)")
      guard case .failure(.sessionLost) = await session.project([ProjectedRecord(workState, record("k", "w"))]) else {
        throw Unexpected(what: "it went on")
      }
      session.close()
      let next = try await log.projection("work/0")
      try await next.project([ProjectedRecord(workState, record("k", "x"))]).get()
      next.close()
    }
  }

  @Test("A transaction that cannot be finished is given up; the next session begins anew")
  func aborted() async throws {
    try await withMock { (cluster, log, notices) async throws in
      let session = try await log.projection("work/0")
      cluster.fail(.addPartitions, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
      guard case .failure(.sessionLost) = await session.project([ProjectedRecord(workState, record("k", "v"))]) else {
        throw Unexpected(what: "it was written")
      }
      session.close()
      let told = await notices.first { if case .refused = $0 { true } else { false } }
      #expect(told.description.contains("Write on topic work.state"), "\(told)")
      let next = try await log.projection("work/0")
      try await next.project([ProjectedRecord(workState, record("k", "w"))]).get()
      next.close()
    }
  }

  @Test("A log without a broker says so once, and that it is back")
  func unreachable() async throws {
    try await withMock { (cluster, log, notices) async throws in
      #expect(log.problem == nil)
      cluster.goDown()
      let failed = await withCheckedContinuation { c in log.connect { c.resume(returning: $0) } }
      guard case .failure(.unavailable) = failed else { throw Unexpected(what: "\(failed)") }
      _ = await notices.first { if case .unreachable = $0 { true } else { false } }
      #expect(log.problem != nil)
      cluster.comeUp()
      while log.problem != nil { _ = await withCheckedContinuation { c in log.connect { c.resume(returning: $0) } } }
      _ = await notices.first { $0 == .reachable }
    }
  }
}

private struct Unexpected: Error { let what: String }
