import Observability
import Testing

@Suite("LatencyHistogram")
struct LatencyHistogramTests {
  @Test("an empty one answers zero")
  func empty() {
    let histogram = LatencyHistogram()
    #expect(histogram.percentile(50) == 0 && histogram.max == 0 && histogram.mean == 0 && histogram.buckets.isEmpty)
  }

  @Test("small values are exact")
  func exact() {
    var histogram = LatencyHistogram()
    for value: Int64 in 1...100 { histogram.record(value) }
    #expect(histogram.percentile(0) == 1 && histogram.percentile(50) == 50 && histogram.percentile(99) == 99)
    #expect(histogram.percentile(100) == 100 && histogram.percentile(.nan) == 100 && histogram.mean == 50.5)
  }

  @Test("every value lands in a bucket that holds it and is narrower than 1/128 of it")
  func buckets() {
    var values: [Int64] = [0, 1, 127, 128, 255, 256, 257, 511, 512, 1000, .max, .max - 1]
    for bit in 8..<63 { values += [1 << bit, 1 << bit - 1, 1 << bit + 1] as [Int64] }
    for value in values {
      var histogram = LatencyHistogram()
      histogram.record(value)
      #expect(histogram.buckets.count == 1)
      let bucket = histogram.buckets[0].values
      #expect(bucket.contains(value))
      #expect(Double(bucket.upperBound - bucket.lowerBound) <= Double(value) / 128)
      #expect(histogram.percentile(50) == value)
    }
  }

  @Test("merged parts equal the whole")
  func merging() {
    var whole = LatencyHistogram()
    var parts = [LatencyHistogram(), LatencyHistogram(), LatencyHistogram()]
    var state: UInt64 = 42
    for step in 0..<10_000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let value = Int64(state >> 34)
      whole.record(value)
      parts[step % 2].record(value)
    }
    var merged = LatencyHistogram()
    for part in parts { merged.merge(part) }
    #expect(merged == whole)
  }

  @Test("negative values count as zero, and times as often as they say")
  func edges() {
    var histogram = LatencyHistogram()
    histogram.record(-5)
    histogram.record(7, times: 3)
    histogram.record(9, times: 0)
    #expect(histogram.count == 4 && histogram.min == 0 && histogram.max == 7 && histogram.percentile(26) == 7)
  }
}
