/// A sorted distribution of finite values; others are left out.
package struct Distribution: Sendable {
  /// Ascending.
  package let values: [Double]

  /// O(n log n).
  package init(_ values: [Double]) { self.values = values.filter(\.isFinite).sorted() }

  /// The smallest value that at least `percent` of all do not exceed (nearest rank); nil of nothing.
  package func percentile(_ percent: Double) -> Double? {
    guard !values.isEmpty else { return nil }
    let rank = (percent / 100 * Double(values.count)).rounded(.up)
    return values[min(values.count - 1, max(0, Int(rank) - 1))]
  }

  /// The share of values ≤ `value`, 0 to 1; 0 of nothing. O(log n).
  package func share(upTo value: Double) -> Double {
    guard !values.isEmpty else { return 0 }
    var (low, high) = (0, values.count)
    while low < high {
      let middle = (low + high) / 2
      if values[middle] <= value { low = middle + 1 } else { high = middle }
    }
    return Double(low) / Double(values.count)
  }

  /// Nil of nothing.
  package var mean: Double? { values.isEmpty ? nil : values.reduce(0, +) / Double(values.count) }
}
