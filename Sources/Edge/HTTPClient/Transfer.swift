internal import CCurl
internal import Ports

/// One request from its arrival on the loop to its answer.
// `@unchecked Sendable`: everything that changes is touched on the loop's thread only; the reference travels so that a task can cancel it.
final class Transfer: @unchecked Sendable {
  /// Where the answer goes.
  enum Sink {
    case whole(CheckedContinuation<Result<HTTPClientResponse, HTTPClientError>, Never>)
    case stream(StreamInbox)

    func fail(_ failure: HTTPClientError) {
      switch self {
      case .stream(let inbox): inbox.finish(.failure(failure))
      case .whole(let continuation): continuation.resume(returning: .failure(failure))
      }
    }
  }

  let request: HTTPClientRequest
  let url: TargetURL
  let options: HTTPClientOptions
  /// Of the loop's clock, when `send` was called.
  let startedAt: Int64
  var state = State.fresh
  var sink: Sink?
  var source: BodySource
  var reader: ResponseReader
  var body: [UInt8] = []
  var isTruncated = false
  var isHeadTooLong = false
  var refusal: (address: String, rule: String)?

  enum State {
    case fresh
    /// Waits for its origin; `timer` ends the wait.
    case queued(timer: (any Cancellable)?)
    case running(EasyHandle)
    case over
  }

  init(_ request: HTTPClientRequest, _ url: TargetURL, _ options: HTTPClientOptions, startedAt: Int64) {
    self.request = request
    self.url = url
    self.options = options
    self.startedAt = startedAt
    source = BodySource(request.body)
    reader = ResponseReader(limit: options.headerLimit)
  }

  var isStream: Bool { if case .stream? = sink { true } else { false } }

  /// What is left of the total time; nil for streams.
  func remainingMilliseconds(at now: Int64) -> Int? {
    isStream ? nil : request.totalTimeoutMilliseconds - Int(now - startedAt)
  }

  /// Gives the answer; only the first counts.
  func complete(_ failure: HTTPClientError?, at now: Int64) {
    state = .over
    guard let sink = sink.take() else { return }
    if let failure { return sink.fail(failure) }
    switch sink {
    case .stream(let inbox): inbox.finish(.success(()))
    case .whole(let continuation):
      let response = HTTPClientResponse(
        head: reader.head, body: body, isTruncated: isTruncated, elapsedMilliseconds: Int(max(0, now - startedAt)))
      continuation.resume(returning: .success(response))
    }
  }

  // MARK: What libcurl hands over

  /// Takes one line of the head; false ends the transfer.
  func takeLine(_ line: UnsafeRawBufferPointer) -> Bool {
    switch reader.take(line) {
    case .more: return true
    case .complete:
      if case .stream(let inbox)? = sink { inbox.put(reader.head) }
      return true
    case .tooLong:
      isHeadTooLong = true
      return false
    }
  }

  enum Taken {
    case all
    case later
    case enough
  }

  func takeBody(_ bytes: UnsafeRawBufferPointer) -> Taken {
    if case .stream(let inbox)? = sink { return inbox.put(bytes) ? .all : .later }
    let room = request.bodyLimit - body.count
    body.append(contentsOf: bytes.prefix(room))
    if bytes.count <= room { return .all }
    isTruncated = true
    return .enough
  }

  /// Whether a socket to `address` may be opened; nil stands for a family that is neither IPv4 nor IPv6.
  func allows(_ address: IPAddress?) -> Bool {
    guard let address else {
      refusal = ("unknown", "IPv4 and IPv6 only")
      return false
    }
    guard let rule = options.addresses.refusal(of: address) else { return true }
    refusal = (address.description, rule.description)
    return false
  }
}
