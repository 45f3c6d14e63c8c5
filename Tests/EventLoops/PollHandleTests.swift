import EventLoops
import Foundation
import Testing

@Suite struct PollHandleTests {
  @Test func `a descriptor is watched for what was asked for, until the handle is closed`() throws {
    let loop = try EventLoop.spawn(name: "poll")
    defer { loop.stop() }
    let pipe = Pipe()
    let (reading, writing) = (pipe.fileHandleForReading.fileDescriptor, pipe.fileHandleForWriting.fileDescriptor)
    let seen = DispatchSemaphore(value: 0)
    let readable = try loop.perform {
      let handle = try PollHandle(loop: loop, descriptor: reading) { events in
        var byte: UInt8 = 0
        if events == .readable, read(reading, &byte, 1) == 1 { seen.signal() }
      }
      try handle.watch(.readable)
      return handle
    }
    for _ in 0..<3 {
      write(writing, [1], 1)
      seen.wait()
    }
    try loop.perform { readable.close() }
    // Closed handles give the descriptor free at once.
    let again = try loop.perform { try PollHandle(loop: loop, descriptor: reading) { _ in } }
    try loop.perform { again.close() }
    withExtendedLifetime(pipe) {}
  }

  @Test func `what cannot be watched is refused`() throws {
    let loop = try EventLoop.spawn(name: "poll")
    defer { loop.stop() }
    #expect(throws: EventLoopError.self) { try loop.perform { _ = try PollHandle(loop: loop, descriptor: -1) { _ in } } }
  }

  @Test func `an alarm is set again, and tells when it is gone with the loop`() throws {
    let loop = try EventLoop.spawn(name: "alarm")
    let rung = DispatchSemaphore(value: 0)
    let closed = DispatchSemaphore(value: 0)
    let alarm = try loop.perform { try LoopAlarm(loop: loop, { rung.signal() }, closed: { closed.signal() }) }
    for _ in 0..<3 {
      try loop.perform { alarm.set(afterMilliseconds: 0) }
      rung.wait()
    }
    try loop.perform {
      alarm.set(afterMilliseconds: 0)
      alarm.clear()
    }
    loop.stop()
    closed.wait()
    #expect(rung.wait(timeout: .now()) == .timedOut)
  }
}
