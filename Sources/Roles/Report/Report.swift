internal import Terminal

/// The report about a replayed day.
package enum Report {
  /// One page that needs nothing beside itself: no script, no font, no image from elsewhere. Readable in light and dark, on screen and paper.
  /// A pure function: the same result gives the same bytes. O(n log n) in the tasks.
  package static func html(_ result: DemoResult) -> String {
    let waits = Distribution(result.waits)
    var page = """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <title>\(Markup.text(result.title))</title>
      <style>
      \(Stylesheet.css)
      </style>
      </head>
      <body>
      <main>

      """
    page += header(result) + Figures.tiles(result, waits)
    page += section("The day", dayText(result), [DayChart.svg(result)])
    page += section("Waiting", waitText(result, waits), [WaitChart.svg(result, waits)])
    if let abandonment = result.abandonment { page += section("Giving up", abandonment.note, [Figures.abandonment(abandonment)]) }
    page += section(
      "Units", unitText(result), [UnitTable.html(result.units), UnitChart.ranked(result.units), UnitChart.busiest(result.units)])
    page += footer(result)
    page += "</main>\n</body>\n</html>\n"
    return page
  }

  private static func header(_ result: DemoResult) -> String {
    let counts = result.counts
    let verdict =
      counts.isClean
      ? "<p class=\"verdict good\"><b>Nothing lost, nothing assigned twice.</b> "
        + "Each of \(HumanText.count(counts.tasksIn)) tasks is accounted for.</p>"
      : "<p class=\"verdict bad\"><b>\(HumanText.count(counts.lost)) lost, \(HumanText.count(counts.doublyAssigned)) assigned twice.</b> "
        + "This must not happen: please report it.</p>"
    return """
      <header>
      <p class="mark">Trunkline</p>
      <h1>\(Markup.text(result.title))</h1>
      <p class="lead">\(Markup.text(result.subtitle))</p>
      \(verdict)
      </header>

      """
  }

  private static func section(_ title: String, _ text: String, _ parts: [String]) -> String {
    "<section>\n<h2>\(title)</h2>\n<p>\(Markup.text(text))</p>\n" + parts.joined() + "</section>\n"
  }

  private static func dayText(_ result: DemoResult) -> String {
    guard let peak = result.arrivals.max(), peak > 0, let place = result.arrivals.firstIndex(of: peak) else { return "Nothing came in." }
    let waited = result.backlog.max() ?? 0
    let backlog = waited == 0 ? "No task was seen waiting." : "At most \(HumanText.count(waited)) waited at once."
    return "The busiest \(Markup.wait(Double(result.step))) began at \(Markup.clock(result.start + place * result.step)) with "
      + "\(HumanText.count(peak)) new task\(peak == 1 ? "" : "s"). \(backlog)"
  }

  private static func waitText(_ result: DemoResult, _ waits: Distribution) -> String {
    guard !waits.values.isEmpty else { return "No task was assigned, so none has a waiting time." }
    let ours =
      "From the creation of a task to its assignment. Half waited no longer than \(Markup.wait(waits.percentile(50))), "
      + "95 % no longer than \(Markup.wait(waits.percentile(95))), the longest \(Markup.wait(waits.percentile(100)))."
    guard let other = result.recordedWaits else { return ours }
    return ours + " Dashed: \(other.label) (\(other.note))."
  }

  private static func unitText(_ result: DemoResult) -> String {
    let shares = Distribution(result.units.map(\.utilisation))
    guard let mean = shares.mean, let middle = shares.percentile(50) else { return "There were no units." }
    let idle = result.units.count { $0.tasks == 0 }
    return "The share of its time on duty in which a unit had a task in hand. \(HumanText.count(result.units.count)) units: mean "
      + "\(Markup.percent(mean)), median \(Markup.percent(middle)), busiest \(Markup.percent(shares.percentile(100) ?? 0))"
      + (idle == 0 ? "." : "; \(HumanText.count(idle)) had no task.")
  }

  private static func footer(_ result: DemoResult) -> String {
    let counts = result.counts
    let speed = counts.realSeconds > 0 ? counts.productSeconds / counts.realSeconds : 0
    let requests = counts.requests.map { ", \(HumanText.count($0)) requests to the public API" } ?? ""
    let text =
      "\(result.madeAt). \(Markup.wait(counts.productSeconds)) of product time in \(Markup.wait(counts.realSeconds)) of real time "
      + "(\(HumanText.short(speed.rounded())) times as fast)\(requests). Times on the plots are product time."
    return "<footer><p>\(Markup.text(text))</p></footer>\n"
  }
}
