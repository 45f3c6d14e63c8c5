import Testing

@testable import DemoReplay

@Suite("What became of the tasks")
struct VerificationTests {
  private func events(_ list: [(String, String, String, String)]) -> [DemoEvent] {
    list.enumerated().map { place, event in
      DemoEvent(
        event.0, sequence: Int64(place + 1), at: Int64(place) * 1000, task: event.1, reservation: event.2, worker: event.3,
        row: "row-\(event.1)")
    }
  }
  private let whole = [
    ("task.created", "T1", "", ""), ("reservation.created", "T1", "R1", "W1"), ("reservation.accepted", "T1", "R1", "W1"),
    ("task.completed", "T1", "", ""), ("reservation.completed", "T1", "R1", "W1"),
  ]

  @Test("a task that was taken and finished is neither lost nor held twice")
  func clean() {
    let verified = Verification(events: events(whole), listed: ["T1": "completed"])
    #expect(verified.finished == 1 && verified.assigned == 1 && verified.gaps == 0 && verified.contradictions.isEmpty)
    #expect(verified.tasks["T1"]?.wait == 1000)
    #expect(verified.lost(sent: [("row-T1", "T1")]) { _ in false }.isEmpty)
  }

  @Test("two accepted reservations of a task that overlap are an assignment twice; one after the other are not")
  func twice() {
    var list = Array(whole.prefix(3))
    list += [("reservation.created", "T1", "R2", "W2"), ("reservation.accepted", "T1", "R2", "W2")]
    #expect(Verification(events: events(list), listed: ["T1": "assigned"]).assignedTwice == 1)
    list.insert(("reservation.canceled", "T1", "R1", "W1"), at: 3)
    #expect(Verification(events: events(list), listed: ["T1": "assigned"]).assignedTwice == 0)
  }

  @Test("a worker who accepts a second task while it holds one is told")
  func overCapacity() {
    let list =
      Array(whole.prefix(3)) + [
        ("task.created", "T2", "", ""), ("reservation.created", "T2", "R2", "W1"), ("reservation.accepted", "T2", "R2", "W1"),
      ]
    #expect(Verification(events: events(list), listed: ["T1": "assigned", "T2": "assigned"]).overCapacity == 1)
  }

  @Test("missing, repeated and contradicting facts are found")
  func contradictions() {
    var gap = events(whole)
    gap.remove(at: 1)
    #expect(Verification(events: gap, listed: ["T1": "completed"]).gaps == 1)
    #expect(Verification(events: events(whole), listed: [:]).contradictions.count == 1)
    #expect(Verification(events: events(whole), listed: ["T1": "assigned"]).contradictions.count == 1)
    #expect(Verification(events: events(whole), listed: ["T1": "completed", "T9": "pending"]).contradictions.count == 1)
  }

  @Test(
    "a row is lost when no task was made of it, when its task never ended, or when somebody else ended it; two tasks of one row are told")
  func lost() {
    func lost(_ list: [(String, String, String, String)], sid: String? = "T1", excused: Bool = false) -> [String] {
      Verification(events: events(list), listed: [:]).lost(sent: [("row-T1", sid)]) { _ in excused }
    }
    #expect(lost(whole, sid: nil) == ["row-T1: no task was made"])
    #expect(lost([], sid: "T1") == ["row-T1: accepted by the API and not in the events"])
    #expect(lost(Array(whole.prefix(3))) == ["row-T1: taken and never finished"])
    #expect(lost(Array(whole.prefix(1))).count == 1 && lost(Array(whole.prefix(1)), excused: true).isEmpty)
    #expect(lost([whole[0], ("task.canceled", "T1", "", "")]) == ["row-T1: canceled: "])
    var again = events(whole)
    again.append(DemoEvent("task.created", sequence: 6, at: 9, task: "T2", row: "row-T1"))
    #expect(Verification(events: again, listed: [:]).lost(sent: [("row-T1", "T1")]) { _ in false } == ["row-T1: 2 tasks were made of it"])
  }

  @Test(
    "a task that waits over time while somebody with its skill is there and free is neglected; one that waits for a busy, absent or other skill is not"
  )
  func neglect() {
    let roster = Roster(skills: ["W1": ["A"], "W2": ["B"]], available: "WA")
    func event(_ kind: String, at: Int64, task: String = "", reservation: String = "", worker: String = "", activity: String = "")
      -> DemoEvent
    {
      DemoEvent(kind, sequence: 0, at: at, task: task, reservation: reservation, worker: worker, skill: "A", activity: activity)
    }
    let there = event("worker.created", at: 0, worker: "W1", activity: "WA")
    let absent = event("worker.created", at: 0, worker: "W1", activity: "WO")
    let other = event("worker.created", at: 0, worker: "W2", activity: "WA")
    let task = event("task.created", at: 5, task: "T1")
    let offer = event("reservation.created", at: 5, task: "T1", reservation: "R1", worker: "W1")
    let second = event("task.created", at: 6, task: "T2")
    let end = event("workspace.updated", at: 9)
    #expect(Neglect.find([there, task, end], roster) == ["T1"])
    #expect(Neglect.find([there, task, offer, second, end], roster).isEmpty)
    #expect(Neglect.find([absent, other, task, end], roster).isEmpty)
    #expect(Neglect.find([offer, end], roster).count == 1, "without a worker's event nothing is proved")
    let free = event("reservation.completed", at: 7, task: "T1", reservation: "R1", worker: "W1")
    #expect(Neglect.find([there, task, offer, second, free, end], roster) == ["T2"])
  }
}
