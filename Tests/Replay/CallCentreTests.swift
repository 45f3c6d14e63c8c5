import Testing

@testable import Replay

@Suite("A day of the call centre")
struct CallCentreTests {
  @Test("a call that waited arrives when it joined the queue")
  func queued() throws {
    let day = try Fixture.calls(Fixture.call(7, type: "NE", priority: 2, queue: ("8:00:05", 40), service: ("8:00:45", 90)))
    let task = ReplayTask(
      id: "AA0101-7", arrival: 28_805, skill: "NE", priority: 2, recordedWorker: "DORIT", acceptDelay: 0, work: 90, isEstimated: false,
      patience: nil, recordedWait: 40, outcome: .served)
    #expect(day.tasks == [task])
    #expect(day.date == "1999-02-02" && day.dirt.isEmpty)
  }

  @Test("a call that never waited arrives when it left the menu")
  func unqueued() throws {
    let day = try Fixture.calls(Fixture.call(1, menuEnd: "9:10:11"))
    #expect(day.tasks[0].arrival == 33_011 && day.tasks[0].recordedWait == 0)
  }

  @Test("a caller who gave up was as patient as they waited, and would have taken as long as others of that kind")
  func patience() throws {
    let day = try Fixture.calls(
      Fixture.call(1, service: ("8:00:00", 100)), Fixture.call(2, type: "NE", service: ("8:05:00", 30)),
      Fixture.call(3, type: "NE", queue: ("9:00:00", 25), outcome: "HANG", service: ("0:00:00", 0), server: "NO_SERVER"))
    let caller = day.tasks[2]
    #expect(
      caller.patience == 25 && caller.work == 30 && caller.isEstimated && caller.outcome == .abandoned && caller.recordedWorker == nil)
  }

  @Test("agents have the skills of the calls they took, and are there from their first to the end of their last")
  func agents() throws {
    let day = try Fixture.calls(
      Fixture.call(1, type: "PS", service: ("8:00:00", 60)), Fixture.call(2, type: "NE", service: ("9:00:00", 60)),
      Fixture.call(3, type: "PS", service: ("10:00:00", 5), server: "AVNI"))
    #expect(
      day.workers == [
        ReplayWorker(name: "AVNI", skills: ["PS"], hasLifeSupport: false, onDuty: 36_000..<36_005),
        ReplayWorker(name: "DORIT", skills: ["NE", "PS"], hasLifeSupport: false, onDuty: 28_800..<32_460),
      ])
  }

  @Test(
    "rows that say nothing usable are left out and counted",
    arguments: [
      (Fixture.call(1, outcome: "PHANTOM"), ReplayDirt.phantom), (Fixture.call(1, server: "NO_SERVER"), .noServer),
      (Fixture.call(1, menu: -5), .negativeMenuTime), (Fixture.call(1, service: ("8:00:00", 0)), .noServiceTime),
      (Fixture.call(1, service: ("8:00:00", -3)), .noServiceTime), (Fixture.call(1, outcome: "HANG", server: "NO_SERVER"), .hungUpInMenu),
      (Fixture.call(1, outcome: "LOST"), .unreadable), (Fixture.call(1, menuEnd: "25:00:00"), .unreadable),
      (Fixture.call(1, queue: ("8:00:00", -1)), .unreadable),
    ])
  func dirt(row: String, reason: ReplayDirt) throws {
    let day = try Fixture.calls(row, Fixture.call(2))
    #expect(day.tasks.map(\.id) == ["AA0101-2"])
    #expect(day.dirt == [reason: 1] && reason.isLeftOut)
  }
}

@Suite("Files of recorded work")
struct ReplayFileTests {
  @Test("the day with the most tasks is taken, of equals the first; another one by its date")
  func days() throws {
    let file = try Fixture.file(
      Fixture.callHeader,
      [
        Fixture.call(1, date: "990203"), Fixture.call(2, date: "990203"), Fixture.call(3, date: "990202"), Fixture.call(4, date: "990202"),
        Fixture.call(5, date: "990204"), Fixture.call(6, outcome: "PHANTOM", date: "990205"),
      ])
    #expect(file.days.map(\.date) == ["1999-02-02", "1999-02-03", "1999-02-04"])
    #expect(try file.day().date == "1999-02-02")
    #expect(try file.day("1999-02-04").tasks.count == 1)
    #expect(throws: ReplayError.noSuchDay("1999-02-05", known: ["1999-02-02", "1999-02-03", "1999-02-04"])) { try file.day("1999-02-05") }
  }

  @Test("a file of another kind is refused with what it has")
  func other() {
    #expect(throws: ReplayError.unknownColumns(found: ["a", "b"])) { try ReplayFile(Array("a,b\n1,2\n".utf8)) }
  }

  @Test("a file without a header is refused", arguments: ["", "\"open", "a,a\n"])
  func headless(text: String) {
    #expect(throws: ReplayError.self) { try ReplayFile(Array(text.utf8)) }
  }

  @Test("a file without rows has no day")
  func empty() throws {
    let file = try Fixture.file(Fixture.callHeader, [])
    #expect(throws: ReplayError.noSuchDay("no day", known: [])) { try file.day() }
  }
}
