import EventLoops
import Synchronization

/// One request and its answer, between the connection and whoever handles it.
///
/// `@unchecked Sendable`: mutable state is touched on the loop's thread only (the values above it hop by `EventLoop.run`), but for the atomics.
final class HTTPExchange: @unchecked Sendable {
  private enum Answer {
    case none
    case streaming
    case over
  }
  private enum BodyState {
    case open
    case complete
    case failed(HTTPBodyError)
  }

  let loop: EventLoop
  /// nil for a chunked body.
  let announcedLength: Int?
  let isHead: Bool
  let isHTTP10: Bool
  /// The client waits for "100 Continue" before it sends the body.
  private(set) var awaitsContinue: Bool
  private var connection: HTTPConnection?
  private var answer = Answer.none
  private var bodyState = BodyState.open
  private var buffer: [UInt8] = []
  private var reader: CheckedContinuation<[UInt8]?, any Error>?
  private var drainWaiters: [CheckedContinuation<Void, Never>] = []
  private var closeHooks: [@Sendable () -> Void] = []
  private let over = Atomic(false)
  private let postedBytes = Atomic(0)
  private let seenQueue = Atomic(0)

  init(connection: HTTPConnection, head: RequestParser.Head, awaitsContinue: Bool) {
    loop = connection.stream.loop
    self.connection = connection
    self.awaitsContinue = awaitsContinue
    announcedLength = head.isChunked ? nil : Int(clamping: head.contentLength)
    isHead = head.method == "HEAD"
    isHTTP10 = head.isHTTP10
  }

  // MARK: Body

  var bufferedBytes: Int { buffer.count }

  /// Takes over what the parser has found.
  func receive(_ bytes: [UInt8], isComplete: Bool) {
    if !bytes.isEmpty {
      awaitsContinue = false
      if buffer.isEmpty { buffer = bytes } else { append(bytes) }
    }
    if isComplete, case .open = bodyState { bodyState = .complete }
    guard let waiting = reader, let ready = takeReady() else { return }
    reader = nil
    waiting.resume(with: ready)
  }

  private func append(_ bytes: [UInt8]) {
    var all = buffer
    buffer = []
    all.append(contentsOf: bytes)
    buffer = all
  }

  func failBody(_ error: HTTPBodyError) {
    guard case .open = bodyState else { return }
    bodyState = .failed(error)
    buffer = []
    let waiting = reader
    reader = nil
    waiting?.resume(throwing: error)
  }

  /// What is left of a body that has come whole; nil while it has not.
  func takeWhole() -> [UInt8]? {
    guard case .complete = bodyState else { return nil }
    let whole = buffer
    buffer = []
    return whole
  }

  /// What can be said without waiting: bytes, the end, or an error.
  func takeReady() -> Result<[UInt8]?, any Error>? {
    if !buffer.isEmpty {
      let part = buffer
      buffer = []
      connection?.bodyWasTaken()
      return .success(part)
    }
    switch bodyState {
    case .open: return nil
    case .complete: return .success(nil)
    case .failed(let error): return .failure(error)
    }
  }

  func read(_ continuation: CheckedContinuation<[UInt8]?, any Error>) {
    if reader != nil { return continuation.resume(throwing: HTTPBodyError.concurrentRead) }
    if let ready = takeReady() { return continuation.resume(with: ready) }
    reader = continuation
    // After the final answer has begun there is no place for an interim one.
    if awaitsContinue && !isAnswered {
      awaitsContinue = false
      connection?.sendContinue()
    }
  }

  // MARK: Answer

  var isAnswered: Bool { if case .none = answer { false } else { true } }

  func answer(_ status: Int, _ headers: HTTPFields, _ body: [UInt8]) {
    guard case .none = answer else { return }
    setOver()
    connection?.writeAnswer(self, status, headers, body)
  }

  func refuse(_ refusal: HTTPRefusal) {
    guard let connection else { return }
    answer(refusal.status, [("Content-Type", "application/json")], connection.server.options.errorBody(refusal))
  }

  func upgrade(_ name: String, _ headers: HTTPFields, _ adopt: (TCPStream) -> any TCPStreamDelegate) {
    guard case .none = answer, let connection else { return }
    if connection.phase != .answering || isHTTP10 {
      return refuse(HTTPRefusal(status: 400, message: "A request for \(name) has no body and is HTTP/1.1."))
    }
    setOver()
    connection.handOver(name, headers, adopt)
  }

  /// The handler is done: whoever has not answered by now never will.
  func handlerReturned() {
    guard case .none = answer else { return }
    refuse(HTTPRefusal(status: 500, message: "The server has no answer to this request."))
  }

  func beginStream(_ status: Int, _ headers: HTTPFields) {
    guard case .none = answer else { return }
    answer = .streaming
    connection?.writeStreamHead(self, status, headers)
  }

  func writePart(_ bytes: [UInt8]) {
    guard case .streaming = answer, let connection, !isHead, !bytes.isEmpty else { return }
    connection.writeChunk(bytes, isChunked: !isHTTP10)
    seenQueue.store(connection.stream.queuedBytes, ordering: .relaxed)
  }

  func finishStream() {
    guard case .streaming = answer else { return }
    setOver()
    connection?.finishChunks(isChunked: !isHTTP10 && !isHead)
  }

  func abandonStream() {
    guard case .streaming = answer else { return }
    setOver()
    connection?.stream.close()
  }

  var isOver: Bool { over.load(ordering: .acquiring) }

  var queuedBytes: Int {
    if loop.isCurrent { return connection?.stream.queuedBytes ?? 0 }
    return isOver ? 0 : seenQueue.load(ordering: .relaxed) + postedBytes.load(ordering: .relaxed)
  }

  /// Counts bytes that are on their way to the loop; returns `queuedBytes`.
  func addQueued(_ count: Int) -> Int {
    postedBytes.add(count, ordering: .relaxed)
    return queuedBytes
  }

  func whenDrained(_ continuation: CheckedContinuation<Void, Never>) {
    guard let connection, case .streaming = answer, connection.stream.queuedBytes > TCPStream.lowMark else {
      return continuation.resume()
    }
    drainWaiters = drainWaiters + [continuation]
  }

  func drained() {
    seenQueue.store(connection?.stream.queuedBytes ?? 0, ordering: .relaxed)
    if drainWaiters.isEmpty { return }
    let waiting = drainWaiters
    drainWaiters = []
    for continuation in waiting { continuation.resume() }
  }

  func onClose(_ body: @escaping @Sendable () -> Void) {
    switch answer {
    case .streaming where connection != nil: closeHooks = closeHooks + [body]
    case .streaming: body()
    // Over by `finish()`: nothing will go away any more. Over because the peer went: say so.
    case .none, .over: if wasCut { body() }
    }
  }

  private var wasCut = false

  private func setOver() {
    answer = .over
    over.store(true, ordering: .releasing)
    if !closeHooks.isEmpty { closeHooks = [] }
    drained()
  }

  /// The connection goes on without this exchange.
  func detach() {
    if case .streaming = answer { return connectionClosed() }
    connection = nil
    failBody(.closed)
  }

  /// The connection is gone.
  func connectionClosed() {
    connection = nil
    failBody(.closed)
    over.store(true, ordering: .releasing)
    let hooks = closeHooks
    if case .streaming = answer { wasCut = true }
    closeHooks = []
    if wasCut { answer = .over }
    drained()
    for hook in hooks { hook() }
  }
}
