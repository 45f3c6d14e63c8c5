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
        pending.append(contentsOf: rest)
        return
      case .lingering, .upgraded, .closed: return
      }
    }
  }

  private func readHead(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    if scanner.isEmpty { headStarted = lastActivity }
    let options = server.options
    switch scanner.scan(bytes, maximumBytes: options.headerBytes, maximumFields: options.headerFields) {
    case .incomplete: return UnsafeRawBufferPointer(start: nil, count: 0)
    case .refused(let refusal):
      refuse(refusal)
      return UnsafeRawBufferPointer(start: nil, count: 0)
    case .complete(let consumed):
      beginRequest()
      return UnsafeRawBufferPointer(rebasing: bytes[consumed...])
    }
  }

  private func beginRequest() {
    let bytes = scanner.take()
    if let refusal = parser.parseHead(bytes) { return refuse(refusal) }
    let headers = HTTPHeaders(bytes: bytes, fields: parser.fields)
    parser.fields = []
    let awaitsContinue: Bool
    switch checkHead(parser.head, headers) {
    case .failure(let refusal): return refuse(HTTPRefusal(status: refusal.status, message: refusal.message))
    case .success(let expects): awaitsContinue = expects && !parser.isComplete
    }
    let exchange = HTTPExchange(connection: self, head: parser.head, awaitsContinue: awaitsContinue)
    self.exchange = exchange
    bodyReceived = 0
    bodyWaited = 0
    discarded = 0
    isDiscarding = false
    closesAfterAnswer = !parser.head.keepsAlive
    phase = parser.isComplete ? .answering : .body
    exchange.receive(&parser.body, isComplete: parser.isComplete)
    let (path, query) = splitTarget(bytes[parser.head.target])
    let request = HTTPRequest(
      method: parser.head.method, path: path, query: query, headers: headers, remoteAddress: remoteAddress,
      isSecure: stream.filter != nil,
      body: HTTPBody(exchange: exchange), received: stream.loop.monotonicNanoseconds)
    let handler = server.handler
    // house: allow unstructured task because a request begins in a callback of libuv, which has no task to be a child of; its end is the exchange's.
    // Detached: the callback may run within the task of the request before, whose task-local values are not this request's.
    Task.detached(executorPreference: server.loop) {
      await handler.handle(request, HTTPResponder(exchange: exchange))
      exchange.loop.run { exchange.handlerReturned() }
    }
  }

  private func readBody(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let (consumed, refusal) = parser.parseBody(bytes)
    if let refusal {
      failBody(.malformed, refusal)
      return UnsafeRawBufferPointer(start: nil, count: 0)
    }
    bodyReceived += parser.body.count
    if parser.isComplete { phase = .answering }
    if isDiscarding {
      discard(consumed)
    } else {
      exchange?.receive(&parser.body, isComplete: parser.isComplete)
    }
    return UnsafeRawBufferPointer(rebasing: bytes[consumed...])
  }

  private func discard(_ count: Int) {
    parser.body.removeAll(keepingCapacity: true)
    discarded += count
    if parser.isComplete { finishExchange() } else if discarded > server.options.discardedBodyBytes { linger() }
  }

  private func failBody(_ error: HTTPBodyError, _ refusal: HTTPRefusal) {
    closesAfterAnswer = true
    phase = .answering
    exchange?.failBody(error)
    guard let exchange, !exchange.isAnswered else { return isDiscarding ? linger() : stream.close() }
    exchange.refuse(refusal)
  }
}
