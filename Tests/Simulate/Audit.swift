import Audit
import Journal
import Ports
import Resources
import TaskRouting

/// What is held against the history from outside: an auditor who shares no code with the product, and what users of bulk were promised.
extension History {
  func audit() throws {
    let auditor = try auditLogs()
    try checkPublished(auditor)
    guard isFilled else { return }
    for importer in importers { try check(importer, auditor) }
  }

  /// What the logs alone tell.
  @discardableResult
  func auditLogs() throws -> Auditor {
    var auditor = try auditor(of: World.inputs)
    try auditor.take(try records("work.journal"))
    try auditor.close(targets: [
      "rejects/0": try values("rejects"), "account.commands/0": try values("account.commands"),
    ])
    var accounts = try self.auditor(of: ["account.commands"])
    try accounts.take(try records("account.journal"))
    try accounts.close(targets: [:])
    for (place, deaths) in world.evidence.all where deaths > 3 {
      throw Violation(description: "\(place) ended \(deaths) processes")
    }
    return auditor
  }

  private func auditor(of inputs: [String]) throws -> Auditor {
    Auditor(
      inputs: try inputs.map { try records($0) }, lethal: Evidence.mark, most: World.recordBytes, slice: World.sliceDocuments,
      patience: 10_000, deadly: Evidence.deadlyErrands, isSteady: !world.swarm.faults.contains(.clockStep))
  }

  private func values(_ topic: String) throws -> [[UInt8]] { try world.records(topic).map { $0.value ?? [] } }

  private func records(_ topic: String) throws -> [Auditor.Record] {
    try world.records(topic).map { Auditor.Record(offset: $0.offset, appended: $0.appended, value: $0.value ?? []) }
  }

  /// Each line became one task, whatever was sent again; what ends its handler became none.
  private func check(_ importer: Importer, _ auditor: Auditor) throws {
    guard importer.isDone else { throw Violation(description: "import \(importer.id.hex) is not sent to its end") }
    let folded = auditor.imports.values.contains(importer.last)
    guard folded else {
      throw Violation(description: "import \(importer.id.hex) of \(importer.last) lines is decided up to \(auditor.imports)")
    }
    for line in importer.lines where line.skips == 0 {
      let wanted = line.isLethal ? 0 : 1
      guard auditor.marks[line.mark] ?? 0 == wanted else {
        throw Violation(description: "line \(line.number), \(line.mark), became \(auditor.marks[line.mark] ?? 0) tasks, not \(wanted)")
      }
    }
  }

  /// Each published record became one task, and wrong ones none.
  private func checkPublished(_ auditor: Auditor) throws {
    var wanted: [String: Int] = [:]
    for record in try world.records("work.bulk") {
      let text = String(decoding: record.value ?? [], as: UTF8.self)
      guard text.first == "{", let found = text.firstRange(of: "\"mark\":\"") else { continue }
      let isGood = text.contains("workspace_sid") && text.last == "}" && !text.contains("lethal!")
      wanted[String(text[found.upperBound...].prefix { $0 != "\"" }), default: 0] += isGood ? 1 : 0
    }
    for (mark, count) in wanted where auditor.marks[mark] ?? 0 != count {
      throw Violation(description: "the published \(mark) became \(auditor.marks[mark] ?? 0) tasks, not \(count)")
    }
  }
}
