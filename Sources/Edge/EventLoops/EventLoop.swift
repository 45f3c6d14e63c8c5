internal import CLibuv
internal import CLoopLocal
import Ports
import Synchronization

/// One thread, one libuv loop, and the executor of the actors that live on it; that of its tasks is `LoopTasks`.
///
/// Everything handed over from any thread runs on the loop's thread in the order it was handed over. Whatever a callback of libuv made ready
/// runs before the loop looks at the kernel again, so a resumed task never waits for the next turn.
package final class EventLoop: SerialExecutor, WorkQueue {
  enum Item {
    case actor(UnownedJob)
    case task(UnownedJob, LoopTasks)
    case work(@Sendable () -> Void)
  }

  package let name: String
  // Touched on the loop's thread only, after `spawn` has filled it in and before the thread ends.
  nonisolated(unsafe) let uv: UnsafeMutablePointer<uv_loop_t>
  // Written once in `init`; `uv_async_send` is the one call of libuv that any thread may make.
  nonisolated(unsafe) private let wake: UnsafeMutablePointer<uv_async_t>
  // These belong to the loop's thread.
  nonisolated(unsafe) private let local = ItemRing()
  nonisolated(unsafe) private var isDraining = false
  /// Tasks that go on when the kernel has been asked again.
  nonisolated(unsafe) private var waitingForTurn: [CheckedContinuation<Void, Never>] = []
  /// When the last of them went on, milliseconds.
  nonisolated(unsafe) private var turnBegun: Int64 = 0
  nonisolated(unsafe) var isStopping = false
  /// One buffer for all reads of the loop: libuv fills it and calls back before it fills it again.
  nonisolated(unsafe) let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: EventLoop.readBufferBytes, alignment: 16)

  struct Remote {
    var items: [Item] = []
    /// Set when the loop has ended: nothing will run any more.
    var isClosed = false
  }
  private let remote = Mutex(Remote())
  private let hasRemote = Atomic(false)
  let thread = Mutex<ThreadHandle?>(nil)

  static let readBufferBytes = 65_536
  /// How many rounds of ready work run before sockets and timers get their turn.
  private static let roundsPerTurn = 64

  init(name: String) throws(EventLoopError) {
    self.name = name
    uv = .allocate(capacity: 1)
    wake = .allocate(capacity: 1)
    try EventLoopError.check(uv_loop_init(uv), "start loop \(name)")
    let code = uv_async_init(uv, wake) { handle in
      guard let data = handle?.pointee.data else { return }
      Unmanaged<EventLoop>.fromOpaque(data).takeUnretainedValue().woke()
    }
    try EventLoopError.check(code, "start loop \(name)")
    // Unretained: the thread keeps the loop alive for as long as callbacks can come.
    wake.pointee.data = Unmanaged.passUnretained(self).toOpaque()
  }

  deinit {
    readBuffer.deallocate()
    wake.deallocate()
    uv.deallocate()
  }

  /// The loop that runs on the calling thread.
  package static var current: EventLoop? {
    loop_local_get().map { Unmanaged<EventLoop>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Whether the caller runs on this loop's thread.
  package var isCurrent: Bool { loop_local_get() == Unmanaged.passUnretained(self).toOpaque() }

  /// Milliseconds of a clock that only grows, from an arbitrary start; from any thread.
  package var monotonicMilliseconds: Int64 { monotonicNanoseconds / 1_000_000 }

  package var monotonicNanoseconds: Int64 { Int64(uv_hrtime()) }

  // MARK: Executor

  package func enqueue(_ job: consuming ExecutorJob) { add(.actor(UnownedJob(job))) }

  fileprivate func add(_ job: UnownedJob, of tasks: LoopTasks) { add(.task(job, tasks)) }

  package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

  package func checkIsolated() { precondition(isCurrent, "not on loop \(name)") }

  package func isIsolatingCurrentContext() -> Bool? { isCurrent }

  // MARK: Work

  /// Runs `work` on the loop after everything handed over before it, from any thread. After `stop()` it is dropped.
  package func post(_ work: @escaping @Sendable () -> Void) { add(.work(work)) }

  /// Runs `work` at once when already on the loop, otherwise posts it.
  package func run(_ work: @escaping @Sendable () -> Void) {
    if isCurrent { work() } else { post(work) }
  }

  private func add(_ item: Item) {
    if isCurrent {
      // What other threads handed over earlier comes first, or order across threads would be lost.
      if hasRemote.load(ordering: .acquiring) { takeRemote() }
      // No wake-up: the loop's thread runs nothing but callbacks, and each of them ends with `drain()`.
      local.append(item)
      return
    }
    remote.withLock { remote in
      if remote.isClosed { return }
      remote.items.append(item)
      if remote.items.count > 1 { return }
      hasRemote.store(true, ordering: .releasing)
      // Under the lock, so that the handle is still open: the loop marks `isClosed` before it closes it.
      uv_async_send(wake)
    }
  }

  private func takeRemote() {
    remote.withLock { remote in
      for item in remote.items { local.append(item) }
      remote.items.removeAll(keepingCapacity: true)
      hasRemote.store(false, ordering: .releasing)
    }
  }

  /// Runs everything that is ready. Every callback of libuv ends with it.
  func drain() {
    if isDraining { return }
    isDraining = true
    defer { isDraining = false }
    for _ in 0..<Self.roundsPerTurn {
      if hasRemote.load(ordering: .acquiring) { takeRemote() }
      let round = local.count
      if round == 0 { return }
      for _ in 0..<round {
        switch local.removeFirst() {
        case .actor(let job): job.runSynchronously(on: asUnownedSerialExecutor())
        case .task(let job, let tasks): job.runSynchronously(on: tasks.asUnownedTaskExecutor())
        case .work(let work): work()
        }
      }
    }
    uv_async_send(wake)
  }

  /// Lets the loop of the caller look at its sockets and timers, if that was `milliseconds` ago, and the caller's own turn began as long ago: long work calls it between its
  /// parts. What awaits only what is there at once keeps the loop to itself, and `Task.yield()` does not do: what is ready runs first, many times over. Costs a few system
  /// calls, and a reading of the clock where it is too early; elsewhere than on a loop it returns at once.
  package static func turn(afterMilliseconds milliseconds: Int64 = 0) async {
    guard let loop = EventLoop.current, !loop.isStopping else { return }
    // libuv's own time is that of its last look at the kernel, or of its last timer.
    let begun = max(Int64(uv_now(loop.uv)), loop.turnBegun)
    if milliseconds > 0, loop.monotonicMilliseconds - begun < milliseconds { return }
    await withCheckedContinuation { continuation in
      loop.waitingForTurn.append(continuation)
      uv_async_send(loop.wake)
    }
    // Whatever ran before it in this turn of the loop was not the caller's.
    loop.turnBegun = loop.monotonicMilliseconds
  }

  /// The wake-up comes out of the kernel with everything else that has happened by then. One task goes on at each, or the first would use up the time of those behind it.
  private func woke() {
    if !waitingForTurn.isEmpty { waitingForTurn.removeFirst().resume() }
    if !waitingForTurn.isEmpty { uv_async_send(wake) }
    drain()
  }

  // MARK: Life of the thread

  /// The body of the loop's thread: runs until `stop()`, then closes every handle and runs what is left.
  func runUntilStopped() {
    loop_local_set(Unmanaged.passUnretained(self).toOpaque())
    drain()
    while !isStopping { uv_run(uv, UV_RUN_DEFAULT) }
    uv_walk(
      uv,
      { handle, _ in
        guard let handle, handle.pointee.type != UV_ASYNC else { return }
        LoopHandle.of(handle.pointee.data)?.close()
      }, nil)
    // Close callbacks may resume tasks, which may post again: give them their turns while the wake-up still works.
    for _ in 0..<Self.roundsPerTurn {
      uv_run(uv, UV_RUN_NOWAIT)
      drain()
    }
    remote.withLock { $0.isClosed = true }
    drain()
    wake.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { uv_close($0, nil) }
    // Busy until the close callbacks have run, which takes one turn.
    for _ in 0..<Self.roundsPerTurn {
      if uv_loop_close(uv) != UV_EBUSY.rawValue { break }
      uv_run(uv, UV_RUN_NOWAIT)
    }
    loop_local_set(nil)
  }

  /// Ends `uv_run`; on the loop's thread.
  func breakRun() {
    isStopping = true
    uv_stop(uv)
  }
}

/// The executor of tasks that are no actor's and run on a loop: `Task(executorPreference: LoopTasks(loop))`. They have the loop to themselves until they really wait for
/// something; `EventLoop.turn` is for those that go on long without.
///
/// Not the loop itself: a job that is run as an actor's gets in line once more at every `await` that comes back to no actor, and a request has half a dozen of those.
package final class LoopTasks: TaskExecutor {
  private let loop: EventLoop

  /// Keeps the loop alive, as tasks keep their executor. After the loop's end their jobs are dropped, like all work.
  package init(_ loop: EventLoop) { self.loop = loop }

  package func enqueue(_ job: consuming ExecutorJob) { loop.add(UnownedJob(job), of: self) }
}
