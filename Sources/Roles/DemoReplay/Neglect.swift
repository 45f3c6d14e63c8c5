/// Who can do what, by SIDs.
package struct Roster: Sendable {
  package var skills: [String: [String]]
  /// The activity in which a worker takes tasks.
  package var available: String

  package init(skills: [String: [String]], available: String) {
    self.skills = skills
    self.available = available
  }
}

/// Finds tasks that waited while somebody who could take them was free: a wait is only as true as the routing is busy. Judged at the end of each instant of
/// product time, because within one the order of things takes no time.
enum Neglect {
  fileprivate struct Hall {
    let roster: Roster
    var waiting: [String: Set<String>] = [:]
    var skillOf: [String: String] = [:]
    var available: Set<String> = []
    var offers: [String: Set<String>] = [:]
    var found: Set<String> = []
    var sawOffer = false
    var sawAvailable = false
  }

  static func find(_ events: [DemoEvent], _ roster: Roster) -> Set<String> {
    var hall = Hall(roster: roster)
    for (place, event) in events.enumerated() {
      hall.take(event)
      if place + 1 < events.count, events[place + 1].at > event.at { hall.judge() }
    }
    // Without a single event that shows a worker available, nothing could be found: that is no proof.
    if hall.sawOffer, !hall.sawAvailable { hall.found.insert("(no event tells of an available worker: waits cannot be judged)") }
    return hall.found
  }
}

extension Neglect.Hall {
  mutating func take(_ event: DemoEvent) {
    switch event.kind {
    case "task.created":
      skillOf[event.task] = event.skill
      waiting[event.skill, default: []].insert(event.task)
    case "task.completed", "task.canceled", "task.deleted": leave(event.task)
    case "reservation.created":
      sawOffer = true
      offers[event.worker, default: []].insert(event.reservation)
      leave(event.task)
    case "reservation.completed", "reservation.canceled", "reservation.rescinded", "reservation.rejected", "reservation.timeout":
      offers[event.worker]?.remove(event.reservation)
    case "worker.created", "worker.activity.update":
      if event.activity == roster.available { available.insert(event.worker) } else { available.remove(event.worker) }
      sawAvailable = sawAvailable || !available.isEmpty
    default: return
    }
  }

  private mutating func leave(_ task: String) {
    guard let skill = skillOf[task] else { return }
    waiting[skill]?.remove(task)
  }

  mutating func judge() {
    for (skill, tasks) in waiting where !tasks.isEmpty {
      let isSomebodyFree = available.contains { worker in
        offers[worker]?.isEmpty != false && roster.skills[worker]?.contains(skill) == true
      }
      if isSomebodyFree { found.formUnion(tasks) }
    }
  }
}
