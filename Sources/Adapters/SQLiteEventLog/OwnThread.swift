import CSQLite
import Glibc

/// Wakes one sleeping thread. The semaphore needs a fixed address, which an allocation gives it.
final class Semaphore: Sendable {
  // POSIX allows post and wait from any thread at any time; the address is fixed for the lifetime of this object and freed by its last owner.
  private nonisolated(unsafe) let raw: UnsafeMutablePointer<sem_t>

  init() {
    raw = .allocate(capacity: 1)
    sem_init(raw, 0, 0)
  }

  deinit {
    sem_destroy(raw)
    raw.deallocate()
  }

  func signal() { sem_post(raw) }

  func wait() { while sem_wait(raw) != 0, errno == EINTR {} }

  /// false when nothing came for `milliseconds`.
  func wait(milliseconds: Int) -> Bool {
    var until = timespec()
    // house: allow clock_gettime because sem_timedwait takes a deadline; how long to wait is the caller's, nothing that is decided sees the time.
    clock_gettime(CLOCK_REALTIME, &until)
    until.tv_nsec += milliseconds * 1_000_000
    until.tv_sec += until.tv_nsec / 1_000_000_000
    until.tv_nsec %= 1_000_000_000
    while sem_timedwait(raw, &until) != 0 {
      if errno != EINTR { return false }
    }
    return true
  }
}

/// A thread that runs one body and can be waited for.
struct OwnThread: Sendable {
  private final class Body: Sendable {
    let name: String
    let run: @Sendable () -> Void

    init(_ name: String, _ run: @escaping @Sendable () -> Void) {
      self.name = name
      self.run = run
    }
  }

  private let id: pthread_t

  /// nil when the system gives no thread. `name` has at most 15 bytes.
  init?(_ name: String, _ run: @escaping @Sendable () -> Void) {
    var id = pthread_t()
    let body = Unmanaged.passRetained(Body(name, run))
    let code = pthread_create(
      &id, nil,
      { context in
        guard let context else { return nil }
        let body = Unmanaged<Body>.fromOpaque(context).takeRetainedValue()
        pthread_setname_np(pthread_self(), body.name)
        body.run()
        return nil
      }, body.toOpaque())
    guard code == 0 else {
      body.release()
      return nil
    }
    self.id = id
  }

  var isCurrent: Bool { pthread_equal(id, pthread_self()) != 0 }

  /// Waits for its end. Once only.
  func join() { pthread_join(id, nil) }
}
