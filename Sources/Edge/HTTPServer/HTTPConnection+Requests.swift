import EventLoops

extension HTTPConnection {
  /// Takes bytes apart into requests, as far as their turn has come.
  func process(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes
    while !rest.isEmpty {
      switch phase {
      case .head where stream.queuedBytes <= Self.answerBytes: rest = readHead(rest)
      case .body: rest = readBody(rest)
      case .head, .answering:
        return setAside(rest)
      case .lingering, .upgraded, .closed: return
      }
    }
  }

  private func readHead(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    // In a local, as the usual head comes whole: the property would be checked at every use.
    var scanner = self.scanner
    if scanner.isEmpty { headStarted = receivedAt / 1_000_000 } else { self.scanner = HeadScanner() }
    let options = server.options
    switch scanner.scan(bytes, maximumBytes: options.headerBytes, maximumFields: options.headerFields) {
    case .incomplete:
      self.scanner = scanner
      return UnsafeRawBufferPointer(start: nil, count: 0)
    case .refused(let refusal):
      refuse(refusal)
      return UnsafeRawBufferPointer(start: nil, count: 0)
    case .complete(let consumed):
      beginRequest(scanner.take())
      return UnsafeRawBufferPointer(rebasing: bytes[consumed...])
    }
  }

  private func beginRequest(_ bytes: [UInt8]) {
    if let refusal = parser.parseHead(bytes) { return refuse(refusal) }
    let headers = HTTPHeaders(bytes: bytes, fields: parser.takeFields())
    let head = parser.head
    let isComplete = parser.isComplete
    let awaitsContinue: Bool
    switch checkHead(head, headers) {
    case .failure(let refusal): return refuse(HTTPRefusal(status: refusal.status, message: refusal.message))
    case .success(let expects): awaitsContinue = expects && !isComplete
    }
    let exchange = HTTPExchange(connection: self, head: head, awaitsContinue: awaitsContinue)
    self.exchange = exchange
    bodyReceived = 0
    bodyWaited = 0
    discarded = 0
    isDiscarding = false
    closesAfterAnswer = !head.keepsAlive
    phase = isComplete ? .answering : .body
    exchange.receive(parser.takeBody(), isComplete: isComplete)
    let (path, query) = splitTarget(bytes[head.target])
    let request = HTTPRequest(
      method: head.method, path: path, query: query, headers: headers, remoteAddress: remoteAddress,
      isSecure: stream.filter != nil,
      body: HTTPBody(exchange: exchange), received: receivedAt)
    let server = server
    // house: allow unstructured task because a request begins in a callback of libuv, which has no task to be a child of; its end is the exchange's.
    // Detached: the callback may run within the task of the request before, whose task-local values are not this request's.
    Task.detached(executorPreference: server.tasks) {
      await server.handler.handle(request, HTTPResponder(exchange: exchange))
      if exchange.loop.isCurrent { exchange.handlerReturned() } else { exchange.loop.post { exchange.handlerReturned() } }
    }
  }

  private func readBody(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let (consumed, refusal) = parser.parseBody(bytes)
    if let refusal {
      failBody(.malformed, refusal)
      return UnsafeRawBufferPointer(start: nil, count: 0)
    }
    let isComplete = parser.isComplete
    if isComplete { phase = .answering }
    if isDiscarding {
      bodyReceived += parser.dropBody()
      discard(consumed, isComplete)
    } else {
      let body = parser.takeBody()
      bodyReceived += body.count
      exchange?.receive(body, isComplete: isComplete)
    }
    return UnsafeRawBufferPointer(rebasing: bytes[consumed...])
  }

  private func discard(_ count: Int, _ isComplete: Bool) {
    discarded += count
    if isComplete { finishExchange() } else if discarded > server.options.discardedBodyBytes { linger() }
  }

  private func failBody(_ error: HTTPBodyError, _ refusal: HTTPRefusal) {
    closesAfterAnswer = true
    phase = .answering
    exchange?.failBody(error)
    guard let exchange, !exchange.isAnswered else { return isDiscarding ? linger() : stream.close() }
    exchange.refuse(refusal)
  }
}
