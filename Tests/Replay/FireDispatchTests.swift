import Testing

@testable import Replay

@Suite("A day of the fire department")
struct FireDispatchTests {
  @Test("a row becomes a task: received, sent, responded, free again")
  func row() throws {
    let day = try Fixture.fires(Fixture.row("1-E01", lifeSupport: true))
    let task = ReplayTask(
      id: "1-E01", arrival: 43_200, skill: "ENGINE", priority: 3, recordedWorker: "E01", acceptDelay: 60, work: 1680, isEstimated: false,
      patience: nil, recordedWait: 60, outcome: .served)
    #expect(day.tasks == [task])
    #expect(day.workers == [ReplayWorker(name: "E01", skills: ["ENGINE"], hasLifeSupport: true, onDuty: 0..<86_400)])
    #expect(day.date == "2017-01-01" && day.dirt.isEmpty)
  }

  @Test("without a response the arrival at the scene stands for it, then the day's median")
  func response() throws {
    let day = try Fixture.fires(
      Fixture.row("a", response: nil, scene: "10:00"), Fixture.row("b", response: nil, scene: nil), Fixture.row("c", response: "02:30"))
    let delays = Dictionary(uniqueKeysWithValues: day.tasks.map { ($0.id, $0.acceptDelay) })
    #expect(delays == ["a": 480, "b": 30, "c": 30])
    #expect(day.tasks.filter { $0.outcome == .unanswered }.count == 2)
    #expect(day.dirt == [.noResponseTime: 2])
  }

  @Test("work without a usable end ends with the last time known, then after the day's median")
  func work() throws {
    let day = try Fixture.fires(
      Fixture.row("a", scene: "12:00", available: nil), Fixture.row("b", scene: nil, available: "01:00"),
      Fixture.row("c", available: "22:00"))
    let work = Dictionary(uniqueKeysWithValues: day.tasks.map { ($0.id, $0.work) })
    #expect(work == ["a": 600, "b": 1200, "c": 1200])
    #expect(day.dirt == [.noEndOfWork: 2])
  }

  @Test("a unit that was free before it responded accepts no later than that")
  func freeBeforeResponse() throws {
    let day = try Fixture.fires(Fixture.row("a", response: "09:00", available: "04:00"))
    #expect(day.tasks[0].acceptDelay == 120 && day.tasks[0].work == 120)
  }

  @Test("without a time of receipt the entry counts; a wait that would be negative is unknown")
  func entry() throws {
    let day = try Fixture.fires(Fixture.row("a", received: nil, entry: "05:00"))
    #expect(day.tasks[0].arrival == 43_500 && day.tasks[0].recordedWait == nil)
    #expect(day.dirt == [.negativeWait: 1])
  }

  @Test("tasks come by arrival, though the file is newest first")
  func order() throws {
    let day = try Fixture.fires(Fixture.row("late", received: "00:50"), Fixture.row("x"), Fixture.row("early"))
    #expect(day.tasks.map(\.id) == ["early", "x", "late"])
  }

  @Test("rows without a unit or a dispatch are counted, rows without a date belong to no day")
  func unreadable() throws {
    let file = try Fixture.file(
      Fixture.fireHeader,
      [
        Fixture.row("a", unit: ""), Fixture.row("b", dispatch: nil), Fixture.row("c", received: nil, entry: nil), Fixture.row("d"),
        "too,few",
      ])
    #expect(file.unreadable == 2)
    #expect(try file.day().dirt == [.unreadable: 2])
  }
}

@Suite("Times of the files")
struct LocalTimeTests {
  @Test(
    "twelve is midnight or noon",
    arguments: [("12:00:00 AM", 0), ("12:59:59 AM", 3599), ("01:00:00 AM", 3600), ("12:00:00 PM", 43_200), ("11:59:59 PM", 86_399)])
  func twelve(text: String, ofDay: Int) { #expect(LocalTime.american("03/01/2016 " + text)?.ofDay == ofDay) }

  @Test("dates go there and back", arguments: ["01/01/1970", "02/29/2016", "12/31/2016", "01/01/2017", "03/01/2000"])
  func dates(text: String) {
    let parts = text.split(separator: "/")
    #expect(LocalTime.american(text + " 11:00:00 PM")?.date == "\(parts[2])-\(parts[0])-\(parts[1])")
  }

  @Test("differences over midnight and the leap day are right")
  func difference() throws {
    let late = try #require(LocalTime.american("02/28/2016 11:59:59 PM"))
    let early = try #require(LocalTime.american("03/01/2016 12:00:01 AM"))
    #expect(early - late == 86_402)
  }

  @Test(
    "nonsense is nil",
    arguments: [
      "", "01/01/2017", "13/01/2017 01:00:00 AM", "01/01/2017 00:00:00 AM", "01/01/2017 13:00:00 PM", "1/1/17 1:00:00 AM",
      "01/01/2017 01:00 AM", "01/01/2017 01:60:00 AM", "٠١/01/2017 01:00:00 AM",
    ])
  func nonsense(text: String) { #expect(LocalTime.american(text) == nil) }

  @Test(
    "short dates are of the 1900s",
    arguments: [("990203", "1999-02-03"), ("991331", nil), ("99020", nil), ("9902033", nil), ("+90203", nil)])
  func short(text: String, date: String?) { #expect(LocalTime.shortDate(text) == date) }
}
