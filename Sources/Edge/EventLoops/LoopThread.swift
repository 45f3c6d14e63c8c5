internal import CLoopLocal
import Dispatch
internal import Glibc
import Synchronization

/// A thread that can be joined once.
struct ThreadHandle: Sendable { let id: pthread_t }

extension EventLoop {
  /// Starts a loop on a thread of its own, named `name` (the kernel keeps 15 bytes of it).
  /// Errors: `EventLoopError` when the kernel gives no descriptors or no thread.
  package static func spawn(name: String) throws(EventLoopError) -> EventLoop {
    // A peer that went away is an error of the write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    let loop = try EventLoop(name: name)
    var id = pthread_t()
    let context = Unmanaged.passRetained(loop)
    let code = pthread_create(
      &id, nil,
      { context in
        guard let context else { return nil }
        let loop = Unmanaged<EventLoop>.fromOpaque(context).takeRetainedValue()
        loop_local_name_thread(String(decoding: loop.name.utf8.prefix(15), as: UTF8.self))
        loop.runUntilStopped()
        return nil
      }, context.toOpaque())
    if code != 0 {
      context.release()
      throw EventLoopError(operation: "start thread of loop \(name)", code: -code)
    }
    let handle = ThreadHandle(id: id)
    loop.thread.withLock { $0 = handle }
    return loop
  }

  /// Runs `work` on the loop and waits for it: for starting and stopping, never from another loop. After `stop()` it would wait for ever.
  package func perform<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) throws -> Value {
    if isCurrent { return try work() }
    let shared = PerformBox<Value>()
    let done = DispatchSemaphore(value: 0)
    post {
      let result = Result { try work() }
      shared.result.withLock { $0 = result }
      done.signal()
    }
    done.wait()
    guard let result = shared.result.withLock({ $0 }) else { throw EventLoopError(operation: "perform on loop \(name)", code: -ECANCELED) }
    return try result.get()
  }

  /// Closes every handle, runs what is ready, ends the thread and waits for it. Work handed over afterwards is dropped.
  /// The first caller waits; on the loop itself nobody does.
  package func stop() {
    guard let thread = thread.withLock({ $0.take() }) else { return }
    post { self.breakRun() }
    if isCurrent { pthread_detach(thread.id) } else { pthread_join(thread.id, nil) }
  }
}

/// Carries a result from one thread to another.
private final class PerformBox<Value: Sendable>: Sendable {
  let result = Mutex<Result<Value, any Error>?>(nil)
}
