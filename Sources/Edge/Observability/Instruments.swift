internal import Synchronization

/// A number that only grows. One relaxed atomic addition; callable from any thread.
package final class Counter: Sendable {
  private let total = Atomic<Int64>(0)

  init() {}

  /// Adds `amount`, which must not be negative: a negative one is ignored, because scrapers take a fall for a restart.
  package func add(_ amount: Int64 = 1) {
    guard amount > 0 else { return }
    total.wrappingAdd(amount, ordering: .relaxed)
  }

  /// The sum so far.
  package var value: Int64 { total.load(ordering: .relaxed) }
}

/// A number that goes up and down. One relaxed atomic operation; callable from any thread.
package final class Gauge: Sendable {
  private let current = Atomic<Int64>(0)

  init() {}

  package func set(_ value: Int64) { current.store(value, ordering: .relaxed) }

  /// Adds `amount`, which may be negative.
  package func add(_ amount: Int64) { current.wrappingAdd(amount, ordering: .relaxed) }

  package var value: Int64 { current.load(ordering: .relaxed) }
}

/// Counts of values in fixed buckets. Three relaxed atomic additions a value; callable from any thread.
///
/// Values are integers in a base unit (nanoseconds, bytes), so that the sum is one addition and exact.
package final class Histogram: Sendable {
  /// What the integers are, and what they become in the exposition.
  package enum Unit: Sendable {
    /// Observed in nanoseconds, exposed in seconds.
    case nanoseconds
    /// Exposed as observed: bytes, records.
    case plain

    var divisor: Double {
      switch self {
      case .nanoseconds: 1e9
      case .plain: 1
      }
    }
  }

  /// More buckets than this are not kept.
  package static let mostBuckets = 24

  /// 100 µs to 60 s, for round trips and waits.
  package static let latencyBounds: [Int64] = [
    100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000,
    500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000, 30_000_000_000, 60_000_000_000,
  ]

  /// Inclusive upper ends of the buckets, ascending; one more bucket takes what is greater.
  let bounds: [Int64]
  let unit: Unit
  private let counts: InlineArray<25, Atomic<Int64>>
  private let total = Atomic<Int64>(0)

  init(bounds: [Int64], unit: Unit) {
    self.bounds = Array(Set(bounds).sorted().prefix(Self.mostBuckets))
    self.unit = unit
    counts = InlineArray<25, Atomic<Int64>> { _ in Atomic(0) }
  }

  /// Counts `value`, in the unit's base.
  package func observe(_ value: Int64) {
    var bucket = 0
    while bucket < bounds.count && value > bounds[bucket] { bucket += 1 }
    counts[bucket].wrappingAdd(1, ordering: .relaxed)
    total.wrappingAdd(value, ordering: .relaxed)
  }

  /// Values in each bucket, the last one beyond all bounds.
  var bucketCounts: [Int64] { (0...bounds.count).map { counts[$0].load(ordering: .relaxed) } }

  /// Sum of the values, in the unit's base.
  package var sum: Int64 { total.load(ordering: .relaxed) }

  /// Values so far.
  package var count: Int64 { bucketCounts.reduce(0, +) }
}
