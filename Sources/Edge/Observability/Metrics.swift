internal import Synchronization

/// The process's metrics: makes instruments once, and writes them as Prometheus text.
///
/// Asking again for the same name and labels gives the same instrument. Looking one up takes a lock and a dictionary, so hot code keeps
/// what it got. A family takes at most `mostSeries` label sets; further ones share a series whose label values are all `other`, so that
/// labels taken from outside cannot fill the memory.
package final class Metrics: Sendable {
  /// Label names and values of one series.
  package typealias Labels = KeyValuePairs<String, String>

  /// One series of a family that is read as a whole.
  package typealias Reading = (labels: Labels, value: Double)

  private struct Family: Sendable {
    let help: String
    let kind: String
    var series: [[Label]: Instrument] = [:]
    /// Series that never counted anything are left out: for families of many label sets of which few occur.
    var hidesUnused = false
    /// Reads all series at once, where they come and go.
    var read: (@Sendable () -> [Reading])?

    /// By labels.
    var shown: [([Label], Instrument)] {
      var shown = series.map { ($0.key, $0.value) }.filter { !hidesUnused || !$0.1.isUnused }
      for reading in read?() ?? [] {
        let value = reading.value
        shown.append((Label.sorted(reading.labels), .callback { value }))
      }
      return shown.sorted { Label.ordered($0.0, $1.0) }
    }
  }

  private let families = Mutex<[String: Family]>([:])
  private let mostSeries: Int

  package init(mostSeries: Int = 1000) { self.mostSeries = mostSeries }

  /// A counter; by convention its name ends in `_total`. `hidesUnused`: series of the family are shown from their first count on.
  package func counter(_ name: StaticString, help: StaticString, labels: Labels = [:], hidesUnused: Bool = false) -> Counter {
    let found = instrument(name, help, "counter", labels, hidesUnused: hidesUnused) { .counter(Counter()) }
    guard case .counter(let counter) = found else { return Counter() }
    return counter
  }

  package func gauge(_ name: StaticString, help: StaticString, labels: Labels = [:]) -> Gauge {
    let found = instrument(name, help, "gauge", labels) { .gauge(Gauge()) }
    guard case .gauge(let gauge) = found else { return Gauge() }
    return gauge
  }

  /// A gauge that is read when it is scraped, by whichever thread scrapes. A second callback for the same series replaces the first.
  package func gauge(_ name: StaticString, help: StaticString, labels: Labels = [:], read: @escaping @Sendable () -> Double) {
    _ = instrument(name, help, "gauge", labels, replace: true) { .callback(read) }
  }

  /// A counter that somebody else keeps, read when it is scraped. It must only grow.
  package func counter(_ name: StaticString, help: StaticString, labels: Labels = [:], read: @escaping @Sendable () -> Double) {
    _ = instrument(name, help, "counter", labels, replace: true) { .callback(read) }
  }

  /// Gauges whose label sets come and go, read as a whole when they are scraped: what is not read any more is not shown any more.
  package func gauges(_ name: StaticString, help: StaticString, read: @escaping @Sendable () -> [Reading]) {
    let name = name.description
    assert(Label.isMetricName(name), "metric name \(name)")
    families.withLock { $0[name] = Family(help: help.description, kind: "gauge", read: read) }
  }

  /// A histogram with buckets up to and including each of `bounds` (base unit of `unit`, at most `Histogram.mostBuckets`).
  package func histogram(
    _ name: StaticString, help: StaticString, labels: Labels = [:], unit: Histogram.Unit = .nanoseconds,
    bounds: [Int64] = Histogram.latencyBounds, hidesUnused: Bool = false
  ) -> Histogram {
    let found = instrument(name, help, "histogram", labels, hidesUnused: hidesUnused) { .histogram(Histogram(bounds: bounds, unit: unit)) }
    guard case .histogram(let histogram) = found else { return Histogram(bounds: bounds, unit: unit) }
    return histogram
  }

  /// Content type of `exposition()`.
  package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// All series in Prometheus' text format 0.0.4, families by name and series by labels.
  package func exposition() -> String {
    // Callbacks run outside the lock: they may take locks of their own, or make instruments.
    let copy = families.withLock { $0 }
    var text = Exposition()
    for (name, family) in copy.sorted(by: { $0.key < $1.key }) {
      text.family(name, help: family.help, kind: family.kind)
      for (labels, instrument) in family.shown { text.series(name, labels, instrument) }
    }
    return text.text
  }

  /// A name used for two kinds is a mistake in the code: asserted in debug builds; else the later one gets an instrument of its own that is
  /// not exposed, because metrics must not stop the product.
  private func instrument(
    _ name: StaticString, _ help: StaticString, _ kind: String, _ labels: Labels, replace: Bool = false, hidesUnused: Bool = false,
    _ make: @Sendable () -> Instrument
  ) -> Instrument {
    let name = name.description
    assert(Label.isMetricName(name), "metric name \(name)")
    let labels = Label.sorted(labels)
    return families.withLock { families in
      var family = families[name] ?? Family(help: help.description, kind: kind, hidesUnused: hidesUnused)
      assert(family.kind == kind, "metric \(name) is a \(family.kind), asked for as \(kind)")
      guard family.kind == kind else { return make() }
      var key = labels
      if family.series[key] == nil && family.series.count >= mostSeries { key = labels.map { Label(name: $0.name, value: "other") } }
      if !replace, let there = family.series[key] { return there }
      let made = make()
      family.series[key] = made
      families[name] = family
      return made
    }
  }
}

/// One label.
struct Label: Hashable, Sendable {
  let name: String
  let value: String

  static func sorted(_ labels: KeyValuePairs<String, String>) -> [Label] {
    labels.map { Label(name: $0.key, value: $0.value) }.sorted { $0.name < $1.name }
  }

  static func ordered(_ one: [Label], _ other: [Label]) -> Bool {
    one.lexicographicallyPrecedes(other) { $0.name == $1.name ? $0.value < $1.value : $0.name < $1.name }
  }

  static func isMetricName(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      (0x30...0x3A).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
    }
  }
}

/// What a series is made of.
enum Instrument: Sendable {
  case counter(Counter)
  case gauge(Gauge)
  case callback(@Sendable () -> Double)
  case histogram(Histogram)

  var isUnused: Bool {
    switch self {
    case .counter(let counter): counter.value == 0
    case .histogram(let histogram): histogram.count == 0
    case .gauge, .callback: false
    }
  }
}
