import JSON
import Journal
import Ports
import Records
import Resources
import Synchronization
import TaskRouting

/// Turns the lines of an import into numbered records: good ones one each, runs of bad ones into one skip.
final class ImportLines {
  enum Line: Sendable {
    case json(Int, [UInt8])
    case record(CSVRecord)
    case bad(RecordError)
  }

  private let workspace: Identifier
  private let account: Identifier
  private let importing: Identifier
  private let workflow: Identifier?
  /// Lines that earlier runs have made durable: not sent again.
  private let decided: UInt64
  private let appender: BulkAppender

  /// Lines seen, good and bad: the number of the last one.
  private(set) var number: UInt64 = 0
  private(set) var accepted = 0
  private(set) var duplicates = 0
  private(set) var rejected = 0
  private var errors: [(line: Int, message: String)] = []
  /// The answer still has room for what is wrong with a line; beyond, errors are only counted.
  private var isListing: Bool { errors.count < 1000 }
  private var skipped: UInt64 = 0
  private var batch: [NewRecord] = []
  private var batchBytes = 0

  init(workspace: Identifier, account: Identifier, importing: Identifier, workflow: Identifier?, decided: UInt64, appender: BulkAppender) {
    self.workspace = workspace
    self.account = account
    self.importing = importing
    self.workflow = workflow
    self.decided = decided
    self.appender = appender
  }

  func take(_ lines: [Line]) async throws {
    for line in lines {
      number += 1
      switch request(line) {
      case .failure(let refusal):
        rejected += 1
        if isListing { errors.append((refusal.line, refusal.message)) }
        if number > decided { skipped += 1 }
      case .success(let request):
        guard number > decided else {
          duplicates += 1
          continue
        }
        accepted += 1
        flushSkips()
        add(
          Command(
            scope: workspace, account: account, origin: .line(importing: importing, number: number, count: 1), body: request.encoded()))
      }
      if batch.count >= 256 || batchBytes >= 128 * 1024 { try await send() }
    }
  }

  func finish() async throws {
    if skipped > 0 {
      number += 1
      flushSkips()
      number -= 1
    }
    try await send()
    try await appender.drained()
  }

  /// The bad lines before the present one, as one record.
  private func flushSkips() {
    guard skipped > 0 else { return }
    let first = number - skipped
    add(
      Command(
        scope: workspace, account: account, origin: .line(importing: importing, number: first, count: skipped),
        body: Request(.skipLines).encoded()))
    skipped = 0
  }

  private func add(_ command: Command) {
    let bytes = command.encoded()
    batch.append(NewRecord(key: workspace.keyBytes, value: bytes))
    batchBytes += bytes.count
  }

  private func send() async throws {
    guard !batch.isEmpty else { return }
    let records = batch
    batch = []
    batchBytes = 0
    try await appender.append(records)
  }

