import Ports
import Synchronization

/// What a node's imports and partitions know of its clients: when the last one was heard.
final class NodeCourtesy: Courtesy {
  private let last = Atomic<Int64>(.min / 2)
  /// Milliseconds.
  private let memory: Int64 = 2000

  func note(_ now: Int64) { last.store(now, ordering: .relaxed) }

  func isDue(_ now: Int64) -> Bool { now - last.load(ordering: .relaxed) < memory }
}
