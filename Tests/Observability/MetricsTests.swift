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

  @Test("A family that hides what is unused shows a series from its first count on, and its name always")
  func unused() {
    let metrics = Metrics()
    let counters = ["a", "b"].map { metrics.counter("answers_total", help: "A.", labels: ["route": $0], hidesUnused: true) }
    let histograms = ["a", "b"].map { metrics.histogram("time_seconds", help: "T.", labels: ["route": $0], hidesUnused: true) }
    #expect(metrics.exposition().split(separator: "\n").allSatisfy { $0.hasPrefix("#") })
    #expect(metrics.exposition().contains("# TYPE answers_total counter\n"))
    counters[1].add()
    histograms[0].observe(1)
    #expect(metrics.exposition().contains("answers_total{route=\"b\"} 1\n") && !metrics.exposition().contains("answers_total{route=\"a\"}"))
    #expect(metrics.exposition().contains("time_seconds_count{route=\"a\"} 1\n") && !metrics.exposition().contains("route=\"b\",le"))
  }

  @Test("Gauges that are read as a whole come and go")
  func readings() {
    let metrics = Metrics()
    let partitions = Metrics().gauge("partitions", help: "P.")
    partitions.set(2)
    metrics.gauges("ready", help: "R.") { (0..<partitions.value).map { (["partition": "\($0)"], 1) } }
    #expect(metrics.exposition().contains("ready{partition=\"0\"} 1\nready{partition=\"1\"} 1\n"))
    partitions.set(1)
    #expect(!metrics.exposition().contains("partition=\"1\""))
  }

  @Test("The process is described by the names of Prometheus' libraries, plausibly")
  func process() throws {
    let metrics = Metrics()
    ProcessFigures.register(in: metrics)
    func value(_ name: String) throws -> Double {
      let line = try #require(metrics.exposition().split(separator: "\n").first { $0.hasPrefix(name + " ") })
      return try #require(Double(line.split(separator: " ")[1]))
    }
    #expect(try value("process_resident_memory_bytes") > 1_000_000)
    #expect(try value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"))
    #expect(try value("process_open_fds") >= 3 && value("process_open_fds") <= value("process_max_fds"))
    #expect(try value("process_cpu_seconds_total") > 0)
    #expect(try value("process_start_time_seconds") > 1_500_000_000)
    #expect(try value("process_threads") >= 1)
  }
}
