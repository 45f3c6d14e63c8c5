/// One recorded day of work, ready to be replayed: who was there, what came in and when. A pure value; times are whole seconds since local
/// midnight of the day.
package struct ReplayDay: Sendable, Equatable {
  /// Where a day was recorded, which decides what its columns mean.
  package enum Source: String, Sendable, CaseIterable {
    /// San Francisco Fire Department, "Fire Department Calls for Service": a row for each unit sent.
    case fireDispatch = "fire-dispatch"
    /// The call-by-call file of the "Anonymous Bank" contact centre: a row for each call.
    case callCentre = "call-centre"
  }

  package let source: Source
  /// `2017-01-01`, local.
  package let date: String
  /// By name.
  package let workers: [ReplayWorker]
  /// By arrival; those of the same second in the file's order, earliest first.
  package let tasks: [ReplayTask]
  /// Rows of the day that were left out or mended, by reason, in the order of `ReplayDirt`.
  package let dirt: [ReplayDirt: Int]

  /// All skills that workers have or tasks ask for, sorted.
  package var skills: [String] { Set(workers.flatMap(\.skills) + tasks.map(\.skill)).sorted() }

  /// Seconds from the first arrival's midnight to the last thing that was recorded to end.
  package var end: Int { tasks.map { $0.arrival + ($0.recordedWait ?? 0) + $0.work }.max() ?? 0 }
}

/// Somebody who worked on that day.
package struct ReplayWorker: Sendable, Equatable {
  package let name: String
  /// Sorted, at least one.
  package let skills: [String]
  /// Has advanced life support aboard on at least one of the day's calls; false for a call centre.
  package let hasLifeSupport: Bool
  /// From when to when the recording shows them at work. Units stand by all day; agents from their first call to the end of their last.
  package let onDuty: Range<Int>
}

/// One piece of work of that day.
package struct ReplayTask: Sendable, Equatable {
  /// How the recording says that it ended.
  package enum Outcome: String, Sendable {
    case served
    /// The caller gave up while waiting.
    case abandoned
    /// Sent to a unit that never responded.
    case unanswered
  }

  /// Unique within the day.
  package let id: String
  package let arrival: Int
  /// What a worker must have to take it.
  package let skill: String
  /// Greater is more urgent.
  package let priority: Int
  /// Who took it in the recording.
  package let recordedWorker: String?
  /// Seconds from being assigned to having accepted, ≥ 0.
  package let acceptDelay: Int
  /// Seconds from being assigned to being free again, ≥ 1 and ≥ `acceptDelay`.
  package let work: Int
  /// `work` or `acceptDelay` is not recorded for this task but taken from the others of the day.
  package let isEstimated: Bool
  /// Seconds of waiting after which the caller gives up; nil: never known to.
  package let patience: Int?
  /// Seconds that it waited in the recording. For fire dispatch that is mostly call-taking: context, not comparison.
  package let recordedWait: Int?
  package let outcome: Outcome
}

/// Why a row was left out, or how it was mended.
package enum ReplayDirt: String, Sendable, CaseIterable, Comparable {
  /// Left out: not CSV, or a cell that cannot be read.
  case unreadable = "unreadable row"
  /// Left out: nobody knows what the caller did.
  case phantom = "phantom call"
  /// Left out: served according to the outcome, but by nobody.
  case noServer = "served by nobody"
  /// Left out: left the menu before entering it.
  case negativeMenuTime = "negative time in the menu"
  /// Left out: served for no time at all.
  case noServiceTime = "service time not positive"
  /// Left out: hung up in the menu, so never asked for an agent.
  case hungUpInMenu = "hung up in the menu"
  /// Mended: without a response time; the arrival at the scene or the day's median stands for it.
  case noResponseTime = "no response time"
  /// Mended: never free again, or before being sent; the last time known of it or the day's median stands for it.
  case noEndOfWork = "no usable end of work"
  /// Mended: dispatched before it was entered, so the recorded wait is unknown.
  case negativeWait = "negative wait"

  /// Whether rows with it are left out.
  package var isLeftOut: Bool {
    switch self {
    case .noResponseTime, .noEndOfWork, .negativeWait: false
    default: true
    }
  }

  package static func < (one: Self, other: Self) -> Bool {
    (allCases.firstIndex(of: one) ?? 0) < (allCases.firstIndex(of: other) ?? 0)
  }
}
