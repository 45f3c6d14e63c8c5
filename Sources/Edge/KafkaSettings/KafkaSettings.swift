/// Where Kafka is and how a client says who it is: the brokers, and librdkafka's own settings for TLS and SASL as an operator's file has them.
/// Its description never shows a value that could be a secret.
package struct KafkaSettings: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
  /// `host:port`, several with commas between.
  package let bootstrap: String
  /// librdkafka's names and values.
  package let extra: [String: String]

  package init(bootstrap: String, extra: [String: String] = [:]) {
    self.bootstrap = bootstrap
    self.extra = extra
  }

  /// Reads `--kafka` and the text of `--kafka-config`. Errors name the place and the rule, and never show a value of the file.
  package init(bootstrap: String, file: String?, path: String = "kafka-config") throws(KafkaSettingsError) {
    self.init(
      bootstrap: try Self.brokers(bootstrap),
      extra: try file.map { text throws(KafkaSettingsError) in try Self.parse(text, path: path) } ?? [:])
  }

  /// Names whose values are worth seeing and say nothing secret; whatever else stands there is hidden.
  private static let shown: Set<String> = [
    "security.protocol", "sasl.mechanism", "sasl.mechanisms", "ssl.ca.location", "ssl.certificate.location", "ssl.key.location",
    "ssl.endpoint.identification.algorithm", "enable.ssl.certificate.verification", "client.id", "client.rack", "broker.address.family",
  ]

  package var description: String {
    ([bootstrap] + extra.sorted { $0.key < $1.key }.map { "\($0.key)=\(Self.shown.contains($0.key) ? $0.value : "********")" })
      .joined(separator: " ")
  }

  package var debugDescription: String { description }
}

/// What is wrong with `--kafka` or the file of `--kafka-config`.
package enum KafkaSettingsError: Error, Sendable, Hashable, CustomStringConvertible {
  case brokers(received: String)
  case line(path: String, line: Int, rule: String)

  package var description: String {
    switch self {
    case .brokers(let received): "--kafka must be host:port, several with commas between; received '\(received)'"
    case .line(let path, let line, let rule): "\(path):\(line): \(rule)"
    }
  }
}

extension KafkaSettings {
  /// `host:port[,host:port…]` without spaces. IPv6 in brackets.
  static func brokers(_ text: String) throws(KafkaSettingsError) -> String {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { $0.filter { $0 != " " } }
    for part in parts {
      guard let colon = part.lastIndex(of: ":"), let port = UInt16(part[part.index(after: colon)...]), port > 0 else {
        throw .brokers(received: text)
      }
      let host = part[..<colon]
      let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
      guard !host.isEmpty, isBracketed || !host.contains(":"), host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2F && $0 != 0x40 })
      else { throw .brokers(received: text) }
    }
    return parts.joined(separator: ",")
  }

  /// `key=value` lines, as Kafka's own client files have them; # and ! begin a comment. A value is what stands behind the first `=`, so that a
  /// password may hold any character.
  static func parse(_ text: String, path: String) throws(KafkaSettingsError) -> [String: String] {
    var found: [String: String] = [:]
    var number = 0
    for raw in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      number += 1
      let line = trimmed(raw)
      guard let first = line.first, first != "#", first != "!" else { continue }
      func wrong(_ rule: String) -> KafkaSettingsError { .line(path: path, line: number, rule: rule) }
      guard let equals = line.firstIndex(of: "=") else { throw wrong("must be key=value") }
      let key = String(trimmed(line[..<equals]))
      guard !key.isEmpty, key.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2E || $0 == 0x5F })
      else { throw wrong("a key has lower-case letters, digits and dots alone") }
      if let reason = refused(key) { throw wrong("\(key) cannot be set here: \(reason)") }
      guard found[key] == nil else { throw wrong("\(key) stands there twice") }
      found[key] = String(trimmed(line[line.index(after: equals)...]))
    }
    return found
  }

  /// What the protocol of the log rests on, or what would do something else than reach brokers.
  private static func refused(_ key: String) -> String? {
    switch key {
    case "bootstrap.servers", "metadata.broker.list": "--kafka says where the brokers are"
    case "plugin.library.paths": "it loads code"
    case "sasl.jaas.config": "Java's clients alone read it; set sasl.username and sasl.password"
    case "acks", "request.required.acks", "enable.idempotence", "enable.gapless.guarantee", "transactional.id", "message.send.max.retries",
      "retries", "max.in.flight", "max.in.flight.requests.per.connection", "queue.buffering.backpressure.threshold":
      "what is acknowledged must be there, in order"
    case "group.id", "group.instance.id", "auto.offset.reset", "enable.auto.commit", "enable.auto.offset.store", "isolation.level",
      "partition.assignment.strategy", "allow.auto.create.topics", "enable.partition.eof":
      "who reads what, and from where, is Trunkline's own"
    default: nil
    }
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
    return text
  }
}
