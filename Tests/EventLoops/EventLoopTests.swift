import Dispatch
import EventLoops
import Foundation
import Glibc
import Ports
import Synchronization
import Testing

/// Counts on one loop and notices when somebody else touches it.
private actor Counter {
  let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private(set) var value = 0
  init(_ loop: EventLoop) { self.loop = loop }
  func add() -> Bool {
    value += 1
    return loop.isCurrent
  }
}

/// Runs `body` on a fresh thread and waits for it.
private func onAnotherThread(_ body: @escaping @Sendable () -> Void) {
  let done = DispatchSemaphore(value: 0)
  Thread.detachNewThread {
    body()
    done.signal()
  }
  done.wait()
}

@Suite struct EventLoopTests {
  let loop: EventLoop

  init() throws { loop = try EventLoop.spawn(name: "test") }

  @Test func `work runs on the loop in the order in which it was posted`() async {
    let order = Mutex<[Int]>([])
    let isOnLoop = await withCheckedContinuation { done in
      for number in 0..<1000 { loop.post { order.withLock { $0.append(number) } } }
      loop.post { [loop] in done.resume(returning: loop.isCurrent) }
    }
    #expect(isOnLoop)
    let ran = order.withLock { $0 }
    #expect(ran == Array(0..<1000))
    #expect(!loop.isCurrent)
    loop.stop()
  }

  @Test func `work posted from the loop comes after what other threads posted before`() async {
    let order = Mutex<[String]>([])
    await withCheckedContinuation { done in
      loop.post { [loop] in
        // Another thread hands something over while the loop is busy with this very closure.
        onAnotherThread { loop.post { order.withLock { $0.append("earlier") } } }
        loop.post { order.withLock { $0.append("own") } }
        loop.post { done.resume() }
      }
    }
    let ran = order.withLock { $0 }
    #expect(ran == ["earlier", "own"])
    loop.stop()
  }

  @Test func `an actor of the loop runs there, and posted work may assume its isolation`() async {
    let counter = Counter(loop)
    #expect(await counter.add())
    let value = await withCheckedContinuation { done in
      loop.post {
        counter.assumeIsolated { isolated in
          _ = isolated.add()
          done.resume(returning: isolated.value)
        }
      }
    }
    #expect(value == 2)
    loop.stop()
  }

