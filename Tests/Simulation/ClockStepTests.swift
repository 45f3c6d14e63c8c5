import PortsTesting
import Testing

@testable import Simulate

@Suite("A wall clock that steps") struct ClockStepTests {
  @Test(
    "Back: time in the journal stands until the clock has caught up, and every offer ends once",
    arguments: [2000, 60_000, 3_600_000] as [Int64])
  func back(_ step: Int64) throws {
    let clocked = ClockedWorld()
    try clocked.offer()
    clocked.world.clock.step(by: -step)
    for _ in 0..<6 {
      clocked.advance(by: step / 5)
      clocked.settle()
    }
    for _ in 0..<3 {
      clocked.advance(by: 11_000)
      clocked.settle()
    }
    try check(clocked)
  }

  @Test("Forwards: what is due by then is done at once, and once", arguments: [2000, 60_000, 3_600_000] as [Int64])
  func forwards(_ step: Int64) throws {
    let clocked = ClockedWorld()
    try clocked.offer()
    clocked.world.clock.step(by: step)
    for _ in 0..<2 {
      clocked.advance(by: 11_000)
      clocked.settle()
    }
    try check(clocked)
  }

  @Test("Forwards and back again: nothing is done a second time")
  func forwardsAndBack() throws {
    let clocked = ClockedWorld()
    try clocked.offer()
    clocked.world.clock.step(by: 3_600_000)
    clocked.settle()
    clocked.world.clock.step(by: -3_600_000)
    clocked.settle()
    clocked.advance(by: 3_700_000)
    clocked.settle()
    try check(clocked)
  }

  private func check(_ clocked: ClockedWorld) throws {
    let ended = try clocked.timedOut()
    #expect(!ended.isEmpty)
    #expect(Set(ended).count == ended.count, "an offer ended twice")
    let times = try clocked.recorded()
    #expect(times == times.sorted(), "recorded time went back")
  }
}
