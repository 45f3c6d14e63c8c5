import APIClient
import Foundation
import HTTPClient
import JSON
import Options
import Synchronization

/// `trunkline tail`: the event stream, readable or as it is; comes back by itself from where it was.
enum Tail {
  static func run(_ options: Options) async throws {
    let connection = try Connect(options)
    let workspace = try await connection.workspace(options)
    let isJSON = try options.flag("json")
    let from = try options.value("from", OptionKind<String>(rule: "now or beginning") { ["now", "beginning"].contains($0) ? $0 : nil })
    var query = "?from=\(from)"
    if let worker = try options.valueIfSet("worker", .text) { query += "&WorkerSid=\(worker)" }
    // Line by line, also into a pipe.
    let reader = StreamReader { DemoScreen.write((isJSON ? $0 : Tail.readable($0)) + "\n") }
    while true {
      var request = connection.api.request("GET", "/v1/Workspaces/\(workspace)/Events/Stream\(query)")
      if let last = reader.lastID { request.headers.append((name: "Last-Event-ID", value: last)) }
      let status = Mutex(0)
      do {
        try await connection.api.stream(request, onResponse: { head in status.withLock { $0 = head.status } }, onChunk: { reader.take($0) })
      } catch let failure as APIFailure where reader.lastID == nil {
        throw failure
      } catch {}
      let answered = status.withLock { $0 }
      if answered >= 400, answered != 503 { throw APIFailure(status: answered, "the server answered \(answered): \(reader.rest)") }
      await connection.sleep(milliseconds: 1000)
    }
  }

  /// `12:00:01.250  reservation.created  WT…  alice  → routing rule`.
  static func readable(_ line: String) -> String {
    let event = JSONDocument.read(Array(line.utf8))
    let data = event.root[key: "data"]
    let payload = data?[key: "payload"]
    func text(_ key: String) -> String? { payload?[key: key]?.string.flatMap { $0.isEmpty ? nil : $0 } }
    let time = (event.root[key: "time"]?.string ?? "").dropFirst(11).prefix(12)
    let name = text("eventtype") ?? event.root[key: "type"]?.string ?? ""
    var parts = ["\(time)  \(name.padding(toLength: 26, withPad: " ", startingAt: 0))"]
    if let task = text("task_sid") { parts.append("\(task) \(text("task_assignment_status") ?? "")") }
    if let worker = text("worker_name") { parts.append("worker \(worker)") }
    if let activity = text("worker_activity_name"), name.hasPrefix("worker.") { parts.append("→ \(activity)") }
    if let queue = text("task_queue_name") { parts.append("queue \(queue)") }
    if let rule = text("routing_rule") { parts.append("by \(rule)") }
    if let reason = text("reason") { parts.append("(\(reason))") }
    return parts.joined(separator: "  ")
  }
}

/// Takes pieces of an event stream and gives out the data of each event.
final class StreamReader: Sendable {
  private struct State {
    var buffer: [UInt8] = []
    var lastID: String?
  }
  private let state = Mutex(State())
  private let emit: @Sendable (String) -> Void

  init(_ emit: @escaping @Sendable (String) -> Void) { self.emit = emit }

  var lastID: String? { state.withLock { $0.lastID } }
  var rest: String { state.withLock { String(decoding: $0.buffer.prefix(300), as: UTF8.self) } }

  func take(_ bytes: [UInt8]) {
    let lines: [String] = state.withLock { state in
      state.buffer += bytes
      var found: [String] = []
      while let end = state.buffer.firstIndex(of: 10) {
        let line = String(decoding: state.buffer[..<end], as: UTF8.self)
        state.buffer.removeFirst(end + 1)
        if line.hasPrefix("id: ") { state.lastID = String(line.dropFirst(4)) }
        if line.hasPrefix("data: ") { found.append(String(line.dropFirst(6))) }
      }
      return found
    }
    for line in lines { emit(line) }
  }
}
