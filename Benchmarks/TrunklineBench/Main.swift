import Foundation
import Terminal

/// First figures of the embedded home, one table: what it does a second, how long one thing takes, and what it writes.
///     swift run -c release TrunklineBench [seconds a measurement]
@main
enum TrunklineBench {
  static func main() async throws {
    let seconds = CommandLine.arguments.dropFirst().first.flatMap(Double.init) ?? 5
    var table = Table([(title: "what", alignment: .left), (title: "figure", alignment: .right), (title: "beside it", alignment: .left)])
    for (name, measure) in measurements {
      FileHandle.standardError.write(Data("measuring: \(name)\n".utf8))
      for row in try await measure(seconds) { table.add([row.what, row.figure, row.note]) }
    }
    print(
      "Trunkline, embedded home, \(ProcessInfo.processInfo.activeProcessorCount) cores shared with the load; \(seconds) s a measurement")
    print(table.render())
  }

  struct Row {
    var what: String
    var figure: String
    var note: String
  }

  static let measurements: [(String, @Sendable (Double) async throws -> [Row])] = [
    ("lifecycles through machine and log", { try await MachineAndLog.run(seconds: $0) }),
    ("lifecycles through HTTP", { try await ThroughHTTP.run(seconds: $0) }),
    ("create to reservation event", { try await Latency.run(seconds: $0) }),
    ("bulk", { try await Bulk.run(seconds: $0) }),
  ]

  static func perSecond(_ count: Int, _ seconds: Double) -> String { HumanText.count(Int(Double(count) / seconds)) + "/s" }
}

/// Seconds of a clock that only grows.
func uptime() -> Double { ProcessInfo.processInfo.systemUptime }

/// A folder that goes when the measurement is over.
func withFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
  let folder = NSTemporaryDirectory() + "trunkline-bench-\(UUID().uuidString)"
  defer { try? FileManager.default.removeItem(atPath: folder) }
  return try await body(folder)
}
