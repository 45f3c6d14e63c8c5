import Forms
import Gzip
import HTTPServer
import JSON
import Journal
import Ports
import Records
import Resources
import TaskRouting

/// One bulk import on its way in: lines are read, checked, numbered and appended while the body arrives, in constant memory (issue point "Bulk").
/// A repeat of the same import sends nothing again that is decided already; whatever it sends twice, the owner takes once.
struct BulkIntake {
  private enum Format { case ndjson, csv }

  private let ingress: Ingress
  private let workspace: Identifier
  private let call: Call
  private let format: Format
  private let isCompressed: Bool
  private let workflow: Identifier?
  private let importText: String
  private let importID: Identifier

  init(ingress: Ingress, workspace: Identifier, call: Call, request: HTTPRequest) throws(APIError) {
    self.ingress = ingress
    self.workspace = workspace
    self.call = call
    let type = (request.headers.first("Content-Type") ?? "").lowercased().split(separator: ";").first.map(String.init) ?? ""
    switch type {
    case "application/x-ndjson", "application/ndjson", "application/jsonl": format = .ndjson
    case "text/csv": format = .csv
    default: throw APIError(415, 20001, "Content-Type must be application/x-ndjson or text/csv; received '\(Parameters.shown(type))'")
    }
    switch (request.headers.first("Content-Encoding") ?? "").lowercased() {
    case "", "identity": isCompressed = false
    case "gzip", "x-gzip": isCompressed = true
    case let other: throw APIError(415, 20001, "Content-Encoding must be gzip or absent; received '\(Parameters.shown(other))'")
    }
    if let text = call.query.first("WorkflowSid"), !text.isEmpty {
      guard let id = SIDKind.workflow.parse(text) else {
        throw .invalid("WorkflowSid must be WW followed by 32 hexadecimal digits; received '\(Parameters.shown(text))'")
      }
      workflow = id
    } else {
      workflow = nil
    }
    let wanted = call.query.first("ImportId") ?? ""
    guard wanted.count <= 128 else { throw .invalid("ImportId must have at most 128 characters; received \(wanted.count)") }
    // A key says that it is the same request, which for an import is to be the same import.
    let made = try ingress.idempotencyKey(request, call) ?? ingress.identifiers.identifier()
    importText = wanted.isEmpty ? "IM" + made.hex : wanted
    importID = ingress.importIdentifier(importText, in: workspace)
  }

  func run(_ body: HTTPBody) async throws(APIError) -> Answer {
    _ = try await ingress.workspace(workspace, call)
    if let workflow, try await ingress.get(workspace, [DocumentKey(kind: Kind.workflow, id: workflow)])[0] == nil {
      throw .invalid("WorkflowSid '\(SIDKind.workflow.text(workflow))' is no workflow of this workspace")
    }
    // Asked through the same topic as the lines, so the answer counts everything that earlier runs have made durable.
    let question = Command(scope: workspace, account: call.account, origin: .question(importing: importID), body: [])
    // It waits behind them, so it may take long; the client's own time-out is the limit.
    let known = try await ingress.submit(question, to: "work.bulk", call, patience: 3_600_000)
    let lines = ImportLines(
      workspace: workspace, account: call.account, importing: importID, workflow: workflow, decided: known.number,
      appender: BulkAppender(log: ingress.log, workspace: workspace))
    do {
      try await read(body, into: lines)
      try await lines.finish()
    } catch let error as APIError {
      throw error
    } catch let error as GzipError {
      throw .invalid("The body is not what Content-Encoding: gzip says: \(error)")
    } catch let error as LogFailure {
      throw APIError(
        503, 20503, "Lines up to \(lines.number) may be recorded, the rest is not: \(error); send the same import again", retryAfter: 1)
    } catch {
      throw APIError(
        400, 20001, "The body could not be read to its end: \(error); lines that are recorded are not lost, send the same import again")
    }
    ingress.meter.imported(accepted: lines.accepted, duplicates: lines.duplicates, rejected: lines.rejected)
    return .json(202, lines.summary(importText))
  }

