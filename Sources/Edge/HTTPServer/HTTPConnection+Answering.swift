import EventLoops

extension HTTPConnection {
  func writeAnswer(_ exchange: HTTPExchange, _ status: Int, _ headers: HTTPFields, _ body: [UInt8]) {
    guard self.exchange === exchange else { return }
    // Nobody wants the rest of a body that is too large.
    if status == 413, phase == .body { closesAfterAnswer = true }
    decidePersistence(headers)
    let hasNoBody = status == 204 || status == 304
    writeHead(exchange, status, headers, hasNoBody ? .none : .length(body.count), hasNoBody || exchange.isHead ? [] : body)
    answered()
  }

  func handOver(_ name: String, _ headers: HTTPFields, _ adopt: (TCPStream) -> any TCPStreamDelegate) {
    compose { out in
      append(&out, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n")
      appendFields(&out, [("Upgrade", name)] + headers)
      append(&out, "\r\n")
    }
    becomeUpgraded(adopt(stream))
  }

  func writeStreamHead(_ exchange: HTTPExchange, _ status: Int, _ headers: HTTPFields) {
    guard self.exchange === exchange else { return }
    decidePersistence(headers)
    if exchange.isHTTP10 { closesAfterAnswer = true }
    writeHead(exchange, status, headers, exchange.isHTTP10 ? .untilClose : .chunked, [])
  }

  func writeChunk(_ bytes: [UInt8], isChunked: Bool) {
    if !isChunked { return stream.write(bytes.span.bytes) }
    compose { out in
      appendChunkSize(&out, bytes.count)
      out.append(contentsOf: bytes)
      append(&out, "\r\n")
    }
  }

  func finishChunks(isChunked: Bool) {
    if isChunked { compose { append(&$0, "0\r\n\r\n") } }
    answered()
  }

  func sendContinue() {
    lastActivity = server.loop.monotonicMilliseconds
    compose { append(&$0, "HTTP/1.1 100 Continue\r\n\r\n") }
  }

  /// Builds bytes in the loop's scratch buffer and writes them, with `body` behind, in one call. The buffer is moved out and back: no copy.
  private func compose(body: [UInt8] = [], _ build: (inout [UInt8]) -> Void) {
    var out = server.scratch
    server.scratch = []
    out.removeAll(keepingCapacity: true)
    build(&out)
    stream.write(out.span.bytes, body.span.bytes)
    server.scratch = out
  }

  func writeRefusal(_ refusal: HTTPRefusal) {
    closesAfterAnswer = true
    let body = server.options.errorBody(refusal)
    write(refusal.status, [("Content-Type", "application/json")], .length(body.count), .close, body)
  }

  private func decidePersistence(_ headers: HTTPFields) {
    if closesAfterAnswer { return }
    // While there is time, what the client has sent behind this request is answered first.
    let isLast = server.isDraining || (server.isLeaving && pending.isEmpty)
    closesAfterAnswer = isLast || isRestTooLong || headers.contains { isSame($0.name, "connection") && isSame($0.value, "close") }
  }

  private func writeHead(_ exchange: HTTPExchange, _ status: Int, _ headers: HTTPFields, _ framing: Framing, _ body: [UInt8]) {
    let persistence: Persistence = closesAfterAnswer ? .close : exchange.isHTTP10 ? .keepAlive : .silent
    write(status, headers, framing, persistence, body)
  }

  private func write(_ status: Int, _ headers: HTTPFields, _ framing: Framing, _ persistence: Persistence, _ body: [UInt8]) {
    let common = server.commonLines()
    // Copying a small body is cheaper than a second buffer for the kernel; a large one is not copied.
    let isSmall = body.count <= 8_192
    compose(body: isSmall ? [] : body) { out in
      appendResponseHead(to: &out, status: status, headers: headers, framing: framing, persistence: persistence, common: common)
      if isSmall { out.append(contentsOf: body) }
    }
  }
}