  @Test func `many tasks from many threads lose nothing`() async {
    let counter = Counter(loop)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<64 { group.addTask { for _ in 0..<100 { _ = await counter.add() } } }
    }
    #expect(await counter.value == 6400)
    loop.stop()
  }

  @Test func `a timer fires on the loop, not before its time`() async {
    let begin = loop.monotonicMilliseconds
    let end = await withCheckedContinuation { done in
      _ = loop.schedule(afterMilliseconds: 20) { [loop] in done.resume(returning: loop.isCurrent ? loop.monotonicMilliseconds : 0) }
    }
    #expect(end - begin >= 20)
    loop.stop()
  }

  @Test func `timers fire in the order of their times`() async {
    let order = Mutex<[Int]>([])
    await withCheckedContinuation { done in
      loop.post { [loop] in
        _ = loop.schedule(afterMilliseconds: 12) { done.resume() }
        _ = loop.schedule(afterMilliseconds: 8) { order.withLock { $0.append(2) } }
        _ = loop.schedule(afterMilliseconds: 4) { order.withLock { $0.append(1) } }
      }
    }
    let fired = order.withLock { $0 }
    #expect(fired == [1, 2])
    loop.stop()
  }

  @Test func `a cancelled timer does not fire, and cancelling twice is nothing`() async {
    let fired = Atomic(false)
    let timer = loop.schedule(afterMilliseconds: 1) { fired.store(true, ordering: .relaxed) }
    timer.cancel()
    timer.cancel()
    await withCheckedContinuation { done in _ = loop.schedule(afterMilliseconds: 10) { done.resume() } }
    let hasFired = fired.load(ordering: .relaxed)
    #expect(!hasFired)
    loop.stop()
  }

  @Test func `sleeping takes at least its time`() async throws {
    let begin = loop.monotonicMilliseconds
    try await loop.sleep(milliseconds: 5)
    #expect(loop.monotonicMilliseconds - begin >= 5)
    loop.stop()
  }

  @Test func `a cancelled sleep ends at once with an error`() async {
    let task = Task { [loop] in try await loop.sleep(milliseconds: 3_600_000) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    loop.stop()
  }

  @Test func `a sleep on a loop that stops ends with an error`() async throws {
    let other = try EventLoop.spawn(name: "other")
    let result = Mutex<String>("sleeping")
    // On the loop itself the timer is set before the closure posted behind it runs.
    let asleep = DispatchSemaphore(value: 0)
    let task = Task(executorPreference: LoopTasks(other)) {
      other.post { asleep.signal() }
      do { try await other.sleep(milliseconds: 3_600_000) } catch { result.withLock { $0 = "\(type(of: error))" } }
    }
    onAnotherThread {
      asleep.wait()
      other.stop()
    }
    let text = result.withLock { $0 }
    #expect(text == "CancellationError")
    task.cancel()
    loop.stop()
  }

  @Test func `a task of a loop goes on behind what did not have to wait, without getting in line again`() async {
    // Given work that stands in line behind a task
    let order = Mutex<[String]>([])
    await Task(executorPreference: LoopTasks(loop)) { [loop] in
      loop.post { order.withLock { $0.append("work") } }
      // When the task awaits what is there at once
      let source: any Source = Ready()
      for _ in 0..<3 { await source.next() }
      order.withLock { $0.append("task") }
    }.value
    // Then it did not let the work pass
    await withCheckedContinuation { continuation in loop.post { continuation.resume() } }
    let seen = order.withLock { $0 }
    #expect(seen == ["task", "work"])
    loop.stop()
  }

  @Test func `a turn that is not due yet costs nothing, and one that is lets others go first`() async {
    // Given work that stands in line behind a task
    let order = Mutex<[String]>([])
    await Task(executorPreference: LoopTasks(loop)) { [loop] in
      await EventLoop.turn()
      loop.post { order.withLock { $0.append("work") } }
      // When the task asks for a turn at once, and again when it has held the loop for a while
      await EventLoop.turn(afterMilliseconds: 3_600_000)
      order.withLock { $0.append("too early") }
      let begun = loop.monotonicMilliseconds
      while loop.monotonicMilliseconds < begun + 5 {}
      await EventLoop.turn(afterMilliseconds: 3)
      order.withLock { $0.append("turned") }
    }.value
    // Then the work ran in between
    let seen = order.withLock { $0 }
    #expect(seen == ["too early", "work", "turned"])
    loop.stop()
  }

  @Test func `tasks that ask for turns without end all come to theirs`() async {
    // Given two tasks that never wait for anything else
    let tasks = (0..<2).map { _ in
      Task(executorPreference: LoopTasks(loop)) {
        // When each takes many
        for _ in 0..<200 { await EventLoop.turn() }
        return true
      }
    }
    // Then both come to their ends
    for task in tasks {
      let ended = await task.value
      #expect(ended)
    }
    loop.stop()
  }

  @Test func `a turn looks at the sockets, and elsewhere than on a loop it is nothing`() async throws {
    await EventLoop.turn()
    // Given a task that never leaves the loop, and a connection that waits there
    let accepted = Atomic(0)
    try await Task(executorPreference: LoopTasks(loop)) { [loop] in
      let listener = try TCPListener(loop: loop, host: "127.0.0.1", port: 0, joining: false) { stream in
        accepted.add(1, ordering: .relaxed)
        stream.close()
      }
      let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(client) }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(UInt16(listener.port)).bigEndian
      address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
      let code = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
      }
      #expect(code == 0)
      // When it gives the loop two turns, one for the wake-up that is on its way already
      for _ in 0..<2 { await EventLoop.turn() }
    }.value
    // Then the connection was taken
    let count = accepted.load(ordering: .relaxed)
    #expect(count == 1)
    loop.stop()
  }

  @Test func `stopping runs what was posted before, closes timers and is final`() async {
    let ran = Atomic(0)
    _ = loop.schedule(afterMilliseconds: 3_600_000) { ran.add(100, ordering: .relaxed) }
    loop.post { ran.add(1, ordering: .relaxed) }
    loop.stop()
    let before = ran.load(ordering: .relaxed)
    #expect(before == 1)
    loop.post { ran.add(10, ordering: .relaxed) }
    loop.stop()
    let after = ran.load(ordering: .relaxed)
    #expect(after == 1)
  }

  @Test func `a signal runs its body, as soon as it is asked for`() async throws {
    let heard = AsyncStream<Void>.makeStream()
    try loop.onSignal(SIGHUP) { heard.continuation.yield() }
    kill(getpid(), SIGHUP)
    var signals = heard.stream.makeAsyncIterator()
    await signals.next()
    loop.stop()
  }
}

@Suite struct LoopDescriptorTests {
  @Test func `a stopped loop gives its descriptors back`() throws {
    for _ in 0..<20 {
      let loop = try EventLoop.spawn(name: "short")
      let port = try loop.perform { try TCPListener(loop: loop, host: "127.0.0.1", port: 0, joining: false) { $0.close() }.port }
      loop.stop()
      // Its listener is gone with it: somebody else may have the port. A process that another test starts right now may hold a copy until it has begun; what was
      // never given back stays taken.
      let next = try EventLoop.spawn(name: "next")
      let bound = try next.perform {
        for _ in 0..<50_000 {
          if let listener = try? TCPListener(loop: next, host: "127.0.0.1", port: port, joining: false, accept: { $0.close() }) {
            return listener.port
          }
        }
        return 0
      }
      #expect(bound == port)
      next.stop()
    }
  }
}

/// Something to await, as a port of the product is.
private protocol Source: Sendable {
  func next() async
}

private struct Ready: Source {
  @inline(never) func next() async {}
}
