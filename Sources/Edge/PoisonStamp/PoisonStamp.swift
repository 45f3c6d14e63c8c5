internal import CPoisonStamp
internal import Glibc

/// Evidence of commands that end the process: a command whose handling traps must not kill every owner for ever, and nothing else may
/// look like one.
///
/// A machine's thread notes what it handles and clears it after. If that thread faults meanwhile (an illegal instruction, as Swift's traps
/// are, a bad access, stack overflow, `abort`) or uses more CPU time than its limit, a handler stamps a page mapped from a file, then passes
/// the signal on to whoever handled it before. A start that finds a stamp counts one death; at three the thing is poisoned. Stamps outlive
/// the process, not a crash of the machine. `SIGKILL`, `SIGTERM`, signals that other processes send, out of memory, and faults of other
/// threads stamp nothing.
///
/// One for each process, for its whole life.
package struct PoisonStamp: Sendable {
  /// Deaths after which a thing is poisoned.
  package static let limit = 3
  /// Threads that can be armed at a time.
  package static let mostThreads = Int(POISON_SLOTS)

  /// A death that this start found.
  package struct Death: Sendable, Equatable, CustomStringConvertible {
    package let input: UInt8
    package let partition: UInt32
    package let position: Int64
    /// The signal that ended the process.
    package let signal: Int32
    /// How often this thing has done so, this time included.
    package let deaths: Int

    package var description: String {
      "input \(input) partition \(partition) position \(position) ended the process by signal \(signal), death \(deaths)"
    }
  }

  /// The deaths counted at this start, for the log.
  package let found: [Death]
  private let poisoned: Set<DeathLedger.Thing>

  /// Opens `poison-page` and `poison-deaths` in `folder` (which must exist), counts what the last run left, and installs the handlers.
  package init(folder: String) throws(PoisonError) {
    let page = folder + "/poison-page"
    let deaths = folder + "/poison-deaths"
    switch poison_open(page) {
    case 0: break
    case EWOULDBLOCK: throw .inUse(path: page)
    case EBADMSG: throw .damaged(path: page, rule: "must be a page of 4096 bytes written by this program")
    case let code: throw .system(doing: "open \(page)", code: code)
    }
    guard poison_run() < DeathLedger.mostRuns else { throw .damaged(path: page, rule: "run must be below 2^62, received \(poison_run())") }
    var ledger = try DeathLedger.load(deaths)
    found = try Self.count(&ledger, deaths, folder)
    poisoned = Set(ledger.deaths.filter { $0.count >= Self.limit }.map(\.thing))
    poison_begin(max(poison_run(), ledger.countedRun) + 1)
    let code = poison_install()
    guard code == 0 else { throw .system(doing: "install signal handlers", code: code) }
  }

  /// Whether the thing ended the process three times: it is to be rejected without being handled. Deaths are counted at starts only, so
  /// the answer does not change in a run. Constant time; nothing is poisoned as a rule, and then it costs one comparison.
  package func isPoisoned(input: UInt8, partition: UInt32, position: Int64) -> Bool {
    !poisoned.isEmpty && poisoned.contains(.init(input: input, partition: partition, position: position))
  }

  /// Arms the calling thread: gives it a slot, a stack for handlers and a limit for the CPU time that it may spend on one thing noted
  /// (milliseconds, at least 4; passed at the latest by half as much again). Again on an armed thread does nothing.
  package func armThisThread(cpuLimitMilliseconds: UInt32 = 10_000) throws(PoisonError) {
    switch poison_arm(cpuLimitMilliseconds) {
    case 0, EALREADY: return
    case EAGAIN: throw .tooManyThreads(limit: Self.mostThreads)
    case let code: throw .system(doing: "arm a thread", code: code)
    }
  }

  /// Gives back what `armThisThread` took; to be called before an armed thread ends.
  package func disarmThisThread() { poison_disarm() }

  /// From now on the calling thread handles this. Replaces what was noted. A few nanoseconds; nothing on a thread that is not armed.
  package func note(input: UInt8, partition: UInt32, position: Int64) { poison_note(input, partition, position) }

  /// The calling thread is done.
  package func clear() { poison_clear() }

  private static func count(_ ledger: inout DeathLedger, _ path: String, _ folder: String) throws(PoisonError) -> [Death] {
    let run = poison_run()
    // Equal: counted, but the process died before it began the next run.
    guard run > ledger.countedRun else { return [] }
    let stamps = (0..<UInt32(POISON_SLOTS)).map { poison_read($0) }.filter { $0.signal != 0 }
    guard !stamps.isEmpty else { return [] }
    var found: [Death] = []
    for stamp in stamps {
      let thing = DeathLedger.Thing(input: UInt8(truncatingIfNeeded: stamp.input), partition: stamp.partition, position: stamp.position)
      let deaths = ledger.count(thing)
      found.append(
        Death(
          input: thing.input, partition: thing.partition, position: thing.position, signal: Int32(bitPattern: stamp.signal), deaths: deaths)
      )
    }
    ledger.countedRun = run
    try ledger.store(path, folder: folder)
    return found
  }
}
