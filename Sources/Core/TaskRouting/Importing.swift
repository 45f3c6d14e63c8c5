import Journal
import Machines
import Resources

/// What an import makes of its lines, and what it tells of them.
extension Space {
  /// One line of an import, or a run of lines that the ingress refused. The runner has made sure that it is the next.
  mutating func decideLine(_ body: [UInt8], _ importing: Identifier, _ number: UInt64, _ count: UInt64, _ turn: inout Turn) {
    var record = beginLine(importing, number, count, turn.now)
    var place = Int64(clamping: number)
    let refusal: String?
    do throws(DecodingFailure) {
      let request = try Request(decoding: body)
      place = request.integer(.importing) ?? place
      if request.operation == .createTask {
        let verdict = createTask(request, &turn)
        refusal = verdict.isError ? verdict.message : nil
        if !verdict.isError { record.made += 1 }
      } else {
        refusal = nil
      }
    } catch {
      refusal = "the record cannot be read: \(error)"
    }
    if let refusal { refuseLine(importing, number, at: place, refusal, &record) }
    imports[importing] = record
    dirtyImports.insert(importing)
  }

  /// What an import tells of a line that must not be handled. Which line of the client's text it was stands in the body, so it is called by its number in the import.
  mutating func rejectLine(_ importing: Identifier, _ number: UInt64, _ count: UInt64, _ reason: String, _ now: Int64) {
    var record = beginLine(importing, number, count, now)
    refuseLine(importing, number, at: Int64(clamping: number), reason, &record)
    imports[importing] = record
    dirtyImports.insert(importing)
  }

  private func beginLine(_ importing: Identifier, _ number: UInt64, _ count: UInt64, _ now: Int64) -> ImportRecord {
    var record = imports[importing] ?? ImportRecord()
    if record.created == 0 { record.created = now }
    record.updated = now
    record.decided = number &+ count &- 1
    return record
  }

  private mutating func refuseLine(
    _ importing: Identifier, _ number: UInt64, at place: Int64, _ refusal: String, _ record: inout ImportRecord
  ) {
    record.refused += 1
    guard record.refused <= 1000 else { return }
    var line = RefusedLineRecord()
    line.importing = importing
    line.line = place
    line.message = refusal
    let key = importing.combined(with: Identifier(high: 0, low: number))
    refusedLines[key] = line
    put(Kind.refusedLine, key, line)
  }
}
