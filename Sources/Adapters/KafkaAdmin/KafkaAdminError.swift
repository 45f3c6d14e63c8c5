internal import CRdkafka

/// Why brokers could not be asked or told. Names what to look at; never a password.
package enum KafkaAdminError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The client library does not take a setting.
  case setting(name: String, reason: String)
  case unreachable(brokers: String, reason: String)
  /// The brokers do not believe who we are.
  case notAuthenticated(brokers: String, reason: String)
  /// They do, and the right is missing.
  case notAuthorized(right: String, resource: String)
  case topicExists(String)
  /// The brokers answered, and their answer is no.
  case refused(operation: String, resource: String, reason: String)
  case noThread(reason: String)

  package var description: String {
    switch self {
    case .setting(let name, let reason): "\(name): \(reason)"
    case .unreachable(let brokers, let reason): "no answer from Kafka at \(brokers): \(reason)"
    case .notAuthenticated(let brokers, let reason):
      "Kafka at \(brokers) refuses to let us in: \(reason); see security.protocol and sasl.… in --kafka-config"
    case .notAuthorized(let right, let resource):
      "Kafka does not let this user \(right) on \(resource): give it that right (kafka-acls.sh --add --allow-principal … --operation \(right))"
    case .topicExists(let topic): "\(topic) exists already"
    case .refused(let operation, let resource, let reason): "Kafka refuses \(operation) on \(resource): \(reason)"
    case .noThread(let reason): "there is no thread for it: \(reason)"
    }
  }
}

extension KafkaAdminError {
  /// From the answer to one operation on one resource.
  static func answer(
    _ code: rd_kafka_resp_err_t, _ text: UnsafePointer<CChar>?, _ operation: String, _ resource: String, _ brokers: String
  ) -> KafkaAdminError {
    let reason = String(cString: text ?? rd_kafka_err2str(code))
    return switch code {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      .notAuthorized(right: operation, resource: resource)
    case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      .notAuthenticated(brokers: brokers, reason: reason)
    case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
      .unreachable(brokers: brokers, reason: reason)
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: .topicExists(resource)
    default: .refused(operation: operation, resource: resource, reason: reason)
    }
  }
}
