internal import Replay

/// What the engine asks of a server: the calls of the public API that a day of work needs, so that a test can stand in for it. SIDs are as the API gives them.
package protocol WorkAPI: Sendable {
  /// Moves the product's time forwards and returns it, in milliseconds since 1970.
  func advance(milliseconds: Int64) async throws -> Int64
  /// Creates the task of a row. `isReserved`: somebody was found at once.
  func create(task row: ReplayRow) async throws -> (sid: String, isReserved: Bool)
  func accept(reservation: String, worker: String) async throws
  func complete(task: String) async throws
  /// The caller gives up.
  func cancel(task: String) async throws
  func setAvailable(_ isAvailable: Bool, worker: String) async throws
  /// Reservations that are offered to a worker and not answered yet.
  func pendingReservations(worker: String) async throws -> [String]
}

/// A task as it is sent.
package struct ReplayRow: Sendable, Equatable {
  package var id: String
  package var skill: String
  package var priority: Int

  /// The bank's priorities 0 and 1 are both those of regular customers; 2 goes first.
  init(_ task: ReplayTask, of source: ReplayDay.Source) {
    id = task.id
    skill = task.skill
    priority = source == .callCentre ? (task.priority >= 2 ? 1 : 0) : task.priority
  }
}

/// Why a replay cannot go on.
package enum ReplayFailure: Error, CustomStringConvertible {
  /// The server's answers say that something happened which its event stream does not tell.
  case eventsMissing(seconds: Int, waitingFor: [String])
  /// No answer, or a refusal, to a call that must work.
  case refused(what: String, why: String)
  case streamEnded(why: String)
  /// The check at the end could not read everything.
  case unverified(why: String)

  package var description: String {
    switch self {
    case .eventsMissing(let seconds, let what):
      "the event stream told nothing for \(seconds) s of \(what.prefix(5).joined(separator: ", ")), which the API's answers name"
    case .refused(let what, let why): "\(what) failed: \(why)"
    case .streamEnded(let why): "the event stream ended: \(why)"
    case .unverified(let why): "what became of the tasks could not be read: \(why)"
    }
  }
}
