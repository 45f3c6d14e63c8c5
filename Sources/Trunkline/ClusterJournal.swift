import EventLoops
import KafkaEventLog
package import KafkaSettings
package import Ports

/// Reads a cluster's journals from beside, as anybody with the right to read may: joins no group and changes nothing.
package final class ClusterJournal: Sendable {
  private let log: KafkaEventLog
  private let loop: EventLoop
  private let place: String
  /// Milliseconds without an answer after which it is given up.
  private static let patience: Int64 = 20_000

  /// Connects. Errors: `NodeFailure` when no broker answers in time.
  package init(_ settings: KafkaSettings, prefix: String) async throws {
    place = "\(settings.bootstrap)\(prefix.isEmpty ? "" : " under '\(prefix)'")"
    loop = try EventLoop.spawn(name: "journal")
    do {
      let options = KafkaOptions(bootstrap: settings.bootstrap, extra: settings.extra, prefix: prefix, node: "journal-show")
      log = try KafkaEventLog(options: options, lanes: [], loop: loop)
    } catch {
      loop.stop()
      throw NodeFailure("\(error)")
    }
    let start = loop.monotonicMilliseconds
    while true {
      let found: Result<[String: Int], LogFailure> = await withCheckedContinuation { continuation in
        log.connect { continuation.resume(returning: $0) }
      }
      guard case .failure(let failure) = found else { return }
      guard loop.monotonicMilliseconds - start < ClusterJournal.patience / 2 else {
        close()
        throw NodeFailure("no answer from Kafka at \(settings.bootstrap): \(failure)")
      }
    }
  }

  package func close() {
    log.shutdown()
    loop.stop()
  }

  /// In order. Errors: `NodeFailure` when there is no such topic.
  package func partitions(of topic: String) throws(NodeFailure) -> [TopicPartition] {
    guard let count = log.partitions(of: topic) else {
      throw NodeFailure("there is no topic \(topic) at \(place): is that the --topic-prefix of the cluster?")
    }
    return (0..<count).map { TopicPartition(topic, $0) }
  }

  /// Gives out what is in a partition now, from an offset on; what was trimmed is passed over.
  package func read(_ source: TopicPartition, from offset: Int64, _ take: ([LogRecord]) -> Void) async throws {
    let bounds = try await log.bounds(source)
    let reader = log.openReader(source, from: max(offset, bounds.start), key: nil, visibility: .committed) {}
    defer { reader.close() }
    var heard = loop.monotonicMilliseconds
    // Others append while it is read: the end is where it was at the beginning.
    while reader.position < bounds.end {
      let records = try reader.take(records: 500, bytes: 4 << 20)
      if !records.isEmpty {
        heard = loop.monotonicMilliseconds
        take(records)
        continue
      }
      if reader.isAtEnd { return }
      guard loop.monotonicMilliseconds - heard < ClusterJournal.patience else { throw NodeFailure("\(source) at \(place) does not answer") }
      try await loop.sleep(milliseconds: 10)
    }
  }
}
