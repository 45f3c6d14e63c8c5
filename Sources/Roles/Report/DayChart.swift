internal import Terminal

/// Arrivals and backlog over the day: two panels above one time axis, because their scales have nothing to do with each other.
enum DayChart {
  private static let left = 48.0
  private static let right = Drawing.width - 12
  private static let arrivals = (top: 34.0, bottom: 190.0)
  private static let backlog = (top: 244.0, bottom: 380.0)
  /// More steps than this are drawn together: a bar of less than three points is a smear.
  private static let mostBars = 240

  static func svg(_ result: DemoResult) -> String {
    let count = max(result.arrivals.count, result.backlog.count)
    guard count > 0 else { return "" }
    let together = (count + mostBars - 1) / mostBars
    let step = result.step * together
    let arrived = chunks(result.arrivals, together) { $0.reduce(0, +) }
    let waiting = chunks(result.backlog, together) { $0.max() ?? 0 }
    let steps = (count + together - 1) / together
    let time = Scale(values: Double(result.start)...Double(result.start + steps * step), points: (left, right))
    let place = Place(start: result.start, step: step, time: time)
    let unit = Markup.wait(Double(step))
    let body =
      hours(result.start, result.start + steps * step, time)
      + panel("new tasks per \(unit)", arrivals, arrived) { scale in
        bars(arrived, place, scale)
      }
      + panel("tasks waiting, most at once per \(unit)", backlog, waiting) { scale in curve(waiting, place, scale) }
    return Drawing.svg(height: 418, label: "Arrivals and backlog over the day", body)
  }

  private struct Place {
    let start: Int
    let step: Int
    let time: Scale

    func x(_ index: Int) -> Double { time(Double(start + index * step)) }
    func hint(_ index: Int) -> String { Markup.clock(start + index * step) + "–" + Markup.clock(start + (index + 1) * step) }
  }

  private static func chunks(_ values: [Int], _ size: Int, _ merge: (ArraySlice<Int>) -> Int) -> [Int] {
    stride(from: 0, to: values.count, by: size).map { merge(values[$0..<min(values.count, $0 + size)]) }
  }

  private static func panel(
    _ title: String, _ room: (top: Double, bottom: Double), _ values: [Int], _ draw: (Scale) -> String
  ) -> String {
    let ticks = Scale.ticks(to: Double(values.max() ?? 0))
    let scale = Scale(values: 0...(ticks.last ?? 1), points: (room.bottom, room.top))
    var body = Drawing.text(title, x: left, y: room.top - 14, style: "axis")
    for tick in ticks {
      body += Drawing.line(x1: left, y1: scale(tick), x2: right, y2: scale(tick), style: tick == 0 ? "base" : "grid")
      body += Drawing.text(HumanText.short(tick), x: left - 8, y: scale(tick) + 4, .end)
    }
    return body + draw(scale)
  }

  private static func hours(_ from: Int, _ to: Int, _ time: Scale) -> String {
    let step = [900, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200].first { (to - from) / $0 <= 13 } ?? 86_400
    var body = ""
    for at in stride(from: (from + step - 1) / step * step, through: to, by: step) {
      let x = time(Double(at))
      for room in [arrivals, backlog] { body += Drawing.line(x1: x, y1: room.bottom, x2: x, y2: room.bottom + 5, style: "base") }
      body += Drawing.text(Markup.clock(at), x: x, y: backlog.bottom + 20, at == to ? .end : .middle)
    }
    return body + Drawing.text("time of day", x: right, y: backlog.bottom + 36, .end, style: "axis")
  }

  private static func bars(_ values: [Int], _ place: Place, _ scale: Scale) -> String {
    values.enumerated().filter { $1 > 0 }.map { index, value in
      let (x, width) = (place.x(index), place.x(index + 1) - place.x(index))
      let gap = width > 4 ? 1.0 : 0
      return Drawing.bar(
        x: x + gap / 2, y: scale(Double(value)), width: width - gap, height: scale(0) - scale(Double(value)), style: "arrivals",
        hint: "\(place.hint(index)): \(HumanText.count(value)) new")
    }.joined()
  }

  private static func curve(_ values: [Int], _ place: Place, _ scale: Scale) -> String {
    guard let last = values.last, values.contains(where: { $0 > 0 }) else {
      return Drawing.text("no task was seen waiting", x: (left + right) / 2, y: (backlog.top + backlog.bottom) / 2, .middle, style: "note")
    }
    let points = values.enumerated().map { (x: place.x($0), y: scale(Double($1))) } + [(place.x(values.count), scale(Double(last)))]
    let stairs = Drawing.stairs(points)
    return Drawing.area(stairs, base: scale(0), style: "backlog fill") + Drawing.path(stairs, style: "backlog stroke")
  }
}
