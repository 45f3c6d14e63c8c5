internal import Terminal

/// How busy the units were: all of them in order, and the busiest by name.
enum UnitChart {
  /// A team is named whole; of more, only the busiest: longer lists nobody reads.
  private static func named(of count: Int) -> Int { count <= 24 ? count : 16 }

  static func ranked(_ units: [DemoResult.Unit]) -> String {
    guard units.count > named(of: units.count) else { return "" }
    let shares = units.map(\.utilisation).sorted(by: >)
    let (left, right, top, bottom) = (58.0, Drawing.width - 24, 34.0, 150.0)
    let across = Scale(values: 0...Double(shares.count), points: (left, right))
    let up = Scale(values: 0...1, points: (bottom, top))
    var body = Drawing.text("time with a task in hand, all units from busiest to idlest", x: left, y: top - 16, style: "axis")
    for percent in [0, 50, 100] {
      let y = up(Double(percent) / 100)
      body += Drawing.line(x1: left, y1: y, x2: right, y2: y, style: percent == 0 ? "base" : "grid")
      body += Drawing.text("\(percent) %", x: left - 8, y: y + 4, .end)
    }
    let points = shares.enumerated().map { (x: across(Double($0)), y: up($1)) } + [(right, up(shares.last ?? 0))]
    let stairs = Drawing.stairs(points)
    body += Drawing.area(stairs, base: bottom, style: "units fill") + Drawing.path(stairs, style: "units stroke")
    let ticks = Scale.ticks(to: Double(shares.count)).filter { $0 > 0 && $0 <= Double(shares.count) }
    for tick in ticks {
      body += Drawing.line(x1: across(tick), y1: bottom, x2: across(tick), y2: bottom + 5, style: "base")
      body += Drawing.text(HumanText.short(tick), x: across(tick), y: bottom + 20, .middle)
    }
    body += Drawing.text("rank of the unit", x: right, y: bottom + 38, .end, style: "axis")
    return Drawing.svg(height: 196, label: "Utilisation of all units, ranked", body)
  }

  static func busiest(_ units: [DemoResult.Unit]) -> String {
    guard !units.isEmpty else { return "" }
    let shown = units.sorted { ($1.utilisation, $1.tasks, $0.name) < ($0.utilisation, $0.tasks, $1.name) }.prefix(named(of: units.count))
    let (left, right, top, row) = (190.0, Drawing.width - 150, 34.0, 23.0)
    let bottom = top + Double(shown.count) * row
    let across = Scale(values: 0...1, points: (left, right))
    let title = units.count > shown.count ? "the \(shown.count) busiest units" : "all units, busiest first"
    var body = Drawing.text(title, x: 0, y: top - 16, style: "axis")
    for percent in [0, 25, 50, 75, 100] {
      let x = across(Double(percent) / 100)
      body += Drawing.line(x1: x, y1: top, x2: x, y2: bottom, style: percent == 0 ? "base" : "grid")
      body += Drawing.text("\(percent) %", x: x, y: bottom + 18, .middle)
    }
    for (place, unit) in shown.enumerated() {
      let y = top + Double(place) * row
      let share = Markup.percent(unit.utilisation)
      let tasks = "\(HumanText.count(unit.tasks)) task\(unit.tasks == 1 ? "" : "s")"
      body += Drawing.text(short(unit.name, 12), x: 0, y: y + 16, style: "label")
      body += Drawing.text(short(unit.kind, 15), x: left - 10, y: y + 16, .end)
      body += Drawing.bar(
        x: left, y: y + 4, width: across(unit.utilisation) - left, height: row - 8, style: "units",
        hint: "\(unit.name): \(share), \(tasks), \(Markup.wait(unit.busy)) of \(Markup.wait(unit.onDuty))")
      body += Drawing.text(share, x: right + 62, y: y + 16, .end, style: "label") + Drawing.text(tasks, x: Drawing.width, y: y + 16, .end)
    }
    return Drawing.svg(height: bottom + 28, label: "Utilisation of the busiest units", body)
  }

  private static func short(_ name: String, _ most: Int) -> String { name.count <= most ? name : name.prefix(most - 1) + "…" }
}

/// The units by kind, as a table; left out where it would be no summary.
enum UnitTable {
  static func html(_ units: [DemoResult.Unit]) -> String {
    let kinds = Dictionary(grouping: units, by: \.kind).sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
    // Where nearly everybody is of a kind of their own, the plots by name say more.
    guard !kinds.isEmpty, kinds.count <= 12, kinds.count == 1 || kinds.count * 2 <= units.count else { return "" }
    let rows = kinds.map { kind, units in
      let shares = Distribution(units.map(\.utilisation))
      let mean = shares.mean ?? 0
      return """
        <tr><th scope="row">\(Markup.text(kind))</th><td class="n">\(HumanText.count(units.count))</td>\
        <td class="n">\(HumanText.count(units.reduce(0) { $0 + $1.tasks }))</td><td class="n">\(Markup.percent(mean))</td>\
        <td class="n">\(Markup.percent(shares.percentile(100) ?? 0))</td><td class="wide">\(meter(mean, "units"))</td></tr>

        """
    }
    return """
      <table>
      <thead><tr><th>kind</th><th class="n">units</th><th class="n">tasks</th><th class="n">mean</th><th class="n">busiest</th><th></th></tr></thead>
      <tbody>
      \(rows.joined())</tbody>
      </table>

      """
  }

  /// A bar in a cell; `share` from 0 to 1.
  static func meter(_ share: Double, _ kind: String) -> String {
    "<span class=\"meter\"><i class=\"\(kind)\" style=\"width:\(Markup.number(min(1, max(0, share)) * 100))%\"></i></span>"
  }
}
