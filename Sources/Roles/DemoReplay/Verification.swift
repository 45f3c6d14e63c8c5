/// What became of every task, read from the server's own record: its events from the beginning, and its list of tasks. Knows nothing of what the driver thinks.
package struct Verification: Sendable {
  package enum Fate: Sendable, Equatable {
    case waiting
    case held
    case finished
    case gaveUp
    /// Ended otherwise: why.
    case ended(String)
  }

  package struct TaskStory: Sendable {
    package var row: String
    /// Product time, milliseconds since 1970.
    package var created: Int64
    /// When the reservation that was accepted was made.
    package var reserved: Int64?
    package var accepted: Int64?
    package var ended: Int64?
    package var worker: String?
    package var fate = Fate.waiting

    /// Milliseconds from created to the reservation that was accepted.
    package var wait: Int64? { reserved.map { $0 - created } }
  }

  package private(set) var tasks: [String: TaskStory] = [:]
  /// Times that a task was accepted while another accepted reservation of it was not over.
  package private(set) var assignedTwice = 0
  /// Times that a worker accepted while holding another task: more than its capacity.
  package private(set) var overCapacity = 0
  /// Events that are missing from or repeated in the sequence of the workspace.
  package private(set) var gaps = 0
  package private(set) var events = 0
  /// Tasks that waited over some time although somebody who could take them was free.
  package private(set) var neglected: Set<String> = []
  /// Tasks that ended and that the API does not list any more, where that may be.
  package private(set) var purged = 0
  /// Contradictions between events and the API's list, in words.
  package private(set) var contradictions: [String] = []

  private struct Offer {
    var task: String
    var worker: String
    var at: Int64
  }
  private var offers: [String: Offer] = [:]
  private var holders: [String: Set<String>] = [:]
  private var holding: [String: Set<String>] = [:]

  /// - Parameters:
  ///   - events: all of the workspace, in the order of the stream.
  ///   - listed: the status of each task that the API lists.
  ///   - roster: who can do what; nil: waits are not judged.
  ///   - mayBePurged: the server forgets tasks some time after their end.
  package init(events: [DemoEvent], listed: [String: String], roster: Roster? = nil, mayBePurged: Bool = false) {
    var expected: Int64 = 1
    for event in events {
      if event.sequence != expected { gaps += 1 }
      expected = event.sequence + 1
      take(event)
    }
    self.events = events.count
    if let roster { neglected = Neglect.find(events, roster) }
    compare(listed, mayBePurged)
  }

  private mutating func take(_ event: DemoEvent) {
    switch event.kind {
    case "task.created":
      if tasks[event.task] != nil { contradictions.append("\(event.task) was created twice") }
      tasks[event.task] = TaskStory(row: event.row, created: event.at)
    case "task.completed": end(event, .finished)
    case "task.canceled": end(event, event.reason == Stage.gaveUp ? .gaveUp : .ended("canceled: \(event.reason)"))
    case "task.deleted": end(event, .ended("deleted"))
    case "reservation.created": offers[event.reservation] = Offer(task: event.task, worker: event.worker, at: event.at)
    case "reservation.accepted": accept(event)
    case "reservation.completed", "reservation.canceled", "reservation.rescinded", "reservation.rejected", "reservation.timeout":
      holders[event.task]?.remove(event.reservation)
      holding[event.worker]?.remove(event.reservation)
    default: return
    }
  }

  private mutating func end(_ event: DemoEvent, _ fate: Fate) {
    tasks[event.task]?.fate = fate
    tasks[event.task]?.ended = event.at
  }

  private mutating func accept(_ event: DemoEvent) {
    guard let offer = offers[event.reservation] else {
      contradictions.append("\(event.reservation) was accepted and never created")
      return
    }
    if holders[event.task]?.isEmpty == false { assignedTwice += 1 }
    if holding[event.worker]?.isEmpty == false { overCapacity += 1 }
    holders[event.task, default: []].insert(event.reservation)
    holding[event.worker, default: []].insert(event.reservation)
    tasks[event.task]?.reserved = offer.at
    tasks[event.task]?.accepted = event.at
    tasks[event.task]?.worker = event.worker
    tasks[event.task]?.fate = .held
  }

  private mutating func compare(_ listed: [String: String], _ mayBePurged: Bool) {
    for (sid, story) in tasks {
      let wanted: Set<String> =
        switch story.fate {
        case .waiting: ["pending", "reserved"]
        case .held: ["assigned", "wrapping"]
        case .finished: ["completed"]
        case .gaveUp, .ended: ["canceled"]
        }
      guard let status = listed[sid] else {
        if mayBePurged, story.ended != nil {
          purged += 1
          continue
        }
        if story.fate != .ended("deleted") { contradictions.append("\(sid) (\(story.row)) is missing from the list of tasks") }
        continue
      }
      if !wanted.contains(status) {
        contradictions.append("\(sid) (\(story.row)) is \(status) in the list and \(story.fate) in the events")
      }
    }
    for sid in listed.keys where tasks[sid] == nil { contradictions.append("\(sid) is listed and no event tells of its creation") }
    contradictions.sort()
  }
}

extension Verification {
  package var assigned: Int { tasks.values.count { $0.accepted != nil } }
  package var finished: Int { tasks.values.count { $0.fate == .finished } }
  package var gaveUp: Int { tasks.values.count { $0.fate == .gaveUp } }
  package var waiting: Int { tasks.values.count { $0.fate == .waiting } }

  /// Rows of the recording that were sent and did not come to their end, with what happened to each; sorted.
  ///
  /// Not lost is a row whose task is finished, or given up by its caller. `isExcused` says whether a task that still waits does so for a known reason.
  package func lost(sent: [(row: String, sid: String?)], isExcused: (String) -> Bool) -> [String] {
    var times: [String: Int] = [:]
    for story in tasks.values { times[story.row, default: 0] += 1 }
    var found: [String] = []
    for (row, sid) in sent {
      guard let sid, let story = tasks[sid] else {
        found.append("\(row): \(sid == nil ? "no task was made" : "accepted by the API and not in the events")")
        continue
      }
      if times[row, default: 0] > 1 { found.append("\(row): \(times[row] ?? 0) tasks were made of it") }
      switch story.fate {
      case .finished, .gaveUp: continue
      case .waiting where isExcused(row): continue
      case .waiting: found.append("\(row): still waits although somebody could take it")
      case .held: found.append("\(row): taken and never finished")
      case .ended(let why): found.append("\(row): \(why)")
      }
    }
    return found.sorted()
  }
}
