package import APIClient
internal import HTTPClient
internal import JSON
internal import Synchronization

/// The public HTTP API, as the engine uses it. Every POST carries an `Idempotency-Key`, so that one whose answer was lost is sent again and done once.
package final class HTTPWorkAPI: WorkAPI {
  private let client: APIClient
  private let stage: Stage
  private let time: RealTime
  private let requests = Atomic<Int>(0)

  package init(client: APIClient, stage: Stage, time: RealTime) {
    self.client = client
    self.stage = stage
    self.time = time
  }

  /// Requests sent so far, repeats and moves of the clock included.
  package var count: Int { requests.load(ordering: .relaxed) }

  package func advance(milliseconds: Int64) async throws -> Int64 {
    requests.add(1, ordering: .relaxed)
    // The server cuts to whole milliseconds: a little more than the decimal fraction keeps it from cutting one off.
    return try await Stage.moveClock(client, "{\"advance\": \(Double(milliseconds) / 1000 + 0.0002)}")
  }

  package func create(task row: ReplayRow) async throws -> (sid: String, isReserved: Bool) {
    let form = [
      ("WorkflowSid", stage.workflow), ("Priority", String(row.priority)),
      ("Attributes", Stage.attributes([("row", row.id), ("skill", row.skill)])),
    ]
    let task = try await post("Tasks", form, key: "create-\(row.id)", what: "task \(row.id)")
    guard let sid = task.root[key: "sid"]?.string else { throw ReplayFailure.refused(what: "task \(row.id)", why: "the answer has no sid") }
    return (sid, task.root[key: "assignment_status"]?.string == "reserved")
  }

  package func accept(reservation: String, worker: String) async throws {
    try await post(
      "Workers/\(worker)/Reservations/\(reservation)", [("ReservationStatus", "accepted")], key: "accept-\(reservation)", what: "accepting")
  }

  package func complete(task: String) async throws {
    try await post("Tasks/\(task)", [("AssignmentStatus", "completed"), ("Reason", "done")], key: "complete-\(task)", what: "completing")
  }

  package func cancel(task: String) async throws {
    try await post(
      "Tasks/\(task)", [("AssignmentStatus", "canceled"), ("Reason", Stage.gaveUp)], key: "cancel-\(task)", what: "cancelling")
  }

  package func setAvailable(_ isAvailable: Bool, worker: String) async throws {
    let activity = isAvailable ? stage.available : stage.offline
    try await post(
      "Workers/\(worker)", [("ActivitySid", activity)], key: "\(isAvailable ? "arrive" : "leave")-\(worker)", what: "changing the activity")
  }

  package func pendingReservations(worker: String) async throws -> [String] {
    let path = "\(stage.path)/Workers/\(worker)/Reservations?ReservationStatus=pending&PageSize=50"
    let page = try await attempt("reading reservations") { try await $0.call("GET", path) }
    return page.root[key: "reservations"]?.elements.compactMap { $0[key: "sid"]?.string } ?? []
  }

  @discardableResult
  private func post(_ path: String, _ form: [(String, String)], key: String, what: String) async throws -> JSONDocument {
    let url = "\(stage.path)/\(path)"
    return try await attempt(what) { try await $0.call("POST", url, form, headers: [(name: "Idempotency-Key", value: Stage.key(key))]) }
  }

  /// Tries again what was not answered, or what the server could not do at the moment.
  private func attempt(_ what: String, _ work: (APIClient) async throws -> JSONDocument) async throws -> JSONDocument {
    do {
      return try await time.patience.insist {
        requests.add(1, ordering: .relaxed)
        return try await work(client)
      }
    } catch let failure as APIFailure { throw ReplayFailure.refused(what: what, why: failure.description) }
  }
}
