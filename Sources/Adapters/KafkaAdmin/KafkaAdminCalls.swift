internal import CRdkafka

extension KafkaAdmin {
  struct Entry {
    var value: String
    /// Set for this topic, not inherited from the broker.
    var isOverride: Bool
  }

  /// Makes topics. Those that exist already, perhaps made by somebody else this moment, are left alone and given back.
  package func create(_ topics: [KafkaNewTopic]) throws(KafkaAdminError) -> [String] {
    guard !topics.isEmpty else { return [] }
    var made: [OpaquePointer?] = []
    defer { for one in made { rd_kafka_NewTopic_destroy(one) } }
    for topic in topics {
      var text = [CChar](repeating: 0, count: 256)
      guard
        let new = rd_kafka_NewTopic_new(
          topic.name, Int32(clamping: topic.partitions), Int32(clamping: topic.replication), &text, text.count)
      else { throw .refused(operation: "Create", resource: "topic \(topic.name)", reason: "its name or numbers are not possible") }
      made.append(new)
      for (name, value) in topic.settings { rd_kafka_NewTopic_set_config(new, name, value) }
    }
    return try withAnswer(
      "Create", RD_KAFKA_ADMIN_OP_CREATETOPICS, send: { rd_kafka_CreateTopics(handle, &made, made.count, $0, answers) },
      read: { event throws(KafkaAdminError) in
        var count = 0
        let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
        var there: [String] = []
        for result in UnsafeBufferPointer(start: results, count: count) {
          let code = rd_kafka_topic_result_error(result)
          let name = String(cString: rd_kafka_topic_result_name(result))
          if code == RD_KAFKA_RESP_ERR_NO_ERROR { continue }
          guard code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS else {
            throw .answer(code, rd_kafka_topic_result_error_string(result), "Create", "topic \(name)", brokers)
          }
          there.append(name)
        }
        return there
      })
  }

