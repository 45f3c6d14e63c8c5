import CRdkafka
import Ports
import Synchronization

/// What travels with a record and comes back with its report.
final class Ticket: Sendable {
  let session: KafkaSession
  let tag: UInt64
  /// The last record of its append: the one that is reported.
  let isLast: Bool

  init(session: KafkaSession, tag: UInt64, isLast: Bool) {
    self.session = session
    self.tag = tag
    self.isLast = isLast
  }
}

/// An ordered way into one partition, through a producer that others use too. After the first failure it is over, whatever later reports say; what is in flight may
/// still land (journal.md, step 5).
final class KafkaSession: AppendSession {
  private struct State {
    var outstanding: [UInt64] = []
    /// Refused before the log, waiting for their turn to be reported.
    var refused: [UInt64: LogFailure] = [:]
    var isOver: String?
    var isClosed = false
  }

  private let producer: KafkaProducer
  let topic: String
  private let partition: Int
  private let maxRecordBytes: Int
  private let isJournal: Bool
  private let deliver: @Sendable ([AppendReport]) -> Void
  private let state = Mutex(State())

  init(
    producer: KafkaProducer, topic: String, partition: Int, maxRecordBytes: Int, isJournal: Bool,
    deliver: @escaping @Sendable ([AppendReport]) -> Void
  ) {
    self.isJournal = isJournal
    self.producer = producer
    self.topic = topic
    self.partition = partition
    self.maxRecordBytes = maxRecordBytes
    self.deliver = deliver
    producer.add(self)
    if producer.isBroken { fail("the producer met a fatal error") }
  }

  func append(_ records: [NewRecord], tag: UInt64) {
    let (isClosed, over) = state.withLock { ($0.isClosed, $0.isOver) }
    if isClosed { return }
    if let over { return deliver([AppendReport(tag: tag, outcome: .failure(.sessionLost(over)))]) }
    if let refusal = refusal(records) { return refuse(tag, refusal) }
    // The lock is held over the call so that records of one session go out in the order of its tags.
    let failure: LogFailure? = state.withLock { state in
      state.outstanding.append(tag)
      do throws(LogFailure) {
        for (place, record) in records.enumerated() {
          try producer.produce(topic, partition, record, Ticket(session: self, tag: tag, isLast: place == records.count - 1))
        }
        return nil
      } catch {
        return error
      }
    }
    guard let failure else { return }
    fail(failure.reason)
    producer.look()
  }

  private func refusal(_ records: [NewRecord]) -> LogFailure? {
    if records.isEmpty { return .refused("an append of no records") }
    for record in records {
      let size = record.key.count + (record.value?.count ?? 0)
      if size > maxRecordBytes { return .tooLarge(bytes: size, limit: maxRecordBytes) }
    }
    return nil
  }

  /// In its turn: reports come in the order of sending.
  private func refuse(_ tag: UInt64, _ failure: LogFailure) {
    let isFirst = state.withLock { state in
      if state.outstanding.isEmpty { return true }
      state.outstanding.append(tag)
      state.refused[tag] = failure
      return false
    }
    if isFirst { deliver([AppendReport(tag: tag, outcome: .failure(failure))]) }
  }

  /// Reports what was handed over first, and what was refused right behind it.
  private func settleFirst(_ report: AppendReport, into out: inout [AppendReport]) {
    out += state.withLock { state in
      guard state.isOver == nil, !state.isClosed, !state.outstanding.isEmpty else { return [] }
      state.outstanding.removeFirst()
      var settled = [report]
      while let next = state.outstanding.first, let failure = state.refused.removeValue(forKey: next) {
        state.outstanding.removeFirst()
        settled.append(AppendReport(tag: next, outcome: .failure(failure)))
      }
      return settled
    }
  }

  /// Takes the reports of one batch, in order.
  func settle(_ reports: [SettledRecord]) {
    var out: [AppendReport] = []
    var lost: String?
    for report in reports {
      // The broker's limit is lower than ours. It is not in the log, and nothing else is wrong; but what follows in a journal has no meaning without it.
      if report.error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, !isJournal {
        settleFirst(AppendReport(tag: report.tag, outcome: .failure(.tooLarge(bytes: report.size, limit: 0))), into: &out)
        continue
      }
      if report.error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED { producer.refusals.denied("Write", "topic \(topic)") }
      if report.error != RD_KAFKA_RESP_ERR_NO_ERROR {
        lost = KafkaError(code: report.error, what: "\(topic)[\(partition)]").description
        break
      }
      // Success without a valid offset happens: an implicit acknowledgement. The place of the record is not known then.
      guard report.offset >= 0 else {
        lost = "\(topic)[\(partition)]: acknowledged without a valid offset (\(report.offset))"
        break
      }
      settleFirst(AppendReport(tag: report.tag, outcome: .success(report.offset)), into: &out)
    }
    if !out.isEmpty {
      producer.refusals.allowed("Write", "topic \(topic)")
      deliver(out)
    }
    if let lost { fail(lost) }
  }

  /// Everything that is in flight is of unknown outcome.
  func fail(_ why: String) {
    let tags: [UInt64] = state.withLock { state in
      guard state.isOver == nil else { return [] }
      state.isOver = why
      defer { state.outstanding = [] }
      return state.isClosed ? [] : state.outstanding
    }
    producer.remove(self)
    if !tags.isEmpty { deliver(tags.map { AppendReport(tag: $0, outcome: .failure(.sessionLost(why))) }) }
  }

  func close() {
    state.withLock { $0.isClosed = true }
    producer.remove(self)
  }
}

/// What librdkafka reports of one record.
struct SettledRecord {
  var tag: UInt64
  var error: rd_kafka_resp_err_t
  var offset: Int64
  /// Bytes of key and value.
  var size: Int
}

/// Reports of one drain, sorted by session without losing the order within one.
struct ReportBatch {
  private var sessions: [KafkaSession] = []
  private var reports: [ObjectIdentifier: [SettledRecord]] = [:]

  mutating func add(_ ticket: Ticket, _ error: rd_kafka_resp_err_t, _ offset: Int64, size: Int) {
    // Of an append of several records the last speaks for all, unless an earlier one failed.
    guard ticket.isLast || error != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    let id = ObjectIdentifier(ticket.session)
    if reports[id] == nil { sessions.append(ticket.session) }
    reports[id, default: []].append(SettledRecord(tag: ticket.tag, error: error, offset: offset, size: size))
  }

  func deliver() {
    for session in sessions { session.settle(reports[ObjectIdentifier(session)] ?? []) }
  }
}
