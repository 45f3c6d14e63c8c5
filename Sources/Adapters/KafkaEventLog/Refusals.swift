import CRdkafka
import EventLoops
import Synchronization

/// What brokers refuse to this node's user now, for the log and `/ready`.
///
/// Nobody tells when a right was given: whoever was refused tries again, and what then succeeds is struck off. What nobody tries any more is forgotten after a while, so
/// that a node which is sent no requests because it lacks a right gets one to try.
final class Refusals: Sendable {
  private struct Entry {
    var text: String
    var told: Int64
  }

  /// Milliseconds after which one that was not met again counts for nothing.
  static let memory: Int64 = 30_000

  private let now: @Sendable () -> Int64
  private let notify: @Sendable (KafkaNotice) -> Void
  private let entries = Mutex<[String: Entry]>([:])

  init(now: @escaping @Sendable () -> Int64, notify: @escaping @Sendable (KafkaNotice) -> Void) {
    self.now = now
    self.notify = notify
  }

  /// All of them in one sentence; nil when there are none.
  var problem: String? {
    let now = now()
    let texts = entries.withLock { entries in
      entries = entries.filter { now - $0.value.told < Refusals.memory }
      return Set(entries.values.map(\.text)).sorted()
    }
    return texts.isEmpty ? nil : texts.joined(separator: "; ")
  }

  /// The user lacks a right on `resource` ("topic work.commands", as brokers know it). Logged when it is news.
  func denied(_ operation: String, _ resource: String) {
    note(
      "\(operation) \(resource)",
      "Kafka does not let this user \(operation) on \(resource): give it that right (kafka-acls.sh --add --allow-principal … --operation \(operation))"
    )
  }

  /// The brokers do not believe who this node is.
  func unknownUser(_ reason: String) { note("", KafkaError.unknownUser(reason)) }

  private func note(_ key: String, _ text: String) {
    let now = now()
    let isNews = entries.withLock { entries in
      defer { entries[key] = Entry(text: text, told: now) }
      return entries[key].map { now - $0.told >= Refusals.memory } ?? true
    }
    if isNews { notify(.refused(text)) }
  }

  func allowed(_ operation: String, _ resource: String) { forget("\(operation) \(resource)") }

  /// A broker has answered a question of this user's.
  func knownUser() { forget("") }

  private func forget(_ key: String) {
    entries.withLock { entries in
      guard !entries.isEmpty else { return }
      entries[key] = nil
    }
  }
}

extension KafkaError {
  /// Whether a broker said no, whoever asks again.
  static func isRefusal(_ code: rd_kafka_resp_err_t) -> Bool {
    [RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, RD_KAFKA_RESP_ERR__SSL].contains(code)
  }

  static func unknownUser(_ reason: String) -> String {
    // Behind this the library tells its own timing and how often it said so.
    let end = reason.firstRange(of: " (after ")?.lowerBound ?? reason.endIndex
    return "Kafka refuses to let this node in: \(reason[..<end]); see security.protocol and sasl.… in --kafka-config"
  }
}
