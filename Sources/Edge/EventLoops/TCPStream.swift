internal import CLibuv

/// Why a stream can no longer be read.
package enum StreamEnd: Sendable, Equatable {
  /// The peer said that it sends no more.
  case endOfInput
  /// The connection broke or was reset.
  case failed(EventLoopError)
}

/// Who reads a stream. Everything is called on the stream's loop; nothing after `closed()`.
package protocol TCPStreamDelegate: AnyObject {
  /// Bytes as they came, valid during the call only.
  func received(_ bytes: RawSpan)
  /// At most once; the stream is still to be closed by its owner.
  func ended(_ end: StreamEnd)
  /// The queue of unwritten bytes fell to the stream's low mark or below, after having been above it.
  func drained()
  /// After `shutdownOutput()`: everything queued has been written.
  func flushed()
  /// Exactly once, as the last call.
  func closed()
}

/// One connection. Used on its loop's thread only.
///
/// Writing tries the kernel first; only what it did not take is copied and queued. The owner looks at `queuedBytes` and slows down.
package final class TCPStream: LoopHandle, @unchecked Sendable {
  // What other rooms see is computed: a stored property that they could see is checked for overlaps at each use.
  /// Kept until `closed()`: whoever serves the stream lives as long as it does.
  package var delegate: (any TCPStreamDelegate)? {
    get { reader }
    set { reader = newValue }
  }
  private var reader: (any TCPStreamDelegate)?
  /// Below or at this many queued bytes a stream counts as drained.
  package static let lowMark = 65_536
  package var isReading: Bool { readsNow }
  private var readsNow = false
  /// Set before the first byte.
  package var filter: (any StreamFilter)? {
    get { cipher }
    set { cipher = newValue }
  }
  private var cipher: (any StreamFilter)?
  private var connecting: ((EventLoopError?) -> Void)?
  private var hasEnded = false
  private var isAboveMark = false
  private var isShutDown = false
  private var writeFailure: Int32 = 0
  private var acceptedBytes = 0
  /// Everything was written after `shutdownOutput()`.
  package var isFlushed: Bool { hasFlushed }
  private var hasFlushed = false

  private var stream: UnsafeMutablePointer<uv_stream_t> { pointer(as: uv_stream_t.self) }

  /// Errors: `EventLoopError` when there are no descriptors.
  init(loop: EventLoop) throws(EventLoopError) {
    super.init(loop: loop, type: UV_TCP)
    try EventLoopError.check(uv_tcp_init(loop.uv, pointer(as: uv_tcp_t.self)), "create stream")
    adopt()
  }

  /// Begins to connect. `connected` is called once, later, with nil or what went wrong (the stream is then still to be closed); not at all when the stream is
  /// closed first: a time-out is the caller's.
  /// Errors: `EventLoopError` when there are no descriptors or the address is none.
  package convenience init(loop: EventLoop, connectingTo address: SocketAddress, connected: @escaping (EventLoopError?) -> Void)
    throws(EventLoopError)
  {
    try self.init(loop: loop)
    connecting = connected
    let request = UnsafeMutablePointer<uv_connect_t>.allocate(capacity: 1)
    let code = withSocketAddress(address.host, Int32(address.port)) { target in
      uv_tcp_connect(request, pointer(as: uv_tcp_t.self), target) { request, code in
        guard let request else { return }
        let stream = TCPStream.of(request.pointee.handle?.pointee.data)
        request.deallocate()
        stream?.didConnect(code)
      }
    }
    if code == 0 { return }
    request.deallocate()
    connecting = nil
    close()
    throw EventLoopError(operation: "connect to \(address)", code: code)
  }

  private func didConnect(_ code: Int32) {
    let connected = connecting
    connecting = nil
    if isClosing { return }
    if code == 0 { uv_tcp_nodelay(pointer(as: uv_tcp_t.self), 1) }
    connected?(code == 0 ? nil : EventLoopError(operation: "connect", code: code))
    loop.drain()
  }

  /// Takes a waiting connection from a listener's handle.
  func accept(from listener: UnsafeMutablePointer<uv_stream_t>) throws(EventLoopError) {
    try EventLoopError.check(uv_accept(listener, stream), "accept connection")
    uv_tcp_nodelay(pointer(as: uv_tcp_t.self), 1)
  }

  /// The peer's numeric address without port, empty when the kernel has forgotten it.
  package var remoteAddress: String {
    var storage = sockaddr_storage()
    var length = Int32(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard uv_tcp_getpeername(pointer(as: uv_tcp_t.self), address, &length) == 0 else { return "" }
        return numericAddress(address)
      }
    }
  }

  // MARK: Reading

  /// Begins, or goes on, to hand bytes to the delegate.
  package func startReading() {
    guard !readsNow, !isClosing, !hasEnded else { return }
    readsNow = true
    let code = uv_read_start(
      stream,
      { handle, _, buffer in
        guard let stream = TCPStream.of(handle?.pointee.data) else { return }
        let memory = stream.loop.readBuffer
        buffer?.pointee = uv_buf_t(base: memory.baseAddress?.assumingMemoryBound(to: CChar.self), len: memory.count)
      },
      { handle, count, buffer in
        guard count != 0, let stream = TCPStream.of(handle?.pointee.data) else { return }
        stream.didRead(count, buffer?.pointee.base)
        stream.loop.drain()
      })
    if code < 0 { end(.failed(EventLoopError(operation: "read", code: code))) }
  }

  /// Leaves further bytes in the kernel, which slows the peer down. An end of the connection goes unnoticed meanwhile.
  package func stopReading() {
    guard readsNow else { return }
    readsNow = false
    uv_read_stop(stream)
  }

  private func didRead(_ count: Int, _ base: UnsafeMutablePointer<CChar>?) {
    guard count > 0 else {
      return end(count == Int(UV_EOF.rawValue) ? .endOfInput : .failed(EventLoopError(operation: "read", code: Int32(count))))
    }
    let bytes = UnsafeRawBufferPointer(start: base, count: count).bytes
    if let filter = cipher { unwrap(bytes, filter) } else { reader?.received(bytes) }
  }

  /// Whether the filter and the peer are still about what comes before the first byte.
  package var isNegotiating: Bool { cipher.map { !$0.isReady } ?? false }

  private func unwrap(_ bytes: RawSpan, _ filter: any StreamFilter) {
    let wasReady = filter.isReady
    do throws(StreamFilterError) {
      let plain = try filter.received(bytes)
      writeFiltered(filter)
      if !plain.isEmpty { reader?.received(plain.span.bytes) }
      if filter.isEnded { end(.endOfInput) }
    } catch {
      // What is left in it tells the peer why. Before they understood each other there is nothing to break off.
      writeFiltered(filter)
      end(wasReady ? .failed(EventLoopError(operation: error.reason, code: UV_EPROTO.rawValue)) : .endOfInput)
    }
  }

  private func writeFiltered(_ filter: any StreamFilter) {
    let output = filter.output()
    if !output.isEmpty { writeRaw(output.span.bytes, RawSpan()) }
  }

  private func end(_ reason: StreamEnd) {
    stopReading()
    guard !hasEnded, !isClosing else { return }
    hasEnded = true
    reader?.ended(reason)
  }

  // MARK: Writing

  /// Bytes that the kernel has not taken yet.
  package var queuedBytes: Int { isClosing ? 0 : uv_stream_get_write_queue_size(stream) }

  /// Bytes that the kernel has taken since the beginning: grows as long as the peer reads.
  package var writtenBytes: Int { acceptedBytes - queuedBytes }

  /// Writes `head`, then `body`, in one call to the kernel. Bytes for a stream that is closing or broken are dropped.
  package func write(_ head: RawSpan, _ body: RawSpan = RawSpan()) {
    guard let filter = cipher else { return writeRaw(head, body) }
    guard !isClosing, !isShutDown, writeFailure == 0 else { return }
    do throws(StreamFilterError) {
      try filter.write(head)
      if body.byteCount > 0 { try filter.write(body) }
      writeFiltered(filter)
    } catch { failWriting(UV_EPROTO.rawValue) }
  }

  private func writeRaw(_ head: RawSpan, _ body: RawSpan) {
    guard !isClosing, !isShutDown, writeFailure == 0 else { return }
    head.withUnsafeBytes { head in
      body.withUnsafeBytes { body in write(head, body) }
    }
    if queuedBytes > Self.lowMark { isAboveMark = true }
  }

  private func write(_ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) {
    let total = head.count + body.count
    if total == 0 { return }
    acceptedBytes += total
    var done = 0
    // With a queue before it libuv would refuse, and order would be lost if it did not.
    if uv_stream_get_write_queue_size(stream) == 0 {
      // libuv's buffers are mutable for reading's sake; writing leaves them alone.
      var buffers = (buffer(head), buffer(body))
      let code = withUnsafeMutablePointer(to: &buffers) { buffers in
        buffers.withMemoryRebound(to: uv_buf_t.self, capacity: 2) { uv_try_write(stream, $0, body.isEmpty ? 1 : 2) }
      }
      if code >= 0 { done = Int(code) } else if code != UV_EAGAIN.rawValue { return failWriting(code) }
    }
    if done == total { return }
    queue(head.dropFirst(min(done, head.count)), body.dropFirst(max(0, done - head.count)), total - done)
  }

  private func buffer(_ bytes: UnsafeRawBufferPointer) -> uv_buf_t {
    uv_buf_t(base: UnsafeMutableRawPointer(mutating: bytes.baseAddress)?.assumingMemoryBound(to: CChar.self), len: bytes.count)
  }

  /// One allocation holds the request and the copy behind it; the write callback frees it.
  private func queue(_ head: Slice<UnsafeRawBufferPointer>, _ body: Slice<UnsafeRawBufferPointer>, _ count: Int) {
    let room = MemoryLayout<uv_write_t>.stride
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: room + count, alignment: 16)
    guard let base = memory.baseAddress else { return }
    let copy = UnsafeMutableRawBufferPointer(rebasing: memory[room...])
    copy.copyBytes(from: head)
    UnsafeMutableRawBufferPointer(rebasing: copy[head.count...]).copyBytes(from: body)
    let request = base.assumingMemoryBound(to: uv_write_t.self)
    var buffer = uv_buf_t(base: copy.baseAddress?.assumingMemoryBound(to: CChar.self), len: count)
    let code = uv_write(request, stream, &buffer, 1) { request, code in
      guard let request else { return }
      let stream = TCPStream.of(request.pointee.handle?.pointee.data)
      UnsafeMutableRawPointer(request).deallocate()
      stream?.didWrite(code)
    }
    if code == 0 { return }
    memory.deallocate()
    failWriting(code)
  }

  private func didWrite(_ code: Int32) {
    if isClosing { return }
    if code < 0 { failWriting(code) }
    if isAboveMark, queuedBytes <= Self.lowMark {
      isAboveMark = false
      reader?.drained()
    }
    loop.drain()
  }

  private func failWriting(_ code: Int32) {
    if writeFailure != 0 { return }
    writeFailure = code
    // Not at once: the writer is in the middle of its own work.
    let error = EventLoopError(operation: "write", code: code)
    loop.post { self.end(.failed(error)) }
  }

  /// Says to the peer that nothing more comes, once everything queued is written. Reading goes on.
  package func shutdownOutput() {
    guard !isClosing, !isShutDown else { return }
    if let filter = cipher {
      filter.end()
      writeFiltered(filter)
    }
    isShutDown = true
    let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
    let code = uv_shutdown(request, stream) { request, _ in
      guard let request else { return }
      let stream = TCPStream.of(request.pointee.handle?.pointee.data)
      request.deallocate()
      stream?.didFlush()
    }
    if code == 0 { return }
    request.deallocate()
    loop.post { self.didFlush() }
  }

  private func didFlush() {
    if isClosing { return }
    hasFlushed = true
    reader?.flushed()
    loop.drain()
  }

  override func didClose() {
    let last = reader
    reader = nil
    last?.closed()
  }
}