  /// A slice at a time, and every few milliseconds the loop looks at its sockets: what unpacks to gigabytes, or breaks at every line, is no reason for others on this loop to
  /// wait. While others wait for answers it rests four times as long as it worked. `worked`: milliseconds since it last did either.
  private func sharing(_ bytes: [UInt8], _ worked: inout Int64, _ take: ([UInt8]) async throws -> Void) async throws {
    var begun = ingress.clock.monotonic()
    for first in stride(from: 0, to: bytes.count, by: Self.sliceBytes) {
      try await take(Array(bytes[first..<min(first + Self.sliceBytes, bytes.count)]))
      let now = ingress.clock.monotonic()
      worked += now - begun
      begun = now
      if worked < Self.stretch { continue }
      if ingress.courtesy.isDue(now) { await ingress.rest(min(4 * worked, 1000)) } else { await ingress.turn() }
      worked = 0
      begun = ingress.clock.monotonic()
    }
  }

  /// Some fifty lines of ordinary length: about a millisecond.
  private static let sliceBytes = 8192
  /// Milliseconds of work at once.
  private static let stretch: Int64 = 2

  private func read(_ body: HTTPBody, into lines: ImportLines) async throws {
    var inflater = try GzipInflater()
    var ndjson = LineReader(limit: ingress.options.mostLineBytes)
    var csv = CSVReader(limit: ingress.options.mostLineBytes)
    // Lines wait in memory only for one slice.
    var found: [ImportLines.Line] = []
    var worked: Int64 = 0
    func keep(_ result: LineReader.Result) {
      switch result {
      case .success(let line): found.append(.json(line.number, line.bytes))
      case .failure(let error): found.append(.bad(error))
      }
    }
    func keep(_ result: CSVReader.Result) {
      switch result {
      case .success(let record): found.append(.record(record))
      case .failure(let error): found.append(.bad(error))
      }
    }
    func take(_ slice: [UInt8]) async throws {
      found.removeAll(keepingCapacity: true)
      switch format {
      case .ndjson: ndjson.push(slice) { keep($0) }
      case .csv: csv.push(slice) { keep($0) }
      }
      try await lines.take(found)
    }
    while let chunk = try await body.next() {
      guard isCompressed else {
        try await sharing(chunk, &worked, take)
        continue
      }
      // Inflated a piece at a time, so that a bomb costs time and no memory.
      inflater.feed(chunk)
      while let piece = try inflater.next() { try await sharing(piece, &worked, take) }
    }
    if isCompressed { try inflater.finish() }
    found.removeAll(keepingCapacity: true)
    switch format {
    case .ndjson: ndjson.finish { keep($0) }
    case .csv: csv.finish { keep($0) }
    }
    try await lines.take(found)
  }
}

extension Ingress {
  /// Imports are named by clients in their own words; inside they are identifiers of one size. The workspace belongs to the name: the owner of a partition numbers the lines
  /// of imports of all its workspaces, and two of them may well use the same word, or the same file.
  func importIdentifier(_ text: String, in workspace: Identifier) -> Identifier {
    Identifier(keyBytes: secrets.sha256(Array("import:\(workspace.hex):\(text)".utf8)).prefix(16)) ?? .none
  }

  /// How far an import is decided, and what was refused in deciding.
  func importStatus(_ text: String, _ workspace: Identifier, _ call: Call) async throws(APIError) -> Answer {
    _ = try await self.workspace(workspace, call)
    let id = importIdentifier(text, in: workspace)
    guard let bytes = try await get(workspace, [DocumentKey(kind: Kind.bulkImport, id: id)])[0],
      let record = try? ImportRecord(decoding: bytes)
    else {
      throw .notFound(call.path)
    }
    let range = DocumentRange(kind: Kind.refusedLine, index: ListIndex.creation, parent: id, limit: 1000)
    let refused: [Document]
    do throws(HotStateFailure) { refused = try await hot.list(workspace, range).documents } catch { throw Ingress.notNow(error) }
    var json = JSONWriter(capacity: 256 + refused.count * 96)
    json.beginObject()
    json.member("import_id", text)
    json.member("decided", Int64(record.decided))
    json.member("accepted", Int64(record.made))
    // All of them: what is wrong with those that were refused in reading stood in the answer to whoever sent them.
    json.member("rejected", Int64(record.decided - min(record.made, record.decided)))
    json.date("date_created", record.created)
    json.date("date_updated", record.updated)
    json.key("errors")
    json.beginArray()
    for document in refused {
      guard let line = try? RefusedLineRecord(decoding: document.bytes) else { continue }
      json.beginObject()
      json.member("line", line.line)
      json.member("message", line.message)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return .json(200, json.bytes)
  }
}
