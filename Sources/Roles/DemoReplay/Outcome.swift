package import APIClient
internal import JSON
package import Replay

/// What a replay came to: the driver's log beside the server's own record.
package struct Outcome: Sendable {
  package let day: ReplayDay
  package let workers: [String]
  package let midnight: Int64
  package let log: ReplayLog
  package let verification: Verification
  package let requests: Int
  /// Rows that were lost, each with what happened; empty when all is well.
  package let lost: [String]
  /// Tasks that still wait because nobody has their skill or because the replay was cut short.
  package let excused: Int
  /// Nil: the product's time was moved by the driver.
  package let clock: DayClock?

  package init(
    day: ReplayDay, workers: [String], midnight: Int64, log: ReplayLog, verification: Verification, requests: Int, clock: DayClock? = nil
  ) {
    self.clock = clock
    self.day = day
    self.workers = workers
    self.midnight = midnight
    self.log = log
    self.verification = verification
    self.requests = requests
    let known = Set(day.workers.flatMap(\.skills))
    let orphans = Set(day.tasks.filter { !known.contains($0.skill) }.map(\.id))
    let cut = log.cutAt ?? .max
    let unsent = Set(day.tasks.indices.filter { log.tasks[$0] == nil && Int64(day.tasks[$0].arrival) * 1000 >= cut })
    let sent = day.tasks.indices.filter { !unsent.contains($0) }.map { (row: day.tasks[$0].id, sid: log.tasks[$0]) }
    lost = verification.lost(sent: sent) { orphans.contains($0) }
    excused = verification.tasks.values.count { $0.fate == .waiting && orphans.contains($0.row) }
  }

  /// Nothing lost, nothing held twice, and all that was read agrees.
  package var isClean: Bool {
    lost.isEmpty && verification.assignedTwice == 0 && verification.overCapacity == 0 && verification.gaps == 0
      && verification.neglected.isEmpty
      && verification.contradictions.isEmpty
  }

  /// Seconds from creation to the reservation that was accepted, of every assigned task.
  package var waits: [Double] { verification.tasks.values.compactMap { $0.wait.map { Double($0) / 1000 } } }

  /// Reads the server's record: renames the workspace, so that its stream has an end, then reads everything over a new connection.
  ///
  /// - Parameter clock: of a day that passed by itself. A server that is not the demo's own may have purged finished tasks by then: their events must do.
  package static func verify(
    _ client: APIClient, _ stage: Stage, _ day: ReplayDay, time: RealTime, clock: DayClock? = nil, mayBePurged: Bool = false
  ) async throws -> Verification {
    let listed: [String: String]
    do {
      _ = try await time.patience.insist {
        try await client.call(
          "POST", stage.path, [("FriendlyName", "Replayed")], headers: [(name: "Idempotency-Key", value: "replayed-\(stage.workspace)")])
      }
      listed = try await time.patience.insist {
        var listed: [String: String] = [:]
        try await client.list(stage.path + "/Tasks?PageSize=1000", key: "tasks") { task in
          if let sid = task[key: "sid"]?.string { listed[sid] = task[key: "assignment_status"]?.string ?? "" }
        }
        return listed
      }
    } catch let failure as APIFailure { throw ReplayFailure.unverified(why: failure.description) }
    let events = try await EventFeed(client: client, stage: stage, time: time, clock: clock)
      .collect(until: "workspace.updated", mostMilliseconds: 60_000)
    let skills = Dictionary(uniqueKeysWithValues: zip(stage.workers, day.workers.map(\.skills)))
    return Verification(
      events: events, listed: listed, roster: Roster(skills: skills, available: stage.available), mayBePurged: mayBePurged)
  }
}
