package import Resources

/// Runs work one piece at a time, in order. Everything that a runner owns is touched only from its queue.
package protocol WorkQueue: SerialExecutor {
  /// Runs `work` on the queue after everything posted before it. Callable from anywhere.
  func post(_ work: @escaping @Sendable () -> Void)
  /// Runs `work` on the queue once, no earlier than `milliseconds` of real time from now.
  func schedule(afterMilliseconds milliseconds: Int64, _ work: @escaping @Sendable () -> Void) -> any Cancellable
}

/// Something scheduled that can be called off. Calling it off twice, or after it ran, does nothing.
package protocol Cancellable: Sendable {
  func cancel()
}

/// The product's time. Machines never see it: they are handed instants.
package protocol Clock: Sendable {
  /// Milliseconds since 1970, UTC. May step; whoever needs order keeps the highest seen.
  func now() -> Int64
  /// Milliseconds of a clock that only grows, from an arbitrary start.
  func monotonic() -> Int64
  /// How long to wait, in real milliseconds, until the product's time is `instant`; 0 when it is past.
  func delay(until instant: Int64) -> Int64
}

/// Where new identifiers and seeds come from.
package protocol IdentifierSource: Sendable {
  func identifier() -> Identifier
  func seed() -> UInt64
}

/// Ephemeral messages between nodes by channel name: at most once, to whoever listens now.
package protocol SignalBus: Sendable {
  func publish(_ channel: String, _ message: [UInt8])
  /// `receive` is called on any thread, in the order of publication of each publisher. The subscription ends when the returned value is cancelled.
  func subscribe(_ channel: String, _ receive: @escaping @Sendable ([UInt8]) -> Void) -> any Cancellable
}
