package import APIClient
internal import HTTPClient
internal import JSON
package import Replay

/// The workspace of a replayed day: one queue for each skill, a workflow that looks at the task's skill, and the roster.
package struct Stage: Sendable {
  package internal(set) var workspace = ""
  package internal(set) var workflow = ""
  package internal(set) var available = ""
  package internal(set) var offline = ""
  /// In the order of the day's workers.
  package internal(set) var workers: [String] = []
  /// When the workspace was made, on the driver's clock.
  package internal(set) var born: Int64 = 0
  package var path: String { "/v1/Workspaces/\(workspace)" }

  /// Why a task is canceled when its caller's patience ends.
  package static let gaveUp = "the caller gave up"

  /// Makes it all through the API.
  package static func build(_ client: APIClient, _ day: ReplayDay, name: String, time: RealTime) async throws -> Stage {
    var stage = Stage()
    let asked = time.now()
    stage.workspace = try await make(client, "/v1/Workspaces", [("FriendlyName", name)])
    stage.born = (asked + time.now()) / 2
    try await client.list(stage.path + "/Activities?PageSize=100", key: "activities") { activity in
      guard let sid = activity[key: "sid"]?.string else { return }
      if activity[key: "available"]?.bool == true {
        stage.available = sid
      } else if activity[key: "friendly_name"]?.string == "Offline" {
        stage.offline = sid
      }
    }
    if stage.available.isEmpty {
      stage.available = try await make(client, stage.path + "/Activities", [("FriendlyName", "Available"), ("Available", "true")])
    }
    if stage.offline.isEmpty {
      stage.offline = try await make(client, stage.path + "/Activities", [("FriendlyName", "Offline"), ("Available", "false")])
    }
    let queues = try await makeQueues(client, day, stage)
    stage.workflow = try await make(
      client, stage.path + "/Workflows",
      [("FriendlyName", "By skill"), ("Configuration", configuration(queues)), ("TaskReservationTimeout", "86400")])
    stage.workers = try await makeWorkers(client, day, stage)
    return stage
  }

  private static func makeQueues(_ client: APIClient, _ day: ReplayDay, _ stage: Stage) async throws -> [(skill: String, sid: String)] {
    let path = stage.path + "/TaskQueues"
    let expression = day.hasOneSkillEach ? "unit_type ==" : "skills HAS"
    let sids = try await bounded(day.skills, limit: 8) { skill in
      try await make(client, path, [("FriendlyName", skill), ("TargetWorkers", "\(expression) '\(skill)'")])
    }
    return Array(zip(day.skills, sids))
  }

  private static func makeWorkers(_ client: APIClient, _ day: ReplayDay, _ stage: Stage) async throws -> [String] {
    let isSingle = day.hasOneSkillEach
    return try await bounded(day.workers, limit: 8) { worker in
      let activity = worker.isThereAtMidnight ? stage.available : stage.offline
      let attributes = isSingle ? unitAttributes(worker) : agentAttributes(worker)
      return try await make(
        client, stage.path + "/Workers", [("FriendlyName", worker.name), ("ActivitySid", activity), ("Attributes", attributes)])
    }
  }

  private static func unitAttributes(_ worker: ReplayWorker) -> String { attributes([("unit_type", worker.skills.first ?? "")]) }

  private static func agentAttributes(_ worker: ReplayWorker) -> String {
    var json = JSONWriter(capacity: 128)
    json.beginObject()
    json.key("skills")
    json.beginArray()
    for skill in worker.skills { json.string(skill) }
    json.endArray()
    json.endObject()
    return String(decoding: json.bytes, as: UTF8.self)
  }

  /// A filter for each skill; tasks name the skill they need and nothing else.
  static func configuration(_ queues: [(skill: String, sid: String)]) -> String {
    var json = JSONWriter(capacity: 1024)
    json.beginObject()
    json.key("task_routing")
    json.beginObject()
    json.key("filters")
    json.beginArray()
    for queue in queues {
      json.beginObject()
      json.key("filter_friendly_name")
      json.string(queue.skill)
      json.key("expression")
      json.string("skill == '\(queue.skill)'")
      json.key("targets")
      json.beginArray()
      json.beginObject()
      json.key("queue")
      json.string(queue.sid)
      json.endObject()
      json.endArray()
      json.endObject()
    }
    json.endArray()
    json.endObject()
    json.endObject()
    return String(decoding: json.bytes, as: UTF8.self)
  }

  static func attributes(_ pairs: [(String, String)]) -> String {
    var json = JSONWriter(capacity: 96)
    json.beginObject()
    for (name, value) in pairs {
      json.key(name)
      json.string(value)
    }
    json.endObject()
    return String(decoding: json.bytes, as: UTF8.self)
  }

  private static func make(_ client: APIClient, _ path: String, _ form: [(String, String)]) async throws -> String {
    do {
      guard let sid = try await client.call("POST", path, form).root[key: "sid"]?.string else {
        throw ReplayFailure.refused(what: "POST \(path)", why: "the answer has no sid")
      }
      return sid
    } catch let failure as APIFailure { throw ReplayFailure.refused(what: "POST \(path) with \(form)", why: failure.description) }
  }

  /// Idempotency keys are printable ASCII without spaces; rows' names may be anything.
  static func key(_ text: String) -> String { String(text.unicodeScalars.map { (33...126).contains($0.value) ? Character($0) : "_" }) }

  // MARK: The clock

  /// A clock for a day that begins now. How the two clocks stand to each other is learned from the workspace's creation: within half of that request's time.
  package func clock(_ client: APIClient, time: RealTime, speed: Double) async throws -> DayClock {
    let events = try await EventFeed(client: client, stage: self, time: time).collect(until: "workflow.created", mostMilliseconds: 20_000)
    guard let first = events.first else { throw ReplayFailure.unverified(why: "the event stream does not begin") }
    let now = time.now()
    return DayClock(speed: speed, midnight: first.at + (now - born), began: now)
  }

  /// Whether the server's time can be moved.
  package static func canMoveClock(_ client: APIClient) async throws -> Bool {
    do {
      _ = try await moveClock(client, #"{"advance": 0}"#)
      return true
    } catch let failure as APIFailure where failure.status == 404 { return false }
  }

  /// `POST /dev/clock`; returns the product's time in milliseconds since 1970.
  package static func moveClock(_ client: APIClient, _ body: String) async throws -> Int64 {
    var request = client.request("POST", "/dev/clock")
    request.headers = [(name: "Content-Type", value: "application/json")]
    request.body = .bytes(Array(body.utf8))
    let answer = try APIClient.read(try await client.send(request))
    guard let text = answer.root[key: "now"]?.string, let now = InstantText.milliseconds(text) else {
      throw ReplayFailure.refused(what: "POST /dev/clock", why: "the answer has no time")
    }
    return now
  }
}

extension ReplayDay {
  /// Each worker has exactly one skill, as units of one type do.
  package var hasOneSkillEach: Bool { workers.allSatisfy { $0.skills.count == 1 } }
}