  /// Deletes topics with all that is in them; those that are not there are passed over.
  package func delete(_ topics: [String]) throws(KafkaAdminError) {
    guard !topics.isEmpty else { return }
    var gone: [OpaquePointer?] = topics.map { rd_kafka_DeleteTopic_new($0) }
    defer { for one in gone { rd_kafka_DeleteTopic_destroy(one) } }
    try withAnswer(
      "Delete", RD_KAFKA_ADMIN_OP_DELETETOPICS, send: { rd_kafka_DeleteTopics(handle, &gone, gone.count, $0, answers) },
      read: { event throws(KafkaAdminError) in
        var count = 0
        let results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count)
        for result in UnsafeBufferPointer(start: results, count: count) {
          let code = rd_kafka_topic_result_error(result)
          if code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART { continue }
          let name = String(cString: rd_kafka_topic_result_name(result))
          throw .answer(code, rd_kafka_topic_result_error_string(result), "Delete", "topic \(name)", brokers)
        }
      })
  }

  /// Changes settings of one topic and leaves its others as they are.
  package func change(_ topic: String, _ settings: [String: String]) throws(KafkaAdminError) {
    // This call of librdkafka replaces all that is set for the topic, so what is set already goes along with what is new.
    guard let present = try self.settings(of: [topic])[topic] else {
      throw .refused(operation: "AlterConfigs", resource: "topic \(topic)", reason: "it does not exist")
    }
    let all = present.filter(\.value.isOverride).mapValues(\.value).merging(settings) { $1 }
    guard let resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic) else { return }
    defer { rd_kafka_ConfigResource_destroy(resource) }
    for (name, value) in all { rd_kafka_ConfigResource_set_config(resource, name, value) }
    var resources: [OpaquePointer?] = [resource]
    try withAnswer(
      "AlterConfigs", RD_KAFKA_ADMIN_OP_ALTERCONFIGS, send: { rd_kafka_AlterConfigs(handle, &resources, 1, $0, answers) },
      read: { event throws(KafkaAdminError) in
        var count = 0
        let results = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count)
        for result in UnsafeBufferPointer(start: results, count: count) {
          let code = rd_kafka_ConfigResource_error(result)
          if code != RD_KAFKA_RESP_ERR_NO_ERROR {
            throw .answer(code, rd_kafka_ConfigResource_error_string(result), "AlterConfigs", "topic \(topic)", brokers)
          }
        }
      })
  }

  /// Settings of those topics that exist.
  func settings(of topics: [String]) throws(KafkaAdminError) -> [String: [String: Entry]] {
    guard !topics.isEmpty else { return [:] }
    var resources: [OpaquePointer?] = topics.map { rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, $0) }
    defer { for resource in resources { if let resource { rd_kafka_ConfigResource_destroy(resource) } } }
    guard resources.allSatisfy({ $0 != nil }) else {
      throw .refused(operation: "DescribeConfigs", resource: "topics", reason: "a name is not possible")
    }
    return try withAnswer(
      "DescribeConfigs", RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
      send: { rd_kafka_DescribeConfigs(handle, &resources, resources.count, $0, answers) },
      read: { event throws(KafkaAdminError) in
        var count = 0
        let results = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count)
        var found: [String: [String: Entry]] = [:]
        for result in UnsafeBufferPointer(start: results, count: count) {
          let name = String(cString: rd_kafka_ConfigResource_name(result))
          let code = rd_kafka_ConfigResource_error(result)
          if code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART { continue }
          guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw .answer(code, rd_kafka_ConfigResource_error_string(result), "DescribeConfigs", "topic \(name)", brokers)
          }
          found[name] = Self.entries(result)
        }
        return found
      })
  }

  private static func entries(_ resource: OpaquePointer?) -> [String: Entry] {
    var count = 0
    let list = rd_kafka_ConfigResource_configs(resource, &count)
    var found: [String: Entry] = [:]
    for entry in UnsafeBufferPointer(start: list, count: count) {
      // No setting of a topic is secret, the only case without a value.
      guard let value = rd_kafka_ConfigEntry_value(entry) else { continue }
      found[String(cString: rd_kafka_ConfigEntry_name(entry))] = Entry(
        value: String(cString: value), isOverride: rd_kafka_ConfigEntry_source(entry) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG)
    }
    return found
  }

  /// Sends one request and reads its answer while the answer's memory is there. Left to itself the client sends to the controller and, where that
  /// one has just died, waits for it until time is up; any broker takes these requests, so one after another is asked. Each of them may safely be sent twice.
  private func withAnswer<Value>(
    _ operation: String, _ kind: rd_kafka_admin_op_t, send: (OpaquePointer?) -> Void,
    read: (OpaquePointer) throws(KafkaAdminError) -> Value
  ) throws(KafkaAdminError) -> Value {
    if nodes.isEmpty { _ = try shape() }
    let share = min(patience, max(3000, patience / Int32(clamping: max(1, nodes.count))))
    var last = KafkaAdminError.unreachable(brokers: brokers, reason: "they name no broker")
    for node in nodes {
      do throws(KafkaAdminError) {
        let value = try ask(node, share, operation, kind, send: send, read: read)
        nodes = [node] + nodes.filter { $0 != node }
        return value
      } catch {
        guard case .unreachable = error else { throw error }
        last = error
      }
    }
    throw last
  }

  private func ask<Value>(
    _ node: Int32, _ milliseconds: Int32, _ operation: String, _ kind: rd_kafka_admin_op_t, send: (OpaquePointer?) -> Void,
    read: (OpaquePointer) throws(KafkaAdminError) -> Value
  ) throws(KafkaAdminError) -> Value {
    let options = rd_kafka_AdminOptions_new(handle, kind)
    defer { rd_kafka_AdminOptions_destroy(options) }
    var text = [CChar](repeating: 0, count: 256)
    rd_kafka_AdminOptions_set_request_timeout(options, milliseconds, &text, text.count)
    rd_kafka_AdminOptions_set_broker(options, node, &text, text.count)
    send(options)
    // The client answers by itself when the request's time is up; the margin is for that answer.
    guard let event = rd_kafka_queue_poll(answers, milliseconds + 2000) else {
      throw .unreachable(brokers: brokers, reason: "no answer to \(operation) within \(milliseconds) ms")
    }
    defer { rd_kafka_event_destroy(event) }
    let code = rd_kafka_event_error(event)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw .answer(code, rd_kafka_event_error_string(event), operation, "the cluster", brokers)
    }
    return try read(event)
  }
}
