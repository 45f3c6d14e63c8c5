import EventLoops

/// One client: reads requests one after the other and hands each to the handler; what comes meanwhile waits. On the loop's thread only.
///
/// `@unchecked Sendable`: every property is touched on the loop's thread only; see `TCPStream`.
final class HTTPConnection: TCPStreamDelegate, @unchecked Sendable {
  enum Phase {
    /// Before or within the head of a request.
    case head
    case body
    /// The request is complete, its answer is not.
    case answering
    /// Our side has ended; what still comes is dropped, so that the answer is not lost to a reset.
    case lingering
    /// The stream speaks another protocol; see `next`.
    case upgraded
    case closed
  }

  let server: LoopServer
  let stream: TCPStream
  let parser = RequestParser()
  var phase = Phase.head
  var exchange: HTTPExchange?
  var closesAfterAnswer = false
  /// The answer is out, the rest of its request's body is dropped.
  var isDiscarding = false
  private(set) var inputHasEnded = false
  let remoteAddress: String
  var scanner = HeadScanner()
  /// Bytes behind the request that is being answered.
  private(set) var pending: [UInt8] = []
  var bodyReceived = 0
  /// Milliseconds that we waited for the body: those in which we read.
  var bodyWaited: Int64 = 0
  private var lastSweep: Int64
  var discarded = 0
  var headStarted: Int64 = 0
  /// When the bytes came that are being taken apart, nanoseconds.
  private(set) var receivedAt: Int64 = 0
  /// Something was answered since the last sweep, which counts it as activity: a clock need not be read for every answer.
  private var hasAnswered = false
  var lastActivity: Int64
  private var lastWritten = 0
  private var lastProgress: Int64
  private var lingerUntil: Int64 = 0
  /// Who reads the stream after an upgrade. This connection stays the stream's delegate, so that the server keeps count of it.
  private var next: (any TCPStreamDelegate)?
  /// Place in the server's list.
  var index = -1

  private static let pendingBytes = 65_536
  static let answerBytes = 262_144

  init(server: LoopServer, stream: TCPStream) {
    self.server = server
    self.stream = stream
    remoteAddress = stream.remoteAddress
    lastActivity = server.loop.monotonicMilliseconds
    lastProgress = lastActivity
    lastSweep = lastActivity
  }

  func start() {
    stream.delegate = self
    stream.startReading()
  }

  var isIdle: Bool { phase == .head && scanner.isEmpty && pending.isEmpty }

  // MARK: Stream

  func received(_ bytes: RawSpan) {
    if let next { return next.received(bytes) }
    receivedAt = server.loop.monotonicNanoseconds
    lastActivity = receivedAt / 1_000_000
    bytes.withUnsafeBytes { bytes in
      if pending.isEmpty { process(bytes) } else { setAside(bytes) }
    }
    updateReading()
  }

  /// Keeps bytes for when their turn comes. The array is taken out and put back, so that the property is loaded and stored and no more: what is changed in place
  /// is checked for overlaps wherever it is read.
  func setAside(_ bytes: UnsafeRawBufferPointer) {
    var all = pending
    pending = []
    all.append(contentsOf: bytes)
    pending = all
  }

  func ended(_ end: StreamEnd) {
    if let next { return next.ended(end) }
    inputHasEnded = true
    guard case .endOfInput = end else { return stream.close() }
    switch phase {
    case .head: if pending.isEmpty { linger() }
    case .body: stream.close()
    // A client may end its side and still wait for the answer; one that listens to a stream would not.
    case .answering: if exchange?.isAnswered == true { stream.close() }
    case .lingering: if stream.isFlushed { stream.close() }
    case .upgraded, .closed: break
    }
  }

  func drained() {
    if let next { return next.drained() }
    exchange?.drained()
    settle()
  }

  func flushed() {
    if let next { return next.flushed() }
    if phase == .lingering && inputHasEnded { stream.close() }
  }

  func closed() {
    phase = .closed
    pending = []
    let last = exchange
    exchange = nil
    last?.connectionClosed()
    server.remove(self)
    let other = next
    next = nil
    other?.closed()
  }

  /// Ends HTTP on this connection.
  func becomeUpgraded(_ delegate: any TCPStreamDelegate) {
    phase = .upgraded
    exchange?.detach()
    exchange = nil
    next = delegate
    let early = pending
    pending = []
    if !early.isEmpty { delegate.received(early.span.bytes) }
    if inputHasEnded { delegate.ended(.endOfInput) } else { stream.startReading() }
  }

