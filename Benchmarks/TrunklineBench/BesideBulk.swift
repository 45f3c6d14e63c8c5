import APIClient
import Foundation
import HTTPClient
import JSON
import Observability
import Synchronization
import Terminal
import Trunkline

/// What somebody who creates one task after another feels of an import into the same workspace.
enum BesideBulk {
  static func run(_ home: BenchHome, lines: Int, seconds: Double) async throws -> [TrunklineBench.Row] {
    try await Served.run(home, workers: 1) { served in
      let idle = try await Creates(served: served).until(uptime() + max(seconds, 10))
      let over = Mutex(false)
      // Made before: it would take from whoever works beside it.
      let pieces = pieces(of: lines)
      let begun = uptime()
      async let imported: Double = {
        defer { over.withLock { $0 = true } }
        return try await importPieces(served, pieces)
      }()
      var beside = LatencyHistogram()
      while !over.withLock({ $0 }) { try await Creates(served: served).one(&beside) }
      let took = try await imported - begun
      let ratio = Double(beside.percentile(99)) / Double(max(1, idle.percentile(99)))
      return [
        .init(what: "create with nothing else going on, p50 / p99", figure: idle.figures, note: "\(idle.count) creates, 20 a second"),
        .init(
          what: "create beside an import, p50 / p99", figure: beside.figures,
          note:
            "p99 \(HumanText.decimal(ratio)) times; \(beside.count) creates; \(HumanText.count(lines)) lines took \(HumanText.decimal(took)) s"
        ),
      ]
    }
  }

  private struct Creates {
    let served: Served

    func one(_ histogram: inout LatencyHistogram) async throws {
      let start = uptime()
      try await served.create(attributes: #"{"skill":9,"who":"waits"}"#)
      histogram.record(Int64((uptime() - start) * 1e9))
      await served.sleep(milliseconds: max(1, 50 - Int64((uptime() - start) * 1000)))
    }

    func until(_ end: Double) async throws -> LatencyHistogram {
      var histogram = LatencyHistogram()
      while uptime() < end { try await one(&histogram) }
      return histogram
    }
  }

  /// How many lines, and they.
  private typealias Piece = (count: Int, text: [UInt8])

  private static func pieces(of lines: Int) -> [Piece] {
    let most = 100_000
    // All but the last are as long, and share one text.
    var piece: Piece = (0, [])
    return stride(from: 0, to: lines, by: most).map { first in
      let count = min(most, lines - first)
      if count != piece.count { piece = (count, text(count)) }
      return piece
    }
  }

  private static func text(_ lines: Int) -> [UInt8] {
    var text: [UInt8] = []
    for number in 0..<lines {
      text += Array("{\"attributes\":{\"skill\":9,\"number\":\(number),\"title\":\"a ticket of ordinary length\"}}\n".utf8)
    }
    return text
  }

  /// When everything was decided.
  private static func importPieces(_ served: Served, _ pieces: [Piece]) async throws -> Double {
    for (number, piece) in pieces.enumerated() {
      var request = served.api.request("POST", served.root + "/Tasks/Bulk?ImportId=bench-\(number)&WorkflowSid=\(served.workflow)")
      request.headers = [(name: "Content-Type", value: "application/x-ndjson")]
      request.body = .bytes(piece.text)
      request.totalTimeoutMilliseconds = 3_600_000
      _ = try APIClient.read(try await served.api.send(request))
      while true {
        let status = try await served.api.call("GET", served.root + "/Tasks/Bulk/bench-\(number)")
        if status.root[key: "decided"]?.integer ?? 0 >= piece.count { break }
        await served.sleep(milliseconds: 100)
      }
    }
    return uptime()
  }
}
