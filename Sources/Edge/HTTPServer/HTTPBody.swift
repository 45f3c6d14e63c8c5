import EventLoops

/// Why a body could not be read to its end.
package enum HTTPBodyError: Error, Equatable, CustomStringConvertible {
  /// The body is, or announces to be, longer than asked for.
  case tooLarge(limit: Int)
  /// The peer went away in the middle of it.
  case closed
  /// Nothing came for the time that the options allow.
  case stalled
  /// What came is not valid (a bad chunk, for example).
  case malformed
  /// Two readers at once.
  case concurrentRead

  /// The status that says it best.
  package var status: Int {
    switch self {
    case .tooLarge: 413
    case .stalled: 408
    case .closed, .malformed: 400
    case .concurrentRead: 500
    }
  }

  package var description: String {
    switch self {
    case .tooLarge(let limit): "The body is larger than \(limit) bytes."
    case .closed: "The connection ended within the body."
    case .stalled: "The body stopped coming."
    case .malformed: "The body is malformed."
    case .concurrentRead: "The body is being read by somebody else."
    }
  }
}

/// The body of a request, read once, from any task, by one reader at a time. A client that waits for "100 Continue" gets it when the body is
/// first asked for.
package struct HTTPBody: Sendable {
  let exchange: HTTPExchange

  /// What the client announced, nil for a chunked body; 0 without a body.
  package var announcedLength: Int? { exchange.announcedLength }

  /// The whole rest of the body.
  /// Errors: `HTTPBodyError`; `.tooLarge` at once, without reading, when more than `limit` bytes are announced.
  package func collect(upTo limit: Int) async throws -> [UInt8] {
    if let length = exchange.announcedLength, length > limit { throw HTTPBodyError.tooLarge(limit: limit) }
    if exchange.loop.isCurrent, let whole = exchange.takeWhole() {
      if whole.count > limit { throw HTTPBodyError.tooLarge(limit: limit) }
      return whole
    }
    var whole: [UInt8] = []
    while let part = try await next() {
      // The usual small body is one part: handed on without a copy.
      if whole.isEmpty { whole = part } else { whole.append(contentsOf: part) }
      if whole.count > limit { throw HTTPBodyError.tooLarge(limit: limit) }
    }
    return whole
  }

  /// The next bytes, as many as have come; nil at the end. Not asking slows the client down.
  /// Errors: `HTTPBodyError`.
  package func next() async throws -> [UInt8]? {
    if exchange.loop.isCurrent, let ready = exchange.takeReady() { return try ready.get() }
    return try await withCheckedThrowingContinuation { continuation in
      exchange.loop.run { exchange.read(continuation) }
    }
  }
}
