import Ports
import Testing

@testable import Simulate

@Suite("Simulation of the real runner, projector and machines")
struct SimulationTests {
  @Test("the same seed gives the same journal", arguments: [1, 2, 3] as [UInt64])
  func repeatable(seed: UInt64) throws {
    var a = History(seed: seed)
    try a.run(steps: 400)
    var b = History(seed: seed)
    try b.run(steps: 400)
    #expect(try a.world.records("work.journal") == b.world.records("work.journal"))
  }
}
