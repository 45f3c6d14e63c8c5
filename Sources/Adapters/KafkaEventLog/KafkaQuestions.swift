import CRdkafka
import EventLoops
import Ports
import Synchronization

/// Questions to the broker that are not on the way of work: librdkafka's calls block, so they run on a thread of their own, one after another.
final class KafkaQuestions: Sendable {
  private let handle: KafkaHandle
  let thread: EventLoop
  private let timeout: Int32 = 5000
  private let refusals: Refusals

  init(_ settings: [String: String], refusals: Refusals) throws(LogFailure) {
    self.refusals = refusals
    handle = try KafkaHandle(RD_KAFKA_PRODUCER, settings) { rd_kafka_conf_set_events($0, Int32(RD_KAFKA_EVENT_ERROR)) }
    do { thread = try EventLoop.spawn(name: "kafka-questions") } catch { throw .unavailable("\(error)") }
  }

  func ask<Answer>(
    _ deliver: @escaping @Sendable (Result<Answer, LogFailure>) -> Void,
    _ question: @escaping @Sendable (KafkaQuestions) throws(LogFailure) -> Answer
  ) {
    thread.post { [self] in
      deliver(Result { () throws(LogFailure) in try question(self) })
    }
  }

  func bounds(_ source: TopicPartition, timeout: Int32? = nil) throws(LogFailure) -> (start: Int64, end: Int64) {
    var (low, high): (Int64, Int64) = (0, 0)
    let code = patiently {
      rd_kafka_query_watermark_offsets(handle.raw, source.topic, Int32(source.partition), &low, &high, timeout ?? self.timeout)
    }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw failure(code, "the bounds of \(source)") }
    return (low, high)
  }

  /// A partition that was just made, or whose leader just changed, is asked for again for a few seconds.
  private func patiently(_ question: () -> rd_kafka_resp_err_t) -> rd_kafka_resp_err_t {
    for _ in 0..<100 {
      let code = question()
      switch code {
      case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        // Waits, and lets the instance learn meanwhile.
        rd_kafka_poll(handle.raw, 50)
      default: return code
      }
    }
    return question()
  }

  func offset(_ source: TopicPartition, since time: Int64) throws(LogFailure) -> Int64 {
    let found: (code: rd_kafka_resp_err_t, offset: Int64) = withList(source, time) { list, entry in
      let code = patiently {
        entry.pointee.offset = time
        let code = rd_kafka_offsets_for_times(handle.raw, list, timeout)
        return code == RD_KAFKA_RESP_ERR_NO_ERROR ? entry.pointee.err : code
      }
      return (code, entry.pointee.offset)
    }
    guard found.code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw failure(found.code, "a time in \(source)") }
    return found.offset >= 0 ? found.offset : try bounds(source).end
  }

  func trim(_ source: TopicPartition, before: Int64) throws(LogFailure) {
    let (start, end) = try bounds(source)
    // The last record stays, as it does where offsets are counted from it.
    let limit = min(before, end - 1)
    guard limit > start else { return }
    let code: rd_kafka_resp_err_t = withList(source, limit) { list, _ in
      var request = rd_kafka_DeleteRecords_new(list)
      defer { rd_kafka_DeleteRecords_destroy(request) }
      guard let queue = rd_kafka_queue_new(handle.raw) else { return RD_KAFKA_RESP_ERR__FAIL }
      defer { rd_kafka_queue_destroy(queue) }
      rd_kafka_DeleteRecords(handle.raw, &request, 1, nil, queue)
      guard let event = rd_kafka_queue_poll(queue, timeout) else { return RD_KAFKA_RESP_ERR__TIMED_OUT }
      defer { rd_kafka_event_destroy(event) }
      guard rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR else { return rd_kafka_event_error(event) }
      guard let result = rd_kafka_event_DeleteRecords_result(event), let offsets = rd_kafka_DeleteRecords_result_offsets(result) else {
        return RD_KAFKA_RESP_ERR__FAIL
      }
      return offsets.pointee.cnt > 0 ? offsets.pointee.elems[0].err : RD_KAFKA_RESP_ERR_NO_ERROR
    }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw failure(code, "trimming \(source)") }
  }

  private func withList<Answer>(
    _ source: TopicPartition, _ offset: Int64,
    _ body: (UnsafeMutablePointer<rd_kafka_topic_partition_list_t>, UnsafeMutablePointer<rd_kafka_topic_partition_t>) -> Answer
  ) -> Answer {
    // Neither call fails but for want of memory, where librdkafka ends the process itself.
    guard let list = rd_kafka_topic_partition_list_new(1),
      let entry = rd_kafka_topic_partition_list_add(list, source.topic, Int32(source.partition))
    else { preconditionFailure("no memory") }
    defer { rd_kafka_topic_partition_list_destroy(list) }
    entry.pointee.offset = offset
    return body(list, entry)
  }

  /// Partitions of every topic that this node's user may see.
  func topics() throws(LogFailure) -> [String: Int] {
    var metadata: UnsafePointer<rd_kafka_metadata>?
    let code = rd_kafka_metadata(handle.raw, 1, nil, &metadata, timeout)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { throw failure(code, "the list of topics") }
    defer { rd_kafka_metadata_destroy(metadata) }
    refusals.knownUser()
    var topics: [String: Int] = [:]
    for place in 0..<Int(metadata.pointee.topic_cnt) {
      let topic = metadata.pointee.topics[place]
      guard topic.err == RD_KAFKA_RESP_ERR_NO_ERROR, let name = topic.topic else { continue }
      topics[String(cString: name)] = Int(topic.partition_cnt)
    }
    return topics
  }

  private func failure(_ code: rd_kafka_resp_err_t, _ what: String) -> LogFailure {
    // The reason behind a time-out is an event of the instance's, not the call's. A refusal says more than the silence that follows from it.
    var reason = KafkaError.text(code)
    var isRefused = false
    if let queue = rd_kafka_queue_get_main(handle.raw) {
      defer { rd_kafka_queue_destroy(queue) }
      while let event = rd_kafka_queue_poll(queue, 0) {
        if rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR, let text = rd_kafka_event_error_string(event), !isRefused {
          reason = String(cString: text)
          isRefused = KafkaError.isRefusal(rd_kafka_event_error(event))
        }
        rd_kafka_event_destroy(event)
      }
    }
    if isRefused { refusals.unknownUser(reason) }
    return .unavailable("\(what): \(reason)")
  }
}
