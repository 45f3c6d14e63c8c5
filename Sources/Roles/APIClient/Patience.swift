/// How long somebody goes on asking a server that cannot answer at the moment, as while a partition is taken over and its memory is filled.
///
/// Only for what may be done twice: a GET, or a POST with an `Idempotency-Key`. Time is handed in: nothing here reads a clock.
package struct Patience: Sendable {
  /// Since the first failure in a row. A take-over lasts a session's time-out (6 s by default) and a refill of a large scope some seconds more.
  private let milliseconds: Int64
  private let now: @Sendable () -> Int64
  private let sleep: @Sendable (_ milliseconds: Int64) async -> Void

  /// - Parameters:
  ///   - now: milliseconds of a clock that only grows.
  ///   - sleep: returns at once when the task is cancelled.
  package init(
    milliseconds: Int64 = 60_000, now: @escaping @Sendable () -> Int64, sleep: @escaping @Sendable (_ milliseconds: Int64) async -> Void
  ) {
    self.milliseconds = milliseconds
    self.now = now
    self.sleep = sleep
  }

  /// Does it again as long as it fails for a reason that passes, after the time that the server asks for. Throws the last failure when patience ends.
  package func insist<Value>(_ work: () async throws -> Value) async throws -> Value {
    var began: Int64?
    while true {
      do { return try await work() } catch let failure as APIFailure where failure.mayPass {
        let start = began ?? now()
        began = start
        guard now() - start < milliseconds, !Task.isCancelled else { throw failure }
        await sleep(max(250, min(failure.retryAfter ?? 0, 10) * 1000))
      }
    }
  }
}
