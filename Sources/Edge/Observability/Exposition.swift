/// Prometheus' text format 0.0.4.
struct Exposition {
  private(set) var text = ""

  mutating func family(_ name: String, help: String, kind: String) {
    text += "# HELP \(name) \(Self.escape(help, quotes: false))\n# TYPE \(name) \(kind)\n"
  }

  mutating func series(_ name: String, _ labels: [Label], _ instrument: Instrument) {
    switch instrument {
    case .counter(let counter): line(name, labels, String(counter.value))
    case .gauge(let gauge): line(name, labels, String(gauge.value))
    case .callback(let read): line(name, labels, Self.number(read()))
    case .histogram(let histogram): self.histogram(name, labels, histogram)
    }
  }

  private mutating func histogram(_ name: String, _ labels: [Label], _ histogram: Histogram) {
    // Cumulated from one reading, so that the last bucket equals the count even while others observe.
    var total: Int64 = 0
    let counts = histogram.bucketCounts
    for (bucket, bound) in histogram.bounds.enumerated() {
      total += counts[bucket]
      let end = Self.number(Double(bound) / histogram.unit.divisor)
      line(name + "_bucket", labels + [Label(name: "le", value: end)], String(total))
    }
    total += counts[histogram.bounds.count]
    line(name + "_bucket", labels + [Label(name: "le", value: "+Inf")], String(total))
    line(name + "_sum", labels, Self.number(Double(histogram.sum) / histogram.unit.divisor))
    line(name + "_count", labels, String(total))
  }

  private mutating func line(_ name: String, _ labels: [Label], _ value: String) {
    text += name
    if !labels.isEmpty {
      text += "{"
      for (place, label) in labels.enumerated() {
        if place > 0 { text += "," }
        text += "\(label.name)=\"\(Self.escape(label.value, quotes: true))\""
      }
      text += "}"
    }
    text += " \(value)\n"
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
    if let whole = Int64(exactly: value) { return String(whole) }
    return value.description
  }

  private static func escape(_ value: String, quotes: Bool) -> String {
    var escaped = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
