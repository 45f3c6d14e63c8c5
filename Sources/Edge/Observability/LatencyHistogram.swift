/// A histogram of any non-negative integers (nanoseconds, bytes, …) with a relative error below 1/128 and no range to choose.
///
/// Log-linear as in HdrHistogram: up to 255 exact, then 128 buckets for each power of two. Values are recorded in constant time; the
/// memory is 8 bytes a bucket up to the greatest value seen (at most 58 KiB). Not shared: each thread has its own, and they are merged.
package struct LatencyHistogram: Sendable, Equatable {
  /// One bucket that holds something.
  package struct Bucket: Sendable, Equatable {
    /// The least and greatest value that fall into it, both inclusive.
    package let values: ClosedRange<Int64>
    package let count: Int
  }

  private var counts: [Int] = []
  /// Values recorded.
  package private(set) var count = 0
  /// The least value recorded, exact; 0 when empty.
  package private(set) var min: Int64 = 0
  /// The greatest value recorded, exact; 0 when empty.
  package private(set) var max: Int64 = 0
  private var sum = 0.0

  package init() {}

  /// The mean, exact but for the rounding of sums beyond 2⁵³; 0 when empty.
  package var mean: Double { count == 0 ? 0 : sum / Double(count) }

  /// Records `value` `times` times; a negative one (a clock stepped back) counts as 0.
  package mutating func record(_ value: Int64, times: Int = 1) {
    guard times > 0 else { return }
    let value = Swift.max(0, value)
    let index = Self.index(value)
    if index >= counts.count { counts.append(contentsOf: repeatElement(0, count: index + 1 - counts.count)) }
    counts[index] += times
    min = count == 0 ? value : Swift.min(min, value)
    max = Swift.max(max, value)
    count += times
    sum += Double(value) * Double(times)
  }

  /// Adds all that `other` recorded.
  package mutating func merge(_ other: LatencyHistogram) {
    guard other.count > 0 else { return }
    if other.counts.count > counts.count {
      counts.append(contentsOf: repeatElement(0, count: other.counts.count - counts.count))
    }
    for (index, times) in other.counts.enumerated() { counts[index] += times }
    min = count == 0 ? other.min : Swift.min(min, other.min)
    max = Swift.max(max, other.max)
    count += other.count
    sum += other.sum
  }

  /// The least value that at least `percent` of the recorded values do not exceed, rounded up to its bucket's end and never beyond
  /// `max`; 0 when empty. `percent` is held within 0…100. Linear in the buckets.
  package func percentile(_ percent: Double) -> Int64 {
    guard count > 0 else { return 0 }
    let bounded = percent.isNaN ? 100 : Swift.min(100, Swift.max(0, percent))
    let wanted = Swift.max(1, Int((bounded / 100 * Double(count)).rounded(.up)))
    var seen = 0
    for (index, times) in counts.enumerated() {
      seen += times
      if seen >= wanted { return Swift.max(min, Swift.min(max, Self.values(index).upperBound)) }
    }
    return max
  }

  /// The buckets that hold something, ascending: for plots.
  package var buckets: [Bucket] {
    counts.enumerated().compactMap { index, times in times == 0 ? nil : Bucket(values: Self.values(index), count: times) }
  }

  private static func index(_ value: Int64) -> Int {
    if value < 256 { return Int(value) }
    let shift = 56 - value.leadingZeroBitCount
    return shift << 7 + Int(value >> Int64(shift))
  }

  private static func values(_ index: Int) -> ClosedRange<Int64> {
    if index < 256 { return Int64(index)...Int64(index) }
    let shift = index >> 7 - 1
    let lowest = Int64(index - shift << 7) << Int64(shift)
    return lowest...(lowest + (1 << Int64(shift) - 1))
  }
}
