internal import Terminal

/// Numbers set large, and the comparison of those who gave up.
enum Figures {
  static func tiles(_ result: DemoResult, _ waits: Distribution) -> String {
    let counts = result.counts
    var tiles = [
      tile("Tasks in", HumanText.count(counts.tasksIn)),
      tile("Assigned", HumanText.count(counts.assigned)),
      tile("Finished", HumanText.count(counts.finished)),
    ]
    if counts.abandoned > 0 || result.abandonment != nil { tiles.append(tile("Gave up", HumanText.count(counts.abandoned))) }
    tiles += [
      tile("Lost", HumanText.count(counts.lost), counts.lost == 0 ? "good" : "bad"),
      tile("Assigned twice", HumanText.count(counts.doublyAssigned), counts.doublyAssigned == 0 ? "good" : "bad"),
      tile("Wait, median", Markup.wait(waits.percentile(50))),
      tile("Wait, 95 %", Markup.wait(waits.percentile(95))),
      tile("Throughput", HumanText.short((counts.throughput * 10).rounded() / 10), unit: "tasks/s"),
    ]
    return "<dl class=\"tiles \(tiles.count % 4 == 0 ? "four" : "five")\">\n" + tiles.joined() + "</dl>\n"
  }

  private static func tile(_ name: String, _ value: String, _ kind: String = "", unit: String = "") -> String {
    let small = unit.isEmpty ? "" : " <small>\(unit)</small>"
    return "<div\(kind.isEmpty ? "" : " class=\"\(kind)\"")><dt>\(name)</dt><dd>\(value)\(small)</dd></div>\n"
  }

  static func abandonment(_ facts: DemoResult.Abandonment) -> String {
    let callers = max(1, facts.callers)
    func row(_ name: String, _ count: Int, _ kind: String) -> String {
      let share = Double(count) / Double(callers)
      return """
        <tr><th scope="row">\(name)</th><td class="n">\(HumanText.count(count))</td>\
        <td class="n">\(Markup.percent(share))</td><td class="wide">\(UnitTable.meter(share, kind))</td></tr>

        """
    }
    return """
      <table>
      <thead><tr><th>of \(HumanText.count(facts.callers)) callers</th><th class="n">gave up</th><th class="n">share</th><th></th></tr></thead>
      <tbody>
      \(row("recorded", facts.recorded, "other"))\(row("replayed", facts.ours, "ours"))</tbody>
      </table>

      """
  }
}
