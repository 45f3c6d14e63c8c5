import Synchronization
import Testing

@testable import DemoReplay
@testable import Replay

@Suite("Replaying a day")
struct ReplayerTests {
  @Test("a task is accepted after its delay and completed after its work, both counted from the offer")
  func timing() async throws {
    // Given one unit and a task that arrives at 100 s
    let day = day([worker("E1")], [task("a", at: 100, accept: 20, work: 300)])
    let server = FakeServer(day)
    // When the day is replayed
    let log = try await replay(day, on: server)
    // Then every deed happens at its second
    #expect(server.calls == ["100 create a", "120 accept R0 by W0", "400 complete T0"])
    #expect(log.created == 1 && log.finished == 1 && log.worstLateness == 0)
  }

  @Test("a task that finds nobody waits for the unit that is free first, and uses its own times")
  func waiting() async throws {
    let day = day([worker("E1")], [task("a", at: 0, work: 50), task("b", at: 10, accept: 5, work: 7)])
    let server = FakeServer(day)
    _ = try await replay(day, on: server)
    #expect(
      server.calls == ["0 create a", "0 accept R0 by W0", "10 create b", "50 complete T0", "55 accept R1 by W0", "57 complete T1"])
    let verified = Verification(events: server.events, listed: server.listed)
    #expect(verified.tasks["T1"]?.wait == 40_000)
  }

  @Test("a caller gives up after its patience, but not one who is being served")
  func patience() async throws {
    let day = day(
      [worker("E1")], [task("a", at: 0, work: 100, patience: 30), task("b", at: 1, work: 9, patience: 30), task("c", at: 2, work: 9)])
    let server = FakeServer(day)
    let log = try await replay(day, on: server)
    #expect(server.calls.contains("31 cancel T1") && server.calls.contains("100 complete T0") && server.calls.contains("109 complete T2"))
    #expect(log.gaveUp == 1 && log.finished == 2)
  }

  @Test("work that ends in the same second as a patience is in time for the caller")
  func sameSecond() async throws {
    let day = day([worker("E1")], [task("a", at: 0, work: 30), task("b", at: 10, work: 9, patience: 20)])
    let server = FakeServer(day)
    let log = try await replay(day, on: server)
    #expect(log.gaveUp == 0 && log.finished == 2)
  }

  @Test("agents come and go; the last one with a skill stays while somebody waits or is to come")
  func duty() async throws {
    let workers = [worker("one", onDuty: 100..<200), worker("two", onDuty: 150..<300)]
    let day = day(workers, [task("a", at: 50, work: 10), task("b", at: 400, work: 10)])
    let server = FakeServer(day)
    let log = try await replay(day, on: server)
    #expect(
      server.calls
        == [
          "100 W0 arrives", "100 accept R0 by W0", "110 complete T0", "150 W1 arrives", "200 W0 leaves", "400 create b",
          "400 accept R1 by W1",
          "400 W1 leaves", "410 complete T1",
        ].moving("50 create a", to: 0))
    #expect(log.dutyEnds == [200_000, 400_000])
  }

  @Test("a refused task is told and the others go on")
  func refusal() async throws {
    let day = day([worker("E1")], [task("a", at: 0, work: 5), task("b", at: 20, work: 5)])
    let server = FakeServer(day, refuses: ["a"])
    let log = try await replay(day, on: server)
    #expect(log.refusals == ["task a: not today"])
    #expect(log.tasks == [nil, "T0"] && log.finished == 1)
  }

  @Test("a reservation that the answer names and the stream never tells of ends the replay")
  func silence() async throws {
    let day = day([worker("E1")], [task("a", at: 0, work: 5)])
    let server = FakeServer(day, hidesReservations: true)
    await #expect(throws: ReplayFailure.self) { try await replay(day, on: server, time: FakeTime(perLook: 1000)) }
  }

  @Test("the day is paced to the seconds asked for")
  func pace() async throws {
    let day = day([worker("E1")], [task("a", at: 0, work: 500), task("b", at: 990, work: 10)])
    let time = FakeTime()
    _ = try await replay(day, on: FakeServer(day), time: time) { $0.seconds = 60 }
    #expect(time.slept.load(ordering: .relaxed) == 60_000)
  }

  @Test("a replay that takes too long sends no more tasks, says so, and finishes what it has")
  func cut() async throws {
    let day = day([worker("E1")], [task("a", at: 0, work: 500), task("b", at: 600, work: 10)])
    let server = FakeServer(day)
    let log = try await replay(day, on: server, time: FakeTime(perLook: 1000)) { $0.mostSeconds = 2 }
    #expect(log.isCut && log.unsent == 1 && log.finished == 1)
    #expect(server.calls == ["0 create a", "0 accept R0 by W0", "500 complete T0"])
  }

  @Test("where time passes by itself, deeds are done as it comes to them")
  func realTime() async throws {
    // Given a clock of which one millisecond is a second of the day, and a server that hides nothing
    let day = day([worker("E1")], [task("a", at: 100, accept: 20, work: 300), task("b", at: 150, work: 10)])
    let time = FakeTime()
    let clock = DayClock(speed: 1000, midnight: FakeServer.midnight, began: 0)
    let server = FakeServer(day, passing: { clock.day(ofReal: time.real.now()) })
    // When the day is replayed
    let log = try await replay(day, on: server, time: time, clock: clock)
    // Then everything is done at its second, or as soon as it is known of
    #expect(
      server.calls == ["100 create a", "120 accept R0 by W0", "150 create b", "400 complete T0", "400 accept R1 by W0", "410 complete T1"])
    #expect(log.created == 2 && log.finished == 2 && log.worstLateness == 0)
  }

  @Test("where time passes by itself, a reservation that the stream never tells of ends the replay too")
  func realSilence() async throws {
    let day = day([worker("E1")], [task("a", at: 0, work: 5)])
    let server = FakeServer(day, hidesReservations: true)
    let clock = DayClock(speed: 1000, midnight: FakeServer.midnight, began: 0)
    await #expect(throws: ReplayFailure.self) { try await replay(day, on: server, time: FakeTime(perLook: 1000), clock: clock) }
  }

  @Test("a clock keeps what was at once at once, and rounds waits up")
  func dayClock() {
    let clock = DayClock(speed: 1440, midnight: 5000, began: 70)
    #expect(clock.day(ofServer: 5000) == 5000 && clock.day(ofServer: 5010) == 19_400 && clock.day(ofServer: 4999) == 3560)
    #expect(clock.day(ofReal: 70) == 5000 && clock.day(ofReal: 80) == 19_400)
    #expect(clock.real(60_000) == 42 && clock.real(0) == 0)
  }

  @Test("tasks of one second go out together and every one of them ends", arguments: [1, 3, 16])
  func crowd(concurrency: Int) async throws {
    let skills = ["A", "B", "C"]
    let tasks = (0..<60).map { task("r\($0)", at: $0 / 20, skill: skills[$0 % 3], accept: 2, work: 5 + $0 % 7) }
    let day = day((0..<9).map { worker("w\($0)", [skills[$0 % 3]]) }, tasks)
    let server = FakeServer(day)
    let log = try await replay(day, on: server) { $0.concurrency = concurrency }
    let verified = Verification(events: server.events, listed: server.listed)
    #expect(
      log.finished == 60 && verified.finished == 60 && verified.assignedTwice == 0 && verified.overCapacity == 0 && verified.gaps == 0)
    #expect(verified.contradictions.isEmpty)
  }
}

extension [String] {
  fileprivate func moving(_ text: String, to place: Int) -> [String] {
    var copy = self
    copy.insert(text, at: place)
    return copy
  }
}
