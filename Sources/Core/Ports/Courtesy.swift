import Synchronization

/// When somebody last waited for an answer here. Work that nobody waits for makes room while that is not long ago.
package final class Courtesy: Sendable {
  private let last = Atomic<Int64>(.min / 2)
  /// Milliseconds.
  private let memory: Int64 = 2000

  package init() {}

  /// - Parameter now: of the monotonic clock, milliseconds.
  package func note(_ now: Int64) { last.store(now, ordering: .relaxed) }

  package func isDue(_ now: Int64) -> Bool { now - last.load(ordering: .relaxed) < memory }
}
