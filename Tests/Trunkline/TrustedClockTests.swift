import PortsTesting
import Testing
import Trunkline

@Suite("The clock that a node believes") struct TrustedClockTests {
  private let start: Int64 = 1_700_000_000_000

  private func clocks() -> (ManualClock, TrustedClock) {
    let machine = ManualClock(now: start)
    return (machine, TrustedClock(machine))
  }

  @Test("Follows the machine's, small corrections included")
  func follows() {
    let (machine, clock) = clocks()
    machine.advance(by: 5000)
    #expect(clock.now() == start + 5000)
    machine.step(by: 40_000)
    #expect(clock.now() == start + 45_000)
    #expect(!clock.isDoubted)
  }

  @Test("A step of more than a minute forwards is not believed until the clocks agree again")
  func forwards() {
    let (machine, clock) = clocks()
    machine.step(by: 3_600_000)
    machine.advance(by: 1000)
    #expect(clock.now() == start + 1000)
    #expect(clock.isDoubted)
    machine.advance(by: 1000)
    #expect(clock.now() == start + 2000)
    machine.step(by: -3_600_000)
    #expect(clock.now() == start + 2000)
    #expect(!clock.isDoubted)
  }

  @Test("After a step back time goes on at half its speed until the machine's has caught up, and never back")
  func back() {
    let (machine, clock) = clocks()
    machine.step(by: -10_000)
    #expect(clock.now() == start)
    machine.advance(by: 4000)
    #expect(clock.now() == start + 2000)
    #expect(!clock.isDoubted)
    // In the tenth second both have come as far; from the twentieth on they go together.
    machine.advance(by: 16_000)
    #expect(clock.now() == start + 10_000)
    machine.advance(by: 1000)
    #expect(clock.now() == start + 11_000)
  }

  @Test("After a step back no fraction is lost, however often somebody looks")
  func oftenLookedAt() {
    let (machine, clock) = clocks()
    machine.step(by: -100_000)
    var last = clock.now()
    for _ in 0..<1001 {
      machine.advance(by: 1)
      let now = clock.now()
      #expect(now >= last)
      last = now
    }
    #expect(last == start + 500)
  }
}
