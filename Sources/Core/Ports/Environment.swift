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

/// What a customer's server is sent.
package struct OutboundRequest: Sendable {
  package var url: String
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]
  /// For the whole exchange, milliseconds.
  package var timeout: Int64

  package init(url: String, headers: [(name: String, value: String)], body: [UInt8], timeout: Int64) {
    self.url = url
    self.headers = headers
    self.body = body
    self.timeout = timeout
  }
}

/// What it answered; the body up to a limit.
package struct OutboundReply: Sendable {
  package var status: Int
  package var contentType: String
  package var body: [UInt8]

  package init(status: Int, contentType: String, body: [UInt8]) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }
}

/// Why there was no answer, in words for a log.
package struct OutboundFailure: Error, Sendable, Equatable {
  package var reason: String

  package init(reason: String) { self.reason = reason }
}

/// POST requests to customers' servers. Addresses that must not be reached are refused by the adapter.
package protocol HTTPCaller: Sendable {
  func post(_ request: OutboundRequest) async throws(OutboundFailure) -> OutboundReply
}
