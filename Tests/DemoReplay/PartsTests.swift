import JSON
import Report
import Testing

@testable import DemoReplay
@testable import Replay

@Suite("Parts of the demo's engine")
struct PartsTests {
  @Test("deeds come by time, at one time by kind, of one kind together and in their order")
  func agenda() {
    var agenda = Agenda()
    agenda.add(.create(task: 1), at: 5)
    agenda.add(.accept(task: 2), at: 5)
    agenda.add(.create(task: 3), at: 5)
    agenda.add(.complete(task: 4), at: 7)
    agenda.add(.create(task: 5), at: 1)
    var order: [[Deed]] = []
    while let now = agenda.next { order.append(agenda.takeDue(by: now).map(\.deed)) }
    #expect(order == [[.create(task: 5)], [.accept(task: 2)], [.create(task: 1), .create(task: 3)], [.complete(task: 4)]])
  }

  @Test("nothing is due before its time, and what is not wanted is forgotten")
  func agendaForgets() {
    var agenda = Agenda()
    for place in 0..<20 { agenda.add(place % 2 == 0 ? .create(task: place) : .complete(task: place), at: Int64(20 - place)) }
    #expect(agenda.takeDue(by: 0).isEmpty)
    agenda.remove { if case .create = $0 { true } else { false } }
    var found: [Deed] = []
    while let now = agenda.next { found += agenda.takeDue(by: now).map(\.deed) }
    #expect(found == stride(from: 19, through: 1, by: -2).map { .complete(task: $0) })
  }

  @Test("events are the same however the bytes are cut", arguments: [1, 2, 7, 1000])
  func cutter(size: Int) {
    let bytes = Array("retry: 2000\n: connected\n\nid: a1\ndata: {\"x\":1}\n\n: keep-alive\n\nid: a2\ndata: {}\n\nda".utf8)
    var cutter = EventStreamCutter()
    var found: [String] = []
    for start in stride(from: 0, to: bytes.count, by: size) {
      found += cutter.push(Array(bytes[start..<min(bytes.count, start + size)])).map { String(decoding: $0, as: UTF8.self) }
    }
    #expect(found == ["{\"x\":1}", "{}"] && cutter.lastID == "a2")
  }

  @Test("an event is read from its CloudEvent")
  func event() throws {
    let json =
      #"{"specversion":"1.0","type":"com.twilio.taskrouter.task.created","data":{"sequence":7,"payload":{"eventtype":"task.created","timestamp_ms":12,"#
      + #""task_sid":"WT1","task_attributes":"{\"row\":\"r1\",\"skill\":\"A\"}"}}}"#
    #expect(DemoEvent(json: Array(json.utf8)) == DemoEvent("task.created", sequence: 7, at: 12, task: "WT1", row: "r1", skill: "A"))
    #expect(DemoEvent(json: Array("{}".utf8)) == nil && DemoEvent(json: Array("nonsense".utf8)) == nil)
  }

  @Test("instants are read to the millisecond")
  func instants() {
    #expect(InstantText.milliseconds("1970-01-01T00:00:00Z") == 0)
    #expect(InstantText.milliseconds("2000-03-01T00:00:00.250Z") == 951_868_800_250)
    #expect(InstantText.milliseconds("2016-02-29T23:59:59.999Z") == 1_456_790_399_999)
    for bad in ["", "2016-02-29", "2016-02-29T23:59:59+01:00", "x016-02-29T23:59:59.9Z"] { #expect(InstantText.milliseconds(bad) == nil) }
  }

  @Test("the workflow has a filter on the task's skill for each queue")
  func workflow() throws {
    let text = Stage.configuration([("ENGINE", "WQ1"), ("MEDIC", "WQ2")])
    let filters = try #require(try JSONDocument(parsing: Array(text.utf8)).root[key: "task_routing"]?[key: "filters"])
    #expect(filters.elements.map { $0[key: "expression"]?.string } == ["skill == 'ENGINE'", "skill == 'MEDIC'"])
  }

  @Test("the outcome counts what was read, not what was done, and measures waits, backlog and work in product time")
  func outcome() async throws {
    let day = day([worker("E1")], [task("a", at: 0, work: 600), task("b", at: 10, work: 300)])
    let server = FakeServer(day)
    let log = try await replay(day, on: server)
    let outcome = Outcome(
      day: day, workers: ["W0"], midnight: FakeServer.midnight, log: log,
      verification: Verification(events: server.events, listed: server.listed),
      requests: 6)
    let result = outcome.result(madeAt: "now")
    #expect(outcome.isClean && outcome.waits.sorted() == [0, 590])
    #expect(result.counts.tasksIn == 2 && result.counts.finished == 2 && result.counts.isClean)
    #expect(Array(result.backlog.prefix(3)) == [1, 1, 1] && result.backlog[3] == 0)
    #expect(result.units.count == 1 && result.units[0].busy == 900 && result.units[0].onDuty == 86_400)
  }

  @Test("a task that nobody has the skill for waits for a shown reason and is not lost")
  func orphan() async throws {
    let day = day([worker("E1")], [task("a", at: 0, work: 6), task("b", at: 1, skill: "B", work: 6)])
    let server = FakeServer(day)
    let log = try await replay(day, on: server)
    let outcome = Outcome(
      day: day, workers: ["W0"], midnight: FakeServer.midnight, log: log,
      verification: Verification(events: server.events, listed: server.listed),
      requests: 0)
    #expect(outcome.lost.isEmpty && outcome.excused == 1 && outcome.isClean)
  }
}
