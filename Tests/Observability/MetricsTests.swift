import Dispatch
import Observability
import Testing

@Suite("Metrics")
struct MetricsTests {
  @Test("an empty registry writes nothing")
  func empty() { #expect(Metrics().exposition().isEmpty) }

  @Test("counters, gauges and callbacks are written as Prometheus text")
  func exposition() {
    let metrics = Metrics()
    metrics.counter("requests_total", help: "Requests.", labels: ["method": "POST", "code": "200"]).add(2)
    metrics.gauge("waiting", help: "Waiting\ncommands.").set(-5)
    metrics.gauge("age_seconds", help: "Age.", labels: ["p": "a\"b\\c\n"]) { 1.5 }
    #expect(
      metrics.exposition() == """
        # HELP age_seconds Age.
        # TYPE age_seconds gauge
        age_seconds{p="a\\"b\\\\c\\n"} 1.5
        # HELP requests_total Requests.
        # TYPE requests_total counter
        requests_total{code="200",method="POST"} 2
        # HELP waiting Waiting\\ncommands.
        # TYPE waiting gauge
        waiting -5

        """)
  }

  @Test("a histogram's buckets are cumulative and its bounds inclusive")
  func histogram() {
    let metrics = Metrics()
    let waits = metrics.histogram("wait_seconds", help: "Waits.", bounds: [1_000_000_000, 5_000_000])
    for value: Int64 in [5_000_000, 5_000_001, 3_000_000_000] { waits.observe(value) }
    #expect(
      metrics.exposition() == """
        # HELP wait_seconds Waits.
        # TYPE wait_seconds histogram
        wait_seconds_bucket{le="0.005"} 1
        wait_seconds_bucket{le="1"} 2
        wait_seconds_bucket{le="+Inf"} 3
        wait_seconds_sum 3.010000001
        wait_seconds_count 3

        """)
  }

  @Test("the same name and labels, in any order, give the same instrument")
  func sharing() {
    let metrics = Metrics()
    let one = metrics.counter("a_total", help: "A.", labels: ["x": "1", "y": "2"])
    let other = metrics.counter("a_total", help: "A.", labels: ["y": "2", "x": "1"])
    #expect(one === other)
    #expect(one !== metrics.counter("a_total", help: "A.", labels: ["x": "1", "y": "3"]))
  }

  @Test("beyond the limit of series the rest share one")
  func limit() {
    let metrics = Metrics(mostSeries: 2)
    for account in 0..<5 { metrics.counter("a_total", help: "A.", labels: ["account": "\(account)"]).add() }
    #expect(metrics.counter("a_total", help: "A.", labels: ["account": "77"]).value == 3)
    #expect(metrics.exposition().contains("a_total{account=\"other\"} 3\n"))
  }

  @Test("a counter never falls")
  func monotone() {
    let counter = Metrics().counter("a_total", help: "A.")
    counter.add(3)
    counter.add(-1)
    #expect(counter.value == 3)
  }

  @Test("nothing is lost between threads")
  func threads() {
    let metrics = Metrics()
    let histogram = metrics.histogram("h", help: "H.", unit: .plain, bounds: [10])
    DispatchQueue.concurrentPerform(iterations: 4) { _ in
      for _ in 0..<1000 {
        metrics.counter("a_total", help: "A.").add()
        histogram.observe(3)
      }
    }
    #expect(metrics.counter("a_total", help: "A.").value == 4000)
    #expect(histogram.count == 4000 && histogram.sum == 12_000)
  }
}
