internal import EventLoops
internal import TLS

/// Bounds of one connection; milliseconds and bytes.
struct ConnectionLimits {
  var connect: Int64
  var command: Int64
  /// Of commands that are not answered yet.
  var waitingBytes: Int
}

/// One connection to one server, from the first packet to the last: all commands in flight at once, one write a turn of the loop, replies in order. Ends once, and then
/// fails everything that waits.
///
/// `@unchecked Sendable`: it is touched on its loop's thread only; closures that carry it run there.
final class RedisConnection: TCPStreamDelegate, @unchecked Sendable {
  private enum State {
    case opening
    case open
    case closed
  }

  let endpoint: RedisEndpoint
  private let loop: EventLoop
  private let limits: ConnectionLimits
  private let tls: TLSContext?
  private let opened: () -> Void
  private let ended: (RedisError) -> Void
  /// For connections that subscribe.
  private let message: ((_ channel: String, _ payload: [UInt8]) -> Void)?
  private var state = State.opening
  private var candidates: [SocketAddress] = []
  private var stream: TCPStream?
  private var session: TLSSession?
  private var alarm: LoopAlarm?
  private var isAlarmSet = false
  private var reader = ReplyReader()
  private var queue = CommandQueue()
  private var out: [UInt8] = []

  /// `opened` is called when commands may be sent, `ended` exactly once, before the failures of what waited are.
  init(
    loop: EventLoop, endpoint: RedisEndpoint, tls: TLSContext?, limits: ConnectionLimits, opened: @escaping () -> Void,
    ended: @escaping (RedisError) -> Void, message: ((_ channel: String, _ payload: [UInt8]) -> Void)? = nil
  ) {
    self.loop = loop
    self.endpoint = endpoint
    self.tls = tls
    self.limits = limits
    self.opened = opened
    self.ended = ended
    self.message = message
  }

  // MARK: Opening

  func open() {
    do {
      alarm = try LoopAlarm(loop: loop, { [weak self] in self?.alarmed() }, closed: {})
    } catch {
      return end(.unreachable("\(error)"))
    }
    alarm?.set(afterMilliseconds: limits.connect)
    loop.resolve(endpoint.host, port: endpoint.port) { [self] result in
      switch result {
      case .failure(let error): end(.unreachable("\(error)"))
      case .success(let addresses):
        candidates = addresses.reversed()
        connectToNext(nil)
      }
    }
  }

  private func connectToNext(_ last: EventLoopError?) {
    guard state == .opening else { return }
    guard let address = candidates.popLast() else {
      return end(.unreachable("\(endpoint): \(last.map(\.description) ?? "the name has no address")"))
    }
    do {
      stream = try TCPStream(loop: loop, connectingTo: address) { [weak self] error in self?.connected(error) }
    } catch {
      connectToNext(error)
    }
  }

  private func connected(_ error: EventLoopError?) {
    guard state == .opening, let stream else { return }
    if let error {
      stream.close()
      self.stream = nil
      return connectToNext(error)
    }
    stream.delegate = self
    guard let tls else {
      stream.startReading()
      return becomeOpen()
    }
    do {
      session = try tls.session(withServer: endpoint.host)
      try session?.handshake()
      writeSecured()
      stream.startReading()
    } catch {
      end(.tls("\(endpoint): \(error)"))
    }
  }

  private func becomeOpen() {
    state = .open
    alarm?.clear()
    opened()
  }

  // MARK: Commands

  /// Sends a pipeline behind everything sent before.
  func send(_ pipeline: RedisPipeline, _ deliver: @escaping RedisDelivery) {
    if pipeline.count == 0 { return deliver(.success([])) }
    guard state == .open else { return deliver(.failure(.notConnected("\(endpoint): the connection is not open"))) }
    if queue.bytes > 0, queue.bytes + pipeline.bytes.count > limits.waitingBytes {
      return deliver(.failure(.overloaded("\(queue.bytes) bytes of commands are unanswered at \(endpoint)")))
    }
    if let batch = queue.add(Batch(pipeline, deliver)) { write(batch) }
  }

  private func write(_ batch: Batch) {
    batch.sent = loop.monotonicMilliseconds
    if out.isEmpty {
      // What else is sent in this turn goes out with it.
      loop.post { self.flush() }
    }
    out.append(contentsOf: batch.pipeline.bytes)
    if isAlarmSet { return }
    isAlarmSet = true
    alarm?.set(afterMilliseconds: limits.command)
  }

  private func flush() {
    guard state == .open, !out.isEmpty else { return }
    if let session {
      do { try session.write(out) } catch { return end(.tls("\(endpoint): \(error)")) }
      writeSecured()
    } else {
      stream?.write(out.span.bytes)
    }
    // A large refill is no reason to hold its memory for ever.
    out.removeAll(keepingCapacity: out.capacity <= 1 << 20)
  }

  private func writeSecured() {
    guard let output = session?.output(), !output.isEmpty else { return }
    stream?.write(output.span.bytes)
  }

  private func alarmed() {
    isAlarmSet = false
    if state == .opening { return end(.timedOut("no connection to \(endpoint) within \(limits.connect) ms")) }
    guard let oldest = queue.oldest else { return }
    let left = oldest.sent + limits.command - loop.monotonicMilliseconds
    if left <= 0 { return end(.timedOut("no reply from \(endpoint) within \(limits.command) ms")) }
    isAlarmSet = true
    alarm?.set(afterMilliseconds: left)
  }

  // MARK: Replies

  func received(_ bytes: RawSpan) {
    if state == .closed { return }
    guard let session else { return parse(bytes) }
    do {
      let plain = try session.received(bytes)
      writeSecured()
      if session.isEstablished, state == .opening { becomeOpen() }
      if !plain.isEmpty { parse(plain.span.bytes) }
      if session.isEnded { end(.unreachable("\(endpoint) closed the connection")) }
    } catch {
      // What is left is the alert that tells the peer why.
      writeSecured()
      end(.tls("\(endpoint): \(error)"))
    }
  }

  private func parse(_ bytes: RawSpan) {
    do {
      try reader.feed(bytes)
      while state != .closed, let reply = try reader.next() { try settle(reply) }
    } catch {
      end(error)
    }
  }

  private func settle(_ reply: RedisReply) throws(RedisError) {
    if let message, case .array(let parts) = reply, parts.count == 3, parts[0].text == "message" {
      return message(parts[1].text ?? "", parts[2].payload ?? [])
    }
    // Whoever was a master when it was asked is none now: all else that waits would be refused too.
    if case .error(let text) = reply, case .notMaster(let why) = RedisError(answer: text) { throw .notMaster("\(endpoint): \(why)") }
    if let batch = try queue.settle(reply) { batch.deliver(.success(batch.replies)) }
    for batch in queue.released() { write(batch) }
  }

  // MARK: The end

  func end(_ error: RedisError) {
    if state == .closed { return }
    state = .closed
    alarm?.close()
    session?.end()
    writeSecured()
    session = nil
    stream?.close()
    out = []
    let waiting = queue.takeAll()
    ended(error)
    for batch in waiting { batch.deliver(.failure(error)) }
  }

  func ended(_ end: StreamEnd) {
    switch end {
    case .endOfInput: self.end(.unreachable("\(endpoint) closed the connection"))
    case .failed(let error): self.end(.unreachable("\(endpoint): \(error)"))
    }
  }

  func drained() {}

  func flushed() {}

  func closed() { end(.closed) }
}
