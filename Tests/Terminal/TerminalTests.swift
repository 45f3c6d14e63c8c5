import Terminal
import Testing

@Suite("Numbers for people")
struct HumanTextTests {
  @Test(
    "counts have thousands",
    arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "-1,234,567"), (Int.min, "-9,223,372,036,854,775,808")])
  func counts(value: Int, text: String) { #expect(HumanText.count(value) == text) }

  @Test(
    "large numbers are short",
    arguments: [(0, "0"), (999, "999"), (1000, "1.0k"), (999_949, "999.9k"), (999_950, "1.0M"), (34_500_000, "34.5M"), (0.25, "0.3")]
      as [(Double, String)])
  func shorts(value: Double, text: String) { #expect(HumanText.short(value) == text) }

  @Test("bytes go by 1024", arguments: [(512, "512 B"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB")])
  func bytes(value: Int, text: String) { #expect(HumanText.bytes(value) == text) }

  @Test(
    "durations take a fitting unit",
    arguments: [
      (-5, "0ns"), (350_000, "350.0µs"), (1_500_000, "1.5ms"), (12_300_000_000, "12.3s"), (245_000_000_000, "4m05s"),
      (7_380_000_000_000, "2h03m"), (273_600_000_000_000, "3d04h"),
    ] as [(Int64, String)])
  func durations(value: Int64, text: String) { #expect(HumanText.duration(nanoseconds: value) == text) }

  @Test("odd numbers do not trap", arguments: [Double.nan, .infinity, -.infinity, 1e300])
  func odd(value: Double) {
    #expect(!HumanText.decimal(value).isEmpty && !HumanText.short(value).isEmpty && !HumanText.percent(value).isEmpty)
  }
}

@Suite("Table")
struct TableTests {
  @Test("columns are aligned and as wide as they must be")
  func aligned() {
    var table = Table([("queue", .left), ("tasks", .right)])
    table.add(["support", "1,200"])
    table.add(["a\nb"])
    table.add(["x", "7", "surplus"])
    #expect(
      table.render() == """
        queue    tasks
        -------  -----
        support  1,200
        a b
        x            7

        """)
  }
}

@Suite("Progress bar")
struct ProgressBarTests {
  @Test("on a terminal one line is drawn again in place, not too often")
  func terminal() {
    var bar = ProgressBar(unit: "rows", isTerminal: true, width: 80, now: 0)
    let first = bar.update(done: 500, total: 1000, now: 1000)
    #expect(first.hasPrefix("\r[===") && first.hasSuffix("]  50.0%  500/1,000 rows  500/s  ETA 1.0s"))
    #expect(first.count <= 80 && !first.contains("\n"))
    #expect(bar.update(done: 501, total: 1000, now: 1050).isEmpty)
    #expect(!bar.update(done: 502, total: 1000, now: 1100).isEmpty)
    let last = bar.finish(done: 1000, total: 1000, now: 2000)
    #expect(last.hasPrefix("\r100.0%  1,000/1,000 rows  500/s  in 2.0s") && last.hasSuffix("\n"))
    #expect(last.count >= first.count - 1)
    #expect(bar.update(done: 1000, total: 1000, now: 9000).isEmpty && bar.finish(done: 1, total: 1, now: 9000).isEmpty)
  }

  @Test("elsewhere a plain line comes every so many percent")
  func plain() {
    var bar = ProgressBar(unit: "rows", isTerminal: false, everyPercent: 25, now: 0)
    var lines: [String] = []
    for done in 0...100 { lines.append(bar.update(done: done, total: 100, now: Int64(done) * 100)) }
    lines.append(bar.finish(done: 100, total: 100, now: 10_000))
    #expect(
      lines.joined() == """
        25.0%  25/100 rows  10/s  ETA 8.0s
        50.0%  50/100 rows  10/s  ETA 5.0s
        75.0%  75/100 rows  10/s  ETA 3.0s
        100.0%  100/100 rows  10/s  in 10.0s

        """)
  }

  @Test("odd numbers do not trap", arguments: [(5, 0), (0, 0), (-1, 10), (20, 10), (Int.max, Int.max), (0, Int.max), (1, Int.max)])
  func odd(done: Int, total: Int) {
    for isTerminal in [true, false] {
      var bar = ProgressBar(unit: "rows", isTerminal: isTerminal, width: 1, now: 10)
      _ = bar.update(done: done, total: total, now: 5)
      _ = bar.update(done: done, total: total, now: 500)
      #expect(bar.finish(done: done, total: total, now: 500).hasSuffix("\n"))
    }
  }

  @Test("a message can be written between")
  func interrupt() {
    var bar = ProgressBar(unit: "rows", isTerminal: true, now: 0)
    #expect(bar.interrupt().isEmpty)
    _ = bar.update(done: 1, total: 2, now: 1)
    #expect(bar.interrupt() == "\r\u{1B}[K")
    #expect(!bar.update(done: 1, total: 2, now: 2).isEmpty)
  }
}
