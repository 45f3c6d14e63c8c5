internal import JSON

/// What the demo needs of one CloudEvent of a workspace's stream.
package struct DemoEvent: Sendable, Equatable {
  /// E.g. `reservation.created`.
  package var kind: String
  package var sequence: Int64
  /// Product time, milliseconds since 1970.
  package var at: Int64
  /// Empty where the event is about none.
  package var task: String
  package var reservation: String
  package var worker: String
  /// Why a task was canceled.
  package var reason: String
  /// The recording's own name of the task, from its attributes; only with `task.created`.
  package var row: String
  /// The skill that the task asks for; likewise.
  package var skill: String
  /// The worker's activity after the event; only with events about a worker.
  package var activity: String

  package init(
    _ kind: String, sequence: Int64, at: Int64, task: String = "", reservation: String = "", worker: String = "", reason: String = "",
    row: String = "", skill: String = "", activity: String = ""
  ) {
    self.kind = kind
    self.sequence = sequence
    self.at = at
    self.task = task
    self.reservation = reservation
    self.worker = worker
    self.reason = reason
    self.row = row
    self.skill = skill
    self.activity = activity
  }

  /// Nil when the text is no event of this kind.
  package init?(json: [UInt8]) {
    guard let document = try? JSONDocument(parsing: json), let data = document.root[key: "data"], let payload = data[key: "payload"],
      let kind = payload[key: "eventtype"]?.string, let sequence = data[key: "sequence"]?.integer,
      let at = payload[key: "timestamp_ms"]?.integer
    else { return nil }
    func text(_ key: String) -> String { payload[key: key]?.string ?? "" }
    let attributes = kind == "task.created" ? JSONDocument.read(Array(text("task_attributes").utf8)) : JSONDocument()
    func attribute(_ key: String) -> String { attributes.root[key: key]?.string ?? "" }
    self.init(
      kind, sequence: sequence, at: at, task: text("task_sid"), reservation: text("reservation_sid"), worker: text("worker_sid"),
      reason: text("reason"), row: attribute("row"), skill: attribute("skill"),
      activity: kind.hasPrefix("worker.") ? text("worker_activity_sid") : "")
  }
}

/// Cuts a stream of server-sent events (WHATWG HTML 9.2) into the data of its events. Bytes come in any pieces; one line of data an event.
package struct EventStreamCutter: Sendable {
  private var rest: [UInt8] = []
  /// The id of the last whole event, to resume after it.
  package private(set) var lastID: String?

  package init() {}

  /// Forgets half a line; keeps the id.
  package mutating func restart() { rest = [] }

  /// Linear in the bytes.
  package mutating func push(_ bytes: [UInt8]) -> [[UInt8]] {
    rest += bytes
    var found: [[UInt8]] = []
    var start = 0
    while let end = rest[start...].firstIndex(of: 10) {
      let line = rest[start..<end]
      start = end + 1
      if line.starts(with: "data: ".utf8) { found.append(Array(line.dropFirst(6))) }
      if line.starts(with: "id: ".utf8) { lastID = String(decoding: line.dropFirst(4), as: UTF8.self) }
    }
    rest.removeFirst(start)
    return found
  }
}
