import EventLoops
import Foundation
import KafkaEventLog
import Ports
import SQLiteEventLog
import Trunkline

/// What the adapter takes when it does nothing else: records of the size of an import's lines, as many at once and in flight as an import appends them.
enum RawAppends {
  private static let bytes = 300
  private static let together = 256
  private static let inFlight = 8
  private static let target = TopicPartition("work.bulk", 0)

  static func run(_ home: BenchHome, seconds: Double) async throws -> [TrunklineBench.Row] {
    let rate = try await home.isCluster ? onKafka(home, seconds) : onSQLite(seconds)
    return [
      .init(
        what: "raw appends of the log", figure: TrunklineBench.perSecond(Int(rate), 1),
        note: "records of \(bytes) B, \(together) an append, \(inFlight) in flight, one partition, durable")
    ]
  }

  private static func onSQLite(_ seconds: Double) async throws -> Double {
    try await withFolder { folder in
      let log = try SQLiteEventLog(folder: folder, topics: Node.topics, clock: SystemClock())
      defer { log.shutdown() }
      return try await rate(log, seconds)
    }
  }

  private static func onKafka(_ home: BenchHome, _ seconds: Double) async throws -> Double {
    guard let cluster = try await home.cluster() else { throw BenchFailure("a measurement of the cluster home") }
    let loop = try EventLoop.spawn(name: "appends")
    defer { loop.stop() }
    let log = try await cluster.log(node: "appends", on: loop)
    defer { log.shutdown() }
    return try await rate(log, seconds)
  }

  /// Records a second.
  private static func rate(_ log: any EventLog, _ seconds: Double) async throws -> Double {
    let reports = AsyncStream.makeStream(of: Result<Int64, LogFailure>.self)
    let session = log.openSession(target, durability: .synced) { for report in $0 { reports.continuation.yield(report.outcome) } }
    defer { session.close() }
    let value = [UInt8](repeating: 0x61, count: bytes - 16)
    let records = (0..<together).map { _ in NewRecord(key: [UInt8](repeating: 1, count: 16), value: value) }
    let start = uptime()
    var (sent, done) = (0, 0)
    func send() {
      sent += 1
      session.append(records, tag: UInt64(sent))
    }
    for _ in 0..<inFlight { send() }
    for await report in reports.stream {
      _ = try report.get()
      done += 1
      if uptime() < start + seconds { send() } else if done == sent { break }
    }
    return Double(done * together) / (uptime() - start)
  }
}
