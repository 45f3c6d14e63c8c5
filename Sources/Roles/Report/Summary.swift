internal import Terminal

extension Report {
  /// The figures as a table for a terminal, a line each.
  package static func summary(_ result: DemoResult) -> String {
    let counts = result.counts
    let waits = Distribution(result.waits)
    var table = Table([("", .left), ("", .right)])
    func row(_ name: String, _ value: String) { table.add([name, value]) }
    row("tasks in", HumanText.count(counts.tasksIn))
    row("assigned", HumanText.count(counts.assigned))
    row("finished", HumanText.count(counts.finished))
    if counts.abandoned > 0 || result.abandonment != nil { row("gave up", HumanText.count(counts.abandoned)) }
    if let abandonment = result.abandonment { row("gave up, recorded", HumanText.count(abandonment.recorded)) }
    row("lost", HumanText.count(counts.lost))
    row("assigned twice", HumanText.count(counts.doublyAssigned))
    row("wait, median", Markup.wait(waits.percentile(50)))
    row("wait, 95 %", Markup.wait(waits.percentile(95)))
    if let other = result.recordedWaits {
      let recorded = Distribution(other.seconds)
      row("\(other.label), median", Markup.wait(recorded.percentile(50)))
      row("\(other.label), 95 %", Markup.wait(recorded.percentile(95)))
    }
    row("throughput", HumanText.decimal(counts.throughput) + " tasks/s")
    row("real time", Markup.wait(counts.realSeconds))
    var text = table.render()
    // The table's titles are empty: its first two lines say nothing.
    text = text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(2).joined(separator: "\n")
    if let other = result.recordedWaits { text += "(\(Table.printable(other.label)): \(Table.printable(other.note)))\n" }
    return text
  }
}
