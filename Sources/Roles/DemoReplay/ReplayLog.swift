/// How far a replay has come.
package struct ReplayProgress: Sendable {
  /// Seconds since the day's midnight.
  package var second: Int
  package var created: Int
  package var assigned: Int
  package var finished: Int
  package var gaveUp: Int
  package var waiting: Int
  /// Real milliseconds since the replay began.
  package var elapsed: Int64
}

/// What the driver did. What became of it is not judged from here: `Verification` reads that from the server.
package struct ReplayLog: Sendable {
  package internal(set) var created = 0
  package internal(set) var accepted = 0
  package internal(set) var finished = 0
  package internal(set) var gaveUp = 0
  /// Tasks' SIDs in the order of the day's tasks; nil where none was made.
  package internal(set) var tasks: [String?] = []
  /// Calls that the server refused, in words.
  package internal(set) var refusals: [String] = []
  /// Rows that were not sent because time ran out; and at which millisecond of the day.
  package internal(set) var unsent = 0
  package internal(set) var cutAt: Int64?
  /// Milliseconds of product time by which the driver was late, at worst.
  package internal(set) var worstLateness: Int64 = 0
  /// Real milliseconds from sending a task to hearing of its reservation, for those that were reserved at once.
  package internal(set) var routing: [Int64] = []
  package internal(set) var realMilliseconds: Int64 = 0
  package internal(set) var productMilliseconds: Int64 = 0
  /// When each worker left, milliseconds of the day.
  package internal(set) var dutyEnds: [Int64] = []
  /// Reservations that the stream told of before the answer with the task's SID was here.
  var early: [String: DemoEvent] = [:]

  package init() {}
  package var isCut: Bool { cutAt != nil }
}

/// A task, as the driver knows it.
struct Job: Sendable {
  enum State: Sendable, Equatable {
    case toCome
    case waiting
    /// Milliseconds of the day.
    case reserved(String, worker: String, at: Int64)
    case assigned(worker: String)
    case over
  }
  var state = State.toCome
  var sid: String?
  var sentAt: Int64 = 0
  var isReservedAtOnce = false
}
