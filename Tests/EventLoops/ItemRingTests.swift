import Synchronization
import Testing

@testable import EventLoops

@Suite("What is ready on a loop")
struct ItemRingTests {
  @Test("Comes out in the order in which it went in, around the ring's end and when the ring grows")
  func order() {
    let ring = ItemRing()
    let ran = Mutex<[Int]>([])
    var next = 0
    func add(_ count: Int) {
      for _ in 0..<count {
        let number = next
        ring.append(.work { ran.withLock { $0.append(number) } })
        next += 1
      }
    }
    func run(_ count: Int) { for _ in 0..<count { if case .work(let work) = ring.removeFirst() { work() } } }

    // Given a ring whose first is in the middle, when it wraps, grows (64 fit at first) and wraps again
    add(50)
    run(40)
    add(100)
    run(90)
    add(200)
    run(ring.count)

    #expect(ring.count == 0)
    #expect(ran.withLock { $0 } == Array(0..<350))
  }

  @Test("Is let go of with the ring")
  func release() {
    final class Held: Sendable {}
    weak var held: Held?
    do {
      let ring = ItemRing()
      let object = Held()
      held = object
      ring.append(.work { _ = object })
    }
    #expect(held == nil)
  }
}
