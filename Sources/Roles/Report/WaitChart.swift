// house: allow import Glibc because a logarithmic axis needs log10, which the standard library does not have
internal import Glibc

/// How many tasks waited no longer than so long: the whole distribution, over a logarithmic axis because waits go from milliseconds to hours.
enum WaitChart {
  private static let (left, right) = (58.0, Drawing.width - 24)
  private static let (top, bottom) = (40.0, 260.0)

  /// Places where the axis may begin, end and carry a label.
  private static let marks: [(seconds: Double, name: String)] = [
    (0.001, "1 ms"), (0.01, "10 ms"), (0.1, "100 ms"), (1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"),
    (21_600, "6 h"), (86_400, "1 d"), (864_000, "10 d"),
  ]

  static func svg(_ result: DemoResult, _ waits: Distribution) -> String {
    guard !waits.values.isEmpty else { return "" }
    let other = result.recordedWaits.map { ($0.label, Distribution($0.seconds)) }
    let shown = axis(waits, other?.1)
    let across = Scale(values: log10(shown.lowerBound)...log10(shown.upperBound), points: (left, right))
    let up = Scale(values: 0...1, points: (bottom, top))
    var body = grid(shown, across, up)
    if let (_, distribution) = other, !distribution.values.isEmpty {
      body += Drawing.path(curve(distribution, across, up), style: "other stroke dashed")
    }
    let ours = curve(waits, across, up)
    body += Drawing.area(ours, base: bottom, style: "ours fill") + Drawing.path(ours, style: "ours stroke")
    body += points(waits, across, up) + legend(other?.0)
    return Drawing.svg(height: 312, label: "Distribution of waiting times", body)
  }

  /// From the mark below what nearly all waited to the mark above the longest.
  private static func axis(_ waits: Distribution, _ other: Distribution?) -> ClosedRange<Double> {
    let least = min(1, max(0.001, waits.percentile(5) ?? 1))
    let most = max(waits.percentile(100) ?? 1, other?.percentile(100) ?? 1, 10)
    let low = marks.last { $0.seconds <= least }?.seconds ?? 0.001
    let high = marks.first { $0.seconds >= most }?.seconds ?? 864_000
    return low...high
  }

  private static func grid(_ shown: ClosedRange<Double>, _ across: Scale, _ up: Scale) -> String {
    var body = Drawing.text("share of tasks that waited no longer", x: left, y: top - 22, style: "axis")
    for percent in [0, 25, 50, 75, 100] {
      let y = up(Double(percent) / 100)
      body += Drawing.line(x1: left, y1: y, x2: right, y2: y, style: percent == 0 ? "base" : "grid")
      body += Drawing.text("\(percent) %", x: left - 8, y: y + 4, .end)
    }
    for mark in marks where shown.contains(mark.seconds) {
      let x = across(log10(mark.seconds))
      body +=
        Drawing.line(x1: x, y1: top, x2: x, y2: bottom, style: "grid")
        + Drawing.line(x1: x, y1: bottom, x2: x, y2: bottom + 5, style: "base")
      let isFirst = mark.seconds == shown.lowerBound
      body += Drawing.text(isFirst ? "≤ " + mark.name : mark.name, x: x, y: bottom + 20, .middle)
    }
    return body + Drawing.text("waiting time, logarithmic", x: right, y: bottom + 42, .end, style: "axis")
  }

  private static func curve(_ waits: Distribution, _ across: Scale, _ up: Scale) -> [(x: Double, y: Double)] {
    stride(from: left, through: right, by: 2).map { x in
      let exponent = across.values.lowerBound + (x - left) / (right - left) * (across.values.upperBound - across.values.lowerBound)
      return (x, up(waits.share(upTo: pow(10, exponent))))
    }
  }

  private static func points(_ waits: Distribution, _ across: Scale, _ up: Scale) -> String {
    // What lies before the axis begins has no place on it; the text above the plot says it.
    [50.0, 95].filter { log10(max(waits.percentile($0) ?? 0, 1e-9)) >= across.values.lowerBound }.map { percent in
      let wait = waits.percentile(percent) ?? 0
      let x = across(log10(max(wait, 1e-9)))
      let y = up(percent / 100)
      let isLeft = x > right - 120
      return "<circle class=\"ours dot\" cx=\"\(Markup.number(x))\" cy=\"\(Markup.number(y))\" r=\"4.5\"/>\n"
        + Drawing.text(
          "\(Markup.number(percent)) %: \(Markup.wait(wait))", x: x + (isLeft ? -10 : 10), y: y + 16, isLeft ? .end : .start, style: "label"
        )
    }.joined()
  }

  private static func legend(_ other: String?) -> String {
    var body = ""
    var x = right
    for (name, style) in [(other, "other stroke dashed"), ("replayed", "ours stroke")] {
      guard let name else { continue }
      body += Drawing.text(name, x: x, y: top - 22, .end, style: "label")
      let start = x - Double(name.count) * 7 - 34
      body += Drawing.line(x1: start, y1: top - 26, x2: start + 24, y2: top - 26, style: style)
      x = start - 24
    }
    return body
  }
}
