/// How the cluster's log is reached.
package struct KafkaOptions: Sendable {
  /// HOST:PORT, several separated by commas.
  package var bootstrap: String
  /// Further settings of librdkafka, for authentication and TLS.
  package var extra: [String: String]
  /// Put before every topic's, group's and transaction's name, so that several clusters can share a broker.
  package var prefix: String
  /// The node's name: its static identity in groups.
  package var node: String
  /// Bytes of key and value that one record may have; more is `.refused`.
  package var maxRecordBytes = 1 << 20
  /// How long a record that somebody waits for may be on its way, milliseconds. Journals wait without end.
  package var patience = 10_000
  /// How long a node may be silent before its partitions go to others, milliseconds.
  package var sessionTimeout = 6000

  package init(bootstrap: String, extra: [String: String] = [:], prefix: String = "", node: String) {
    self.bootstrap = bootstrap
    self.extra = extra
    self.prefix = prefix
    self.node = node
  }

  /// Common to every instance. Reconnecting soon matters more than sparing a broker that is away.
  private var common: [String: String] {
    var settings = [
      "bootstrap.servers": bootstrap, "client.id": node, "socket.nagle.disable": "true", "reconnect.backoff.ms": "50",
      "reconnect.backoff.max.ms": "1000", "topic.metadata.refresh.interval.ms": "30000", "allow.auto.create.topics": "false",
      "socket.keepalive.enable": "true",
    ]
    settings.merge(extra) { _, given in given }
    return settings
  }

  /// A journal's producer: no gap, no end of patience; librdkafka keeps the order over five requests in flight.
  var journals: [String: String] {
    producer.merging(["enable.gapless.guarantee": "true", "message.timeout.ms": "0"]) { $1 }
  }

  var producer: [String: String] {
    common.merging([
      "acks": "all", "enable.idempotence": "true", "linger.ms": "0", "message.timeout.ms": "\(patience)",
      "message.max.bytes": "\(maxRecordBytes + 65_536)", "queue.buffering.max.messages": "1000000",
    ]) { $1 }
  }

  func transactions(_ name: String) -> [String: String] {
    common.merging([
      "transactional.id": prefix + name, "transaction.timeout.ms": "30000", "message.timeout.ms": "30000", "linger.ms": "1",
      "message.max.bytes": "\(maxRecordBytes + 65_536)",
    ]) { $1 }
  }

  /// The queues hold a second of work: a full one stops fetching for a whole second. Topics that transactions write are read as they are committed.
  func consumer(committed: Bool) -> [String: String] {
    common.merging([
      "auto.offset.reset": "error", "enable.auto.commit": "false", "enable.partition.eof": "true", "fetch.min.bytes": "1",
      "fetch.wait.max.ms": committed ? "100" : "500", "isolation.level": committed ? "read_committed" : "read_uncommitted",
      "queued.min.messages": committed ? "1000000" : "200000", "queued.max.messages.kbytes": committed ? "262144" : "65536",
      "fetch.message.max.bytes": "2097152", "check.crcs": "true",
    ]) { $1 }
  }

  func member(of group: String) -> [String: String] {
    common.merging([
      "group.id": prefix + group, "group.instance.id": node, "partition.assignment.strategy": "range", "enable.auto.commit": "false",
      "session.timeout.ms": "\(sessionTimeout)", "heartbeat.interval.ms": "\(sessionTimeout / 4)", "max.poll.interval.ms": "86400000",
      "auto.offset.reset": "latest",
      // Positions that a transaction has not settled yet are waited for.
      "isolation.level": "read_committed",
    ]) { $1 }
  }

  var questions: [String: String] { common }
}

/// What the cluster's log tells whoever watches it.
package enum KafkaNotice: Sendable, Equatable, CustomStringConvertible {
  /// No broker answers.
  case unreachable(String)
  case reachable
  /// A broker refuses: authentication, rights, a topic that is not there.
  case refused(String)
  /// An instance cannot go on and is made anew.
  case fatal(String)
  /// Another node joined a group under this node's name.
  case identityTaken(String)
  case assigned(group: String, partitions: [Int])

  package var description: String {
    switch self {
    case .unreachable(let why), .refused(let why), .fatal(let why), .identityTaken(let why): why
    case .reachable: "Kafka answers"
    case .assigned(let group, let partitions): "\(group): \(partitions)"
    }
  }
}