  func summary(_ importText: String) -> [UInt8] {
    var json = JSONWriter(capacity: 256 + errors.count * 96)
    json.beginObject()
    json.member("import_id", importText)
    json.member("lines", Int64(number))
    json.member("accepted", Int64(accepted))
    json.member("duplicates", Int64(duplicates))
    json.member("rejected", Int64(rejected))
    json.key("errors")
    json.beginArray()
    for error in errors {
      json.beginObject()
      json.member("line", Int64(error.line))
      json.member("message", error.message)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.bytes
  }

  // MARK: One line

  private struct Refusal: Error {
    var line: Int
    var message: String
  }

  private func request(_ line: Line) -> Result<Request, Refusal> {
    switch line {
    case .bad(let error): .failure(Refusal(line: error.line, message: isListing ? error.message : ""))
    // To find out what exactly is wrong with it costs more than all the rest.
    case .json(let number, let bytes) where !isListing && !Self.mayBeObject(bytes): .failure(Refusal(line: number, message: ""))
    case .record(let record) where !isListing && !Self.mayBeObject(record["attributes"] ?? []):
      .failure(Refusal(line: record.line, message: ""))
    case .json(let number, let bytes): parse(number) { () throws(APIError) in try self.request(json: bytes) }
    case .record(let record): parse(record.line) { () throws(APIError) in try self.request(csv: record) }
    }
  }

  private static func mayBeObject(_ line: [UInt8]) -> Bool {
    line.first { ![0x20, 0x09, 0x0a, 0x0d].contains($0) } == UInt8(ascii: "{")
  }

  private func parse(_ line: Int, _ body: () throws(APIError) -> Request) -> Result<Request, Refusal> {
    do throws(APIError) {
      var request = try body()
      if let workflow, request.arguments[.workflow] == nil { request.arguments[.workflow] = .identifier(workflow) }
      request.arguments[.importing] = .integer(Int64(line))
      return .success(request)
    } catch { return .failure(Refusal(line: line, message: error.message)) }
  }

  private func request(json bytes: [UInt8]) throws(APIError) -> Request {
    do throws(WorkItemError) { return try WorkItem.request(bytes).request } catch { throw .invalid(error.message) }
  }

  private func request(csv record: CSVRecord) throws(APIError) -> Request {
    var request = Request(.createTask)
    func cell(_ name: String) throws(WorkItemError) -> String? {
      guard let bytes = record[name], !bytes.isEmpty else { return nil }
      // What was repaired would be another value than the one that was sent.
      guard let text = String(validating: bytes, as: UTF8.self) else { throw WorkItemError("\(name) is not UTF-8") }
      return text
    }
    for name in record.names where !["workflow_sid", "task_channel", "priority", "timeout", "attributes"].contains(name) {
      throw .invalid("unknown column '\(Parameters.shown(name))': workflow_sid, task_channel, priority, timeout and attributes are known")
    }
    let attributes: String?
    do throws(WorkItemError) {
      if let text = try cell("workflow_sid") { request.arguments[.workflow] = try WorkItem.workflow(text) }
      if let text = try cell("task_channel") { request.arguments[.taskChannel] = try WorkItem.channel(text) }
      if let text = try cell("priority") { request.arguments[.priority] = try WorkItem.priority(Int64(text)) }
      if let text = try cell("timeout") { request.arguments[.timeout] = try WorkItem.timeout(Int64(text)) }
      attributes = try cell("attributes")
    } catch {
      throw .invalid(error.message)
    }
    guard let text = attributes else { throw .invalid("attributes is missing") }
    request.arguments[.attributes] = .bytes(try Parameters.checkAttributes(text))
    return request
  }
}

/// Appends batches in order with a bounded number in flight; the first failure ends it.
final class BulkAppender: Sendable {
  private struct State {
    var session: (any AppendSession)?
    var inFlight = 0
    var next: UInt64 = 0
    var failure: LogFailure?
    var waiter: (below: Int, continuation: CheckedContinuation<Void, Never>)?
  }
  private let state = Mutex(State())
  private let most = 8

  init(log: any EventLog, workspace: Identifier) {
    let partitions = log.partitions(of: "work.bulk") ?? 1
    let target = TopicPartition("work.bulk", Partitioner.partition(of: workspace, among: partitions))
    let session = log.openSession(target, durability: .synced) { [weak self] reports in self?.take(reports) }
    state.withLock { $0.session = session }
  }

  private func take(_ reports: [AppendReport]) {
    let woken = state.withLock { state -> CheckedContinuation<Void, Never>? in
      for report in reports {
        state.inFlight -= 1
        if case .failure(let failure) = report.outcome, state.failure == nil { state.failure = failure }
      }
      guard let waiter = state.waiter, state.inFlight < waiter.below || state.failure != nil else { return nil }
      state.waiter = nil
      return waiter.continuation
    }
    woken?.resume()
  }

  func append(_ records: [NewRecord]) async throws {
    try await wait(below: most)
    let (session, tag) = state.withLock { state in
      state.inFlight += 1
      state.next += 1
      return (state.session, state.next)
    }
    session?.append(records, tag: tag)
  }

  /// Returns once everything appended is durable.
  func drained() async throws {
    try await wait(below: 1)
    state.withLock { state in
      let session = state.session
      state.session = nil
      return session
    }?.close()
  }

  private func wait(below count: Int) async throws {
    await withCheckedContinuation { continuation in
      let passes = state.withLock { state in
        if state.inFlight < count || state.failure != nil { return true }
        state.waiter = (count, continuation)
        return false
      }
      if passes { continuation.resume() }
    }
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }
}
