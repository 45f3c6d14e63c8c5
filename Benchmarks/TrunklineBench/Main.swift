import Foundation
import Observability
import Terminal

/// Figures of one home, one table: what it does a second, how long one thing takes, and what it writes.
///     swift run -c release TrunklineBench [seconds a measurement] [embedded | cluster BROKERS REDIS]
@main
enum TrunklineBench {
  static func main() async throws {
    let words = Array(CommandLine.arguments.dropFirst())
    let seconds = words.first.flatMap(Double.init) ?? 5
    let home = try BenchHome(Array(words.dropFirst()))
    let only = ProcessInfo.processInfo.environment["ONLY"]
    var table = Table([(title: "what", alignment: .left), (title: "figure", alignment: .right), (title: "beside it", alignment: .left)])
    for (name, measure) in home.isCluster ? onCluster : embedded where only == nil || name.contains(only ?? "") {
      FileHandle.standardError.write(Data("measuring: \(name)\n".utf8))
      for row in try await measure(home, seconds) { table.add([row.what, row.figure, row.note]) }
    }
    print("Trunkline, \(home), \(ProcessInfo.processInfo.activeProcessorCount) cores shared with the load; \(seconds) s a measurement")
    print(table.render())
  }

  struct Row {
    var what: String
    var figure: String
    var note: String
  }

  private typealias Measurement = (name: String, run: @Sendable (BenchHome, Double) async throws -> [Row])

  private static let embedded: [Measurement] = [
    ("lifecycles through machine and log", { _, seconds in try await MachineAndLog.run(seconds: seconds) }),
    ("lifecycles through HTTP", { try await ThroughHTTP.run($0, seconds: $1) }),
    ("create to reservation event", { try await Latency.run($0, seconds: $1) }),
    ("bulk", { try await RawAppends.run($0, seconds: $1) + Bulk.run($0, seconds: $1) }),
    ("interactive beside bulk", { try await BesideBulk.run($0, lines: lines, seconds: $1) }),
  ]

  private static let onCluster: [Measurement] = [
    ("lifecycles through machine and log", { try await MachineAndKafka.run($0, seconds: $1) }),
    ("lifecycles through HTTP", { try await ThroughHTTP.run($0, seconds: $1) }),
    ("create to reservation event, one at a time", { try await Latency.run($0, seconds: $1) }),
    ("create to reservation event at rates", { try await AtRates.run($0, rates: [10, 100, 500], seconds: $1) }),
    ("bulk", { try await RawAppends.run($0, seconds: $1) + Bulk.run($0, seconds: $1) }),
    ("interactive beside bulk", { try await BesideBulk.run($0, lines: lines, seconds: $1) }),
  ]

  /// Of the import that somebody works beside: LINES=1000000 for a long one.
  private static let lines = ProcessInfo.processInfo.environment["LINES"].flatMap { Int($0) } ?? 100_000

  static func perSecond(_ count: Int, _ seconds: Double) -> String { HumanText.count(Int(Double(count) / seconds)) + "/s" }
}

extension LatencyHistogram {
  /// Median and 99th percentile, as the table shows them.
  var figures: String { [50, 99].map { HumanText.duration(nanoseconds: percentile($0)) }.joined(separator: " / ") }
}

/// Seconds of a clock that only grows.
func uptime() -> Double { ProcessInfo.processInfo.systemUptime }

/// A folder that goes when the measurement is over.
func withFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
  let folder = NSTemporaryDirectory() + "trunkline-bench-\(UUID().uuidString)"
  defer { try? FileManager.default.removeItem(atPath: folder) }
  return try await body(folder)
}
