import APIClient
import Foundation
import HTTPClient
import JSON
import Observability
import Synchronization
import Terminal
import Trunkline

/// From the moment at which a create is due to the reservation's event over SSE, with so many creates a second whatever the answers take.
enum AtRates {
  static func run(_ home: BenchHome, rates: [Int], seconds: Double) async throws -> [TrunklineBench.Row] {
    // Everything finds a worker at once: no request but the creates stands in the way.
    let room = 50
    let workers = Int(Double(rates.reduce(rates[0], +)) * seconds) / room + 8
    return try await Served.run(home, workers: workers) { served in
      try await served.widen(to: room)
      let arrivals = Arrivals()
      var request = served.api.request("GET", served.root + "/Events/Stream")
      request.bodyLimit = .max
      let stream = request
      return try await withThrowingTaskGroup(of: [TrunklineBench.Row]?.self) { group in
        group.addTask {
          try? await served.api.stream(stream, onResponse: { _ in arrivals.opened.ring() }, onChunk: { arrivals.take($0) })
          return nil
        }
        group.addTask {
          await arrivals.opened.wait()
          var rows: [TrunklineBench.Row] = []
          _ = try await measure(served, arrivals, rate: rates[0], seconds: min(seconds, 2))
          for rate in rates { rows.append(try await measure(served, arrivals, rate: rate, seconds: seconds)) }
          return rows
        }
        var rows: [TrunklineBench.Row] = []
        while let value = try await group.next() {
          if let value {
            rows = value
            group.cancelAll()
          }
        }
        return rows
      }
    }
  }

  private static func measure(_ served: Served, _ arrivals: Arrivals, rate: Int, seconds: Double) async throws -> TrunklineBench.Row {
    let count = max(10, Int(Double(rate) * seconds))
    let first = arrivals.expect(count)
    let start = uptime() + 0.05
    var answers = LatencyHistogram()
    try await withThrowingTaskGroup(of: Int64.self) { group in
      for number in 0..<count {
        let due = start + Double(number) / Double(rate)
        let wait = Int64((due - uptime()) * 1000)
        if wait > 0 { await served.sleep(milliseconds: wait) }
        group.addTask {
          try await served.create(attributes: "{\"skill\":\((first + number) % 8),\"mark\":\(first + number)}")
          return Int64((uptime() - due) * 1e9)
        }
      }
      for try await took in group { answers.record(took) }
    }
    let end = uptime() + 30
    while !arrivals.isComplete, uptime() < end { await served.sleep(milliseconds: 5) }
    var seen = LatencyHistogram()
    for (number, at) in arrivals.times.enumerated() { if let at { seen.record(Int64((at - start - Double(number) / Double(rate)) * 1e9)) } }
    guard seen.count == count else { throw BenchFailure("\(seen.count) of \(count) reservations were seen") }
    return .init(
      what: "create → reservation event at \(rate)/s, p50 / p99", figure: seen.figures,
      note: "the answer to the create: \(answers.figures)"
    )
  }
}

/// When the event of each numbered create was read.
final class Arrivals: Sendable {
  private struct State {
    var first = 0
    var next = 0
    var times: [Double?] = []
    var missing = 0
    var rest = Data()
  }
  private let state = Mutex(State())
  /// Rung when events begin to come.
  let opened = Stop()

  /// The number of the first of so many.
  func expect(_ count: Int) -> Int {
    state.withLock { state in
      state.first = state.next
      state.next += count
      state.times = Array(repeating: nil, count: count)
      state.missing = count
      return state.first
    }
  }

  var isComplete: Bool { state.withLock { $0.missing == 0 } }
  var times: [Double?] { state.withLock { $0.times } }

  func take(_ bytes: [UInt8]) {
    let now = uptime()
    state.withLock { state in
      state.rest.append(contentsOf: bytes)
      while let end = state.rest.range(of: Data("\n\n".utf8)) {
        let event = state.rest[..<end.lowerBound]
        if event.range(of: Data("taskrouter.reservation.created".utf8)) != nil, let mark = event.range(of: Data(#"mark\":"#.utf8)) {
          let digits = event[mark.upperBound...].prefix { (48...57).contains($0) }
          let place = (Int(String(decoding: digits, as: UTF8.self)) ?? -1) - state.first
          if state.times.indices.contains(place), state.times[place] == nil {
            state.times[place] = now
            state.missing -= 1
          }
        }
        state.rest = Data(state.rest[end.upperBound...])
      }
    }
  }
}
