import Testing

@testable import Report

@Suite("Report")
struct ReportTests {
  @Test("it stands alone: no script, nothing from elsewhere")
  func alone() {
    let page = Report.html(.small())
    for foreign in ["<script", "http:", "https:", "<link", "<img", "@import", "url("] { #expect(!page.contains(foreign)) }
    #expect(page.hasPrefix("<!doctype html>") && page.hasSuffix("</html>\n"))
  }

  @Test("the same result gives the same page")
  func pure() { #expect(Report.html(.small()) == Report.html(.small())) }

  @Test("every element that is opened is closed")
  func closed() {
    let page = Report.html(.small())
    for name in [
      "svg", "section", "table", "tr", "td", "div", "dl", "dt", "dd", "text", "span", "i", "p", "main", "style", "rect", "title",
    ] {
      let opened = page.count(of: "<\(name)>") + page.count(of: "<\(name) ")
      #expect(opened == page.count(of: "</\(name)>"), "\(name)")
    }
  }

  @Test("names from outside cannot become markup")
  func escaped() {
    var result = DemoResult.small()
    let hostile = "<script>alert('1')</script>\"&\u{0}"
    result.title = hostile
    result.subtitle = hostile
    result.madeAt = hostile
    result.recordedWaits = .init(label: hostile, note: hostile, seconds: [1])
    result.units = [.init(name: hostile, kind: hostile, tasks: 1, busy: 1, onDuty: 2)]
    result.abandonment = .init(callers: 1, recorded: 1, ours: 0, note: hostile)
    let page = Report.html(result)
    #expect(!page.contains("<script") && !page.contains("'1'") && !page.contains("\u{0}"))
    #expect(page.contains("&lt;script&gt;"))
  }

  @Test("it says at the top when something was lost or held twice")
  func verdict() {
    var result = DemoResult.small()
    #expect(Report.html(result).contains("Nothing lost, nothing assigned twice."))
    result.counts.lost = 2
    result.counts.doublyAssigned = 1
    #expect(Report.html(result).contains("2 lost, 1 assigned twice."))
  }

  @Test("the recorded wait is labelled with what it is")
  func labelled() { #expect(Report.html(.small()).contains("Dashed: recorded (context).")) }

  @Test("who gave up is compared only where it is known")
  func abandonment() {
    var result = DemoResult.small()
    #expect(!Report.html(result).contains("Giving up"))
    result.abandonment = .init(callers: 200, recorded: 20, ours: 5, note: "n")
    let page = Report.html(result)
    #expect(page.contains("Giving up") && page.contains("10.0 %") && page.contains("2.5 %"))
  }

  @Test("kinds are summed up unless nearly everybody is of their own")
  func kinds() {
    func page(_ kinds: [String]) -> String {
      var result = DemoResult.small()
      result.units = kinds.map { .init(name: "U", kind: $0, tasks: 1, busy: 1, onDuty: 2) }
      return Report.html(result)
    }
    #expect(page(["A", "A", "B", "B"]).contains("<th>kind</th>"))
    #expect(!page(["A", "B", "C"]).contains("<th>kind</th>"))
  }

  @Test("an empty day is a page too")
  func empty() {
    let counts = DemoResult.Counts(tasksIn: 0, assigned: 0, finished: 0, lost: 0, doublyAssigned: 0, realSeconds: 0, productSeconds: 0)
    let page = Report.html(
      DemoResult(
        title: "", subtitle: "", madeAt: "", start: 0, step: 0, arrivals: [], backlog: [], waits: [], units: [], counts: counts))
    #expect(page.contains("Nothing came in.") && page.contains("There were no units."))
    #expect(!page.contains("nan") && !page.contains("inf"))
  }

  @Test("odd numbers do not trap", arguments: [Double.nan, .infinity, -.infinity, -1, 1e300, 1e-300])
  func odd(value: Double) {
    var result = DemoResult.small()
    result.waits = [value, 1]
    result.recordedWaits?.seconds = [value]
    result.units[0].busy = value
    result.units[1].onDuty = value
    result.counts.realSeconds = value
    result.counts.productSeconds = value
    #expect(Report.html(result).count > 1000)
  }

  @Test("a long day in short steps is drawn in at most 240 bars")
  func merged() {
    var result = DemoResult.small()
    result.step = 60
    result.arrivals = Array(repeating: 1, count: 1440)
    result.backlog = Array(repeating: 1, count: 1440)
    let page = Report.html(result)
    #expect(page.count(of: "class=\"arrivals\"") == 240)
    #expect(page.contains("new tasks per 6 min"))
  }

  @Test("only the busiest units are named, all are in the ranking")
  func many() {
    var result = DemoResult.small()
    result.units = (0..<200).map { .init(name: "U\($0)", kind: "K", tasks: $0, busy: Double($0), onDuty: 400) }
    let page = Report.html(result)
    #expect(page.contains("the 16 busiest units") && page.contains(">U199<") && !page.contains(">U100<"))
    #expect(page.contains("rank of the unit"))
  }
}

@Suite("Curves over time")
struct CurvesTests {
  @Test("tasks count where they come, and wait until they go")
  func simple() {
    let curves = Curves([(0, 5), (4, 25), (12, nil)], start: 0, step: 10, steps: 4)
    #expect(curves.arrivals == [2, 1, 0, 0])
    #expect(curves.backlog == [2, 2, 2, 1])
  }

  @Test("a task that is taken at once never waited")
  func atOnce() {
    let curves = Curves([(3, 3), (4, 2)], start: 0, step: 10, steps: 1)
    #expect(curves.arrivals == [2] && curves.backlog == [0])
  }

  @Test("who goes when another comes has gone before")
  func swap() { #expect(Curves([(0, 5), (5, 9)], start: 0, step: 10, steps: 1).backlog == [1]) }

  @Test("what came before the start may still wait, what comes after the end does not count")
  func outside() {
    let curves = Curves([(-5, 15), (99, nil), (.nan, nil)], start: 0, step: 10, steps: 2)
    #expect(curves.arrivals == [0, 0] && curves.backlog == [1, 1])
  }

  @Test("no steps, no curves")
  func none() { #expect(Curves([(0, 1)], start: 0, step: 0, steps: 0).arrivals.isEmpty) }

  @Test("any history gives what counting second by second gives", arguments: 0..<20)
  func bruteForce(seed: Int) {
    var state = UInt64(seed)
    func draw(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % limit
    }
    let waits = (0..<60).map { _ in
      let from = Double(draw(100))
      return (from: from, to: draw(10) == 0 ? nil : from + Double(draw(30)))
    }
    let curves = Curves(waits, start: 0, step: 10, steps: 10)
    for step in 0..<10 {
      // Nothing changes within a second.
      let most = (step * 10..<step * 10 + 10).map { at in
        waits.count { $0.from <= Double(at) && ($0.to ?? 1000) > Double(at) }
      }.max()
      #expect(curves.backlog[step] == most)
    }
    #expect(curves.arrivals.reduce(0, +) == 60)
  }
}

@Suite("Summary for a terminal")
struct SummaryTests {
  @Test("a line for each figure, numbers to the right")
  func lines() {
    var result = DemoResult.small()
    result.recordedWaits?.label = "recorded\u{1B}[31m"
    let text = Report.summary(result)
    #expect(text.hasPrefix("tasks in"))
    #expect(!text.contains("\u{1B}") && !text.contains("gave up"))
    let lines = text.split(separator: "\n")
    #expect(lines.contains { $0.hasPrefix("lost ") && $0.hasSuffix(" 0") })
    #expect(lines.contains { $0.hasPrefix("wait, median ") && $0.hasSuffix(" 12 s") })
    #expect(lines.contains { $0.hasPrefix("throughput ") && $0.hasSuffix(" 2.0 tasks/s") })
  }

  @Test("who gave up is there where it is compared")
  func abandonment() {
    var result = DemoResult.small()
    result.abandonment = .init(callers: 10, recorded: 3, ours: 0, note: "")
    let text = Report.summary(result)
    #expect(text.contains("gave up ") && text.contains("gave up, recorded"))
  }
}

@Suite("Figures of a result")
struct DemoResultTests {
  @Test("percentiles are nearest rank")
  func percentiles() {
    let values = Distribution([5, 1, 3, 2, 4, .nan])
    #expect(values.percentile(50) == 3 && values.percentile(95) == 5 && values.percentile(0) == 1 && values.percentile(100) == 5)
    #expect(Distribution([]).percentile(50) == nil)
    #expect(values.share(upTo: 3) == 0.6 && values.share(upTo: 0) == 0 && values.share(upTo: 9) == 1)
  }

  @Test("utilisation stays between none and all")
  func utilisation() {
    func share(_ busy: Double, _ onDuty: Double) -> Double {
      DemoResult.Unit(name: "", kind: "", tasks: 0, busy: busy, onDuty: onDuty).utilisation
    }
    #expect(share(1, 2) == 0.5 && share(3, 2) == 1 && share(0, 0) == 0 && share(1, 0) == 1)
  }

  @Test(
    "waits are read as people say them",
    arguments: [
      (0, "0 s"), (0.25, "250 ms"), (1.54, "1.5 s"), (42, "42 s"), (119, "119 s"), (120, "2 min"), (200, "3 min 20 s"),
      (7200, "2 h 00 min"),
    ] as [(Double, String)])
  func waits(seconds: Double, text: String) { #expect(Markup.wait(seconds) == text) }

  @Test(
    "ticks are round and reach the top", arguments: [(0, 1), (1, 1), (7, 8), (91, 100), (156, 200), (1166, 1500), (1_000_000, 1_000_000)])
  func ticks(top: Double, last: Double) {
    let ticks = Scale.ticks(to: top)
    #expect((ticks.last ?? 0) >= top && (2...7).contains(ticks.count))
  }

  @Test(
    "clock times go on past midnight", arguments: [(0, "00:00"), (27_000, "07:30"), (86_400, "24:00"), (90_000, "01:00"), (-3600, "23:00")])
  func clock(seconds: Int, text: String) { #expect(Markup.clock(seconds) == text) }
}

extension String {
  fileprivate func count(of part: String) -> Int { split(separator: part, omittingEmptySubsequences: false).count - 1 }
}