  /// The handler made room.
  func bodyWasTaken() {
    // The time during which we did not want to read is not the client's.
    if !stream.isReading { lastActivity = server.loop.monotonicMilliseconds }
    updateReading()
  }

  // MARK: Between requests

  /// The answer is written to its end.
  func answered() {
    guard phase == .body || phase == .answering else { return }
    if phase == .body && !closesAfterAnswer {
      isDiscarding = true
      exchange?.failBody(.closed)
      return updateReading()
    }
    if closesAfterAnswer { return linger() }
    finishExchange()
    settle()
  }

  func finishExchange() {
    exchange?.detach()
    exchange = nil
    isDiscarding = false
    phase = .head
    hasAnswered = true
  }

  /// Goes on with what has come meanwhile, and ends what has nothing more to do.
  private func settle() {
    while phase == .head && !pending.isEmpty && stream.queuedBytes <= Self.answerBytes {
      let bytes = pending
      pending = []
      receivedAt = server.loop.monotonicNanoseconds
      bytes.withUnsafeBytes { process($0) }
    }
    if phase == .head && pending.isEmpty && (inputHasEnded || (server.isDraining && scanner.isEmpty)) { linger() }
    updateReading()
  }

  func updateReading() {
    let isWanted =
      switch phase {
      case .head: pending.isEmpty
      case .body: isDiscarding || (exchange?.bufferedBytes ?? 0) < server.options.bodyBufferBytes
      case .answering: pending.count < Self.pendingBytes
      case .lingering: true
      case .upgraded: stream.isReading
      case .closed: false
      }
    if isWanted { stream.startReading() } else { stream.stopReading() }
  }

  /// Whether the rest of the body is too much to read for nothing.
  var isRestTooLong: Bool {
    guard phase == .body, let exchange else { return false }
    // Whoever was not told to go on may send the body or not: nobody can tell what the next bytes are.
    if exchange.awaitsContinue { return true }
    guard let length = exchange.announcedLength else { return false }
    return length - bodyReceived > server.options.discardedBodyBytes
  }

  /// Ends our side and waits a moment for the peer's.
  func linger() {
    guard phase != .lingering, phase != .upgraded, phase != .closed else { return }
    phase = .lingering
    pending = []
    exchange?.detach()
    exchange = nil
    lingerUntil = server.loop.monotonicMilliseconds + server.options.lingerMilliseconds
    stream.shutdownOutput()
    updateReading()
  }

  /// Answers instead of a handler and closes.
  func refuse(_ refusal: HTTPRefusal) {
    writeRefusal(refusal)
    linger()
  }

  // MARK: Time

  /// Checks the limits of time; `now` is the loop's monotonic clock.
  func sweep(_ now: Int64) {
    // The other protocol has limits of its own.
    if phase == .upgraded { return }
    let options = server.options
    let passed = now - lastSweep
    lastSweep = now
    if hasAnswered {
      hasAnswered = false
      lastActivity = now
    }
    if stream.writtenBytes != lastWritten || stream.queuedBytes == 0 {
      lastWritten = stream.writtenBytes
      lastProgress = now
    } else if now - lastProgress > options.idleMilliseconds {
      return stream.close()
    }
    switch phase {
    case .head where isIdle:
      // Bytes of a handshake are no activity: it has its time as a whole.
      if now - lastActivity > (stream.isNegotiating ? options.headerMilliseconds : options.idleMilliseconds) { linger() }
    case .head where scanner.isEmpty: break
    case .head:
      if now - headStarted > options.headerMilliseconds { refuse(HTTPRefusal(status: 408, message: "The header did not come in time.")) }
    case .body where stream.isReading:
      bodyWaited += passed
      let isTooSlow = options.bodyBytesPerSecond > 0 && bodyWaited > options.bodyStallMilliseconds + allowance(options.bodyBytesPerSecond)
      if isTooSlow || now - lastActivity > options.bodyStallMilliseconds { stall() }
    case .body: break
    case .lingering: if now > lingerUntil && stream.queuedBytes == 0 { stream.close() }
    case .answering, .upgraded, .closed: break
    }
  }

  /// Milliseconds that what has come of the body may have taken.
  private func allowance(_ bytesPerSecond: Int) -> Int64 { Int64(bodyReceived / bytesPerSecond) * 1000 }

  private func stall() {
    if isDiscarding { return linger() }
    if exchange?.awaitsContinue == true { return }
    closesAfterAnswer = true
    phase = .answering
    exchange?.failBody(.stalled)
  }
}
