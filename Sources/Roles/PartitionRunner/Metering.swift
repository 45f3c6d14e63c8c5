/// Takes what an owner does as it does it: counts, and durations in nanoseconds of the clock that it hands out. Called on the owner's queue or where hot state answers, so
/// it must cost next to nothing.
package protocol RunnerMeter: Sendable {
  func now() -> Int64
  /// A decision is on its way into the journal: what it is about, and its bytes there.
  func decided(commands: Int, timers: Int, bytes: Int)
  /// The journal has it.
  func journaled(since begun: Int64)
  /// Hot state has answered an apply.
  func applied(since begun: Int64)
}

/// Measures nothing: for tests and tools.
package struct NoMeter: RunnerMeter {
  package init() {}
  package func now() -> Int64 { 0 }
  package func decided(commands: Int, timers: Int, bytes: Int) {}
  package func journaled(since begun: Int64) {}
  package func applied(since begun: Int64) {}
}

/// How an owner stands now, for whoever watches it.
package struct RunnerStanding: Sendable {
  package var isReady: Bool
  /// Why the partition is not decided now.
  package var trouble: String?
  /// Scopes that hot state has to be filled with again.
  package var behind: Int
  /// Decisions on their way into the journal.
  package var inFlight: Int
  /// Decisions in the journal whose requests wait for hot state.
  package var awaiting: Int
  package var refills: Int
}

extension PartitionRunner {
  package var standing: RunnerStanding {
    RunnerStanding(
      isReady: isReady, trouble: trouble, behind: behind.count, inFlight: flights.count, awaiting: awaiting.count, refills: counters.refills
    )
  }
}
