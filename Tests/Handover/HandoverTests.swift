import Handover
import Journal
import Synchronization
import Testing

@Suite("A decision handed to the projector of the same process")
struct HandoverTests {
  private func written(_ sequence: UInt64) -> (decision: Decision, bytes: [UInt8]) {
    var decision = Decision(incarnation: 7, epoch: 1, sequence: sequence, now: 100)
    decision.positions = [0: 5]
    return (decision, JournalRecord.decision(decision).encoded())
  }

  @Test("Whoever reads the same memory gets it, once")
  func once() {
    let handover = Handover()
    let (decision, bytes) = written(1)
    handover.put(decision, written: bytes)
    #expect(handover.take(bytes) == decision)
    #expect(handover.take(bytes) == nil)
  }

  @Test("Equal bytes from elsewhere are not it: they are decoded")
  func copies() {
    let handover = Handover()
    let (decision, bytes) = written(1)
    handover.put(decision, written: bytes)
    var copy: [UInt8] = []
    copy.append(contentsOf: bytes)
    #expect(handover.take(copy) == nil)
    #expect(handover.take([]) == nil)
    #expect(handover.take(bytes) == decision)
  }

  @Test("What is older goes with what is taken: it was passed over")
  func order() {
    let handover = Handover()
    let all = (1...3).map { written($0) }
    for (decision, bytes) in all { handover.put(decision, written: bytes) }
    #expect(handover.take(all[1].bytes) == all[1].decision)
    #expect(handover.take(all[0].bytes) == nil)
    #expect(handover.take(all[2].bytes) == all[2].decision)
    #expect(handover.count == 0)
  }

  @Test("The oldest are let go when nobody takes them: by number and by bytes, the last one never")
  func bounds() {
    let (few, small) = (Handover(entries: 2, bytes: 1 << 20), Handover(entries: 100, bytes: 10))
    let all = (1...3).map { written($0) }
    for (decision, bytes) in all {
      few.put(decision, written: bytes)
      small.put(decision, written: bytes)
    }
    #expect(few.count == 2)
    #expect(few.take(all[0].bytes) == nil)
    #expect(few.take(all[1].bytes) == all[1].decision)
    #expect(small.count == 1)
    #expect(small.take(all[2].bytes) == all[2].decision)
  }

  @Test("How far the projector is, for whoever waits for it: called once, at once where it is there")
  func progress() {
    let handover = Handover()
    let calls = Mutex<[Int]>([])
    func wait(_ offset: Int64, _ number: Int) { handover.whenProjected(upTo: offset) { calls.withLock { $0.append(number) } } }
    #expect(handover.projected == nil)
    handover.note(projected: 4)
    wait(5, 1)
    #expect(handover.projected == 4)
    #expect(calls.withLock { $0 } == [])
    handover.note(projected: 7)
    handover.note(projected: 8)
    #expect(calls.withLock { $0 } == [1])
    wait(8, 2)
    #expect(calls.withLock { $0 } == [1, 2])
    wait(20, 3)
    wait(10, 4)
    handover.note(projected: 30)
    #expect(calls.withLock { $0 } == [1, 2, 4], "the later one stands in for the earlier")
    wait(40, 5)
    handover.note(projected: nil)
    #expect(calls.withLock { $0 } == [1, 2, 4, 5], "nobody waits for a projector that has ended")
    #expect(handover.projected == nil)
    wait(50, 6)
    #expect(calls.withLock { $0.last } == 6, "nobody will tell")
  }
}
