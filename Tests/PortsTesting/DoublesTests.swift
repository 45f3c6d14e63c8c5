import InProcessSignalBus
import Ports
import PortsTesting
import Resources
import Synchronization
import Testing

@Suite("Doubles of the environment") struct DoublesTests {
  @Test("Posted work and jobs run in order, only when stepped")
  func queueOrder() {
    let queue = ManualQueue()
    let seen = Mutex<[Int]>([])
    queue.post { seen.withLock { $0.append(1) } }
    queue.post {
      seen.withLock { $0.append(2) }
      queue.post { seen.withLock { $0.append(3) } }
    }
    #expect(seen.withLock { $0 } == [])
    #expect(queue.pending == 2)
    #expect(queue.run() == 3)
    #expect(seen.withLock { $0 } == [1, 2, 3])
    #expect(!queue.step())
  }

  @Test("Scheduled work is queued in order of its instants, unless it was called off")
  func scheduled() {
    let queue = ManualQueue()
    let seen = Mutex<[Int]>([])
    _ = queue.schedule(afterMilliseconds: 20) { seen.withLock { $0.append(20) } }
    _ = queue.schedule(afterMilliseconds: 10) { seen.withLock { $0.append(10) } }
    let off = queue.schedule(afterMilliseconds: 15) { seen.withLock { $0.append(15) } }
    off.cancel()
    off.cancel()
    #expect(queue.nextDue == 10)
    queue.advance(by: 9)
    #expect(queue.run() == 0)
    queue.advance(by: 11)
    #expect(queue.run() == 2)
    #expect(seen.withLock { $0 } == [10, 20])
    #expect(queue.scheduled == 0)
  }

  private actor OnQueue {
    let queue: ManualQueue
    nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }
    private(set) var count = 0

    init(_ queue: ManualQueue) { self.queue = queue }

    func add() { count += 1 }
  }

  @Test("An actor on the queue runs when the queue is stepped, and work posted there may assume its isolation")
  func executor() async {
    let queue = ManualQueue()
    let actor = OnQueue(queue)
    queue.post { actor.assumeIsolated { $0.add() } }
    queue.run()
    async let added: Void = actor.add()
    while queue.pending == 0 { await Task.yield() }
    queue.run()
    await added
    async let count = actor.count
    while queue.pending == 0 { await Task.yield() }
    queue.run()
    #expect(await count == 2)
  }

  @Test("The clock moves by hand; only the wall clock steps")
  func clock() {
    let clock = ManualClock(now: 1000)
    clock.advance(by: 5)
    clock.step(by: -100)
    #expect(clock.now() == 905)
    #expect(clock.monotonic() == 5)
    #expect(clock.delay(until: 1000) == 95)
    #expect(clock.delay(until: 1) == 0)
  }

  @Test("Identifiers and seeds are the same in every run")
  func identifiers() {
    let (a, b) = (SequentialIdentifiers(seed: 4), SequentialIdentifiers(seed: 4))
    #expect((0..<3).map { _ in a.identifier() } == (0..<3).map { _ in b.identifier() })
    #expect(a.seed() == b.seed())
    #expect(a.identifier() != a.identifier())
  }

  @Test("Signals reach whoever listens to their channel now", arguments: [true, false])
  func signals(inMemory: Bool) {
    let bus: any SignalBus = inMemory ? InMemorySignalBus() : InProcessSignalBus()
    let seen = Mutex<[[UInt8]]>([])
    bus.publish("a", [0])
    let subscription = bus.subscribe("a") { message in seen.withLock { $0.append(message) } }
    bus.publish("a", [1])
    bus.publish("b", [2])
    bus.publish("a", [3])
    subscription.cancel()
    subscription.cancel()
    bus.publish("a", [4])
    #expect(seen.withLock { $0 } == [[1], [3]])
  }

  @Test("A holding bus lets messages go when told, or loses them")
  func heldSignals() {
    let bus = InMemorySignalBus(holding: true)
    let seen = Mutex<[[UInt8]]>([])
    _ = bus.subscribe("a") { message in seen.withLock { $0.append(message) } }
    for number in 0..<3 { bus.publish("a", [UInt8(number)]) }
    bus.deliver(1)
    #expect(seen.withLock { $0 } == [[0]])
    bus.lose()
    #expect(bus.held == 0)
  }
}
