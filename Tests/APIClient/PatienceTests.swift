import APIClient
import Synchronization
import Testing

/// Time that passes by sleeping alone.
private final class FakeTime: Sendable {
  private let state = Mutex((now: Int64(0), slept: [Int64]()))
  var slept: [Int64] { state.withLock { $0.slept } }

  func patience(milliseconds: Int64) -> Patience {
    Patience(
      milliseconds: milliseconds, now: { self.state.withLock { $0.now } },
      sleep: { pause in
        self.state.withLock { state in
          state.now += pause
          state.slept.append(pause)
        }
      })
  }
}

@Suite("Patience with a server")
struct PatienceTests {
  @Test("what passes is waited for as long as the server asks, ten seconds at most and a quarter of a second at least")
  func waiting() async throws {
    let time = FakeTime()
    var failures = [
      APIFailure(status: 0, "away"), APIFailure(status: 503, "filled", retryAfter: 1), APIFailure(status: 429, "many", retryAfter: 999),
      APIFailure(status: 500, "no time", retryAfter: 0),
    ]
    let value = try await time.patience(milliseconds: 60_000).insist { () throws -> Int in
      if !failures.isEmpty { throw failures.removeFirst() }
      return 7
    }
    #expect(value == 7)
    #expect(time.slept == [250, 1000, 10_000, 250])
  }

  @Test("a refusal is thrown at once", arguments: [400, 401, 404, 409, 413])
  func refusal(status: Int) async {
    let time = FakeTime()
    await #expect(throws: APIFailure.self) {
      try await time.patience(milliseconds: 60_000).insist { throw APIFailure(status: status, "no") }
    }
    #expect(time.slept == [])
  }

  @Test("it outlasts a take-over with the refill behind it, and ends")
  func end() async {
    let time = FakeTime()
    await #expect(throws: APIFailure.self) {
      try await time.patience(milliseconds: 60_000).insist { throw APIFailure(status: 503, "filled", retryAfter: 1) }
    }
    #expect(time.slept.reduce(0, +) == 60_000)
  }
}
