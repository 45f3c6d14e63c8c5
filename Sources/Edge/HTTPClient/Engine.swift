internal import CCurl
internal import EventLoops
internal import Ports
import Synchronization

/// libcurl's multi on one loop: the sockets it names are watched, the time it asks for is kept, what is done is handed back.
///
/// It holds itself by its alarm from `open` to `close`; so libcurl's unretained pointer to it is good for as long as the multi lives.
// `@unchecked Sendable`: everything that changes is touched on the loop's thread only, but for the atomic.
final class Engine: @unchecked Sendable {
  let loop: EventLoop
  let options: HTTPClientOptions
  /// Set when nothing is served any more.
  let isOver = Atomic(false)
  private var multi: UnsafeMutableRawPointer?
  private var alarm: LoopAlarm?
  private var polls: [Int32: PollHandle] = [:]
  private var running: [ObjectIdentifier: Transfer] = [:]
  private var hosts: [String: HostQueue] = [:]
  private var spare: [EasyHandle] = []

  private static let spareHandles = 64
  private static let isReady = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

  init(loop: EventLoop, options: HTTPClientOptions) {
    self.loop = loop
    self.options = options
  }

  // MARK: Life

  /// On the loop, once.
  func open() throws(HTTPClientError) {
    guard Self.isReady, let multi = curl_multi_init() else { throw .unavailable(reason: "libcurl did not start") }
    do throws(EventLoopError) {
      alarm = try LoopAlarm(loop: loop, { self.act(on: CURL_SOCKET_TIMEOUT, 0) }, closed: { self.close() })
    } catch {
      curl_multi_cleanup(multi)
      throw .unavailable(reason: "\(error)")
    }
    self.multi = multi
    ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, max(1, options.idleConnections))
    ccurl_multi_set_callbacks(
      multi,
      { _, socket, what, context, _ in
        Engine.of(context)?.watch(socket, what)
        return 0
      },
      { _, milliseconds, context in
        Engine.of(context)?.setAlarm(milliseconds)
        return 0
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  /// Cancels everything and lets go of all connections; on the loop. Calling it again does nothing.
  func close() {
    isOver.store(true, ordering: .releasing)
    guard let multi = multi.take() else { return }
    for transfer in running.values {
      if case .running(let easy) = transfer.state { curl_multi_remove_handle(multi, easy.pointer) }
      transfer.complete(.cancelled, at: now)
    }
    for queue in hosts.values { for transfer in queue.pending { giveUp(transfer, .cancelled) } }
    running = [:]
    hosts = [:]
    spare = []
    curl_multi_cleanup(multi)
    for poll in polls.values { poll.close() }
    polls = [:]
    alarm.take()?.close()
  }

  private var now: Int64 { loop.monotonicMilliseconds }

  private static func of(_ context: UnsafeMutableRawPointer?) -> Engine? {
    context.map { Unmanaged<Engine>.fromOpaque($0).takeUnretainedValue() }
  }

  // MARK: Requests

  /// From any thread.
  func start(_ transfer: Transfer, _ sink: Transfer.Sink) {
    // A loop that has ended runs nothing; the transfer itself may be touched on the loop only.
    if isOver.load(ordering: .acquiring) { return sink.fail(.cancelled) }
    loop.run { [self] in
      transfer.sink = sink
      guard case .fresh = transfer.state, multi != nil else { return transfer.complete(.cancelled, at: now) }
      if hosts[transfer.url.origin, default: HostQueue()].active < max(1, options.concurrencyPerHost) { return begin(transfer) }
      enqueue(transfer)
    }
  }

  /// From any thread. Never at once: the caller may be inside one of libcurl's callbacks.
  func cancel(_ transfer: Transfer) {
    loop.post { [self] in
      switch transfer.state {
      case .fresh: transfer.state = .over
      case .queued: giveUp(transfer, .cancelled)
      case .running: finish(transfer, .cancelled)
      case .over: break
      }
    }
  }

  /// Goes on reading a stream whose reader has caught up; from any thread.
  func resume(_ transfer: Transfer) {
    loop.post { [self] in
      guard case .running(let easy) = transfer.state else { return }
      let code = curl_easy_pause(easy.pointer, CURLPAUSE_CONT)
      if code != CURLE_OK { finish(transfer, transfer.failure(code, easy)) }
      act(on: CURL_SOCKET_TIMEOUT, 0)
    }
  }

  private func enqueue(_ transfer: Transfer) {
    let left = transfer.remainingMilliseconds(at: now)
    let timer = left.map { left in
      loop.schedule(afterMilliseconds: Int64(left)) { [self] in
        giveUp(transfer, transfer.timeout(.waiting, transfer.request.totalTimeoutMilliseconds))
      }
    }
    transfer.state = .queued(timer: timer)
    hosts[transfer.url.origin, default: HostQueue()].append(transfer)
  }

  private func giveUp(_ transfer: Transfer, _ failure: HTTPClientError) {
    guard case .queued(let timer) = transfer.state else { return }
    timer?.cancel()
    transfer.complete(failure, at: now)
  }

  private func begin(_ transfer: Transfer) {
    if case .queued(let timer) = transfer.state { timer?.cancel() }
    let left = transfer.remainingMilliseconds(at: now)
    if let left, left <= 0 { return transfer.complete(transfer.timeout(.waiting, transfer.request.totalTimeoutMilliseconds), at: now) }
    guard let multi, let easy = spare.popLast() ?? EasyHandle() else {
      return transfer.complete(.unavailable(reason: "no memory for a request"), at: now)
    }
    easy.prepare(transfer.request, transfer.url, options, totalMilliseconds: left)
    transfer.install(on: easy)
    transfer.state = .running(easy)
    running[ObjectIdentifier(transfer)] = transfer
    hosts[transfer.url.origin, default: HostQueue()].active += 1
    let code = curl_multi_add_handle(multi, easy.pointer)
    if code != CURLM_OK { finish(transfer, .unavailable(reason: String(cString: curl_multi_strerror(code)))) }
  }

  /// Takes a running transfer out of the multi, answers it and lets the next one of its origin begin.
  private func finish(_ transfer: Transfer, _ failure: HTTPClientError?) {
    guard case .running(let easy) = transfer.state, let multi else { return }
    curl_multi_remove_handle(multi, easy.pointer)
    transfer.complete(failure, at: now)
    easy.reset()
    if spare.count < Self.spareHandles { spare.append(easy) }
    running[ObjectIdentifier(transfer)] = nil
    let origin = transfer.url.origin
    hosts[origin]?.active -= 1
    while let queue = hosts[origin], queue.active < max(1, options.concurrencyPerHost), let next = hosts[origin]?.next() { begin(next) }
    if hosts[origin]?.isUnused == true { hosts[origin] = nil }
  }

  // MARK: The multi

  private func act(on socket: Int32, _ events: Int32) {
    guard let multi else { return }
    var count: Int32 = 0
    curl_multi_socket_action(multi, socket, events, &count)
    while let message = curl_multi_info_read(multi, &count) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
      let code = ccurl_message_result(message)
      var context: UnsafeMutableRawPointer?
      ccurl_get_private(easy, &context)
      guard let context else { continue }
      let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
      if case .running(let handle) = transfer.state { finish(transfer, transfer.failure(code, handle)) }
    }
  }

  private func setAlarm(_ milliseconds: Int) {
    if milliseconds < 0 { alarm?.clear() } else { alarm?.set(afterMilliseconds: Int64(milliseconds)) }
  }

  private func watch(_ socket: Int32, _ what: Int32) {
    guard what != CURL_POLL_REMOVE, multi != nil else {
      polls.removeValue(forKey: socket)?.close()
      return
    }
    var events: PollEvents = []
    if what == CURL_POLL_IN || what == CURL_POLL_INOUT { events.insert(.readable) }
    if what == CURL_POLL_OUT || what == CURL_POLL_INOUT { events.insert(.writable) }
    do throws(EventLoopError) {
      if polls[socket] == nil {
        polls[socket] = try PollHandle(loop: loop, descriptor: socket) { events in self.ready(socket, events) }
      }
      try polls[socket]?.watch(events)
    } catch {
      // Unwatched the transfer ends by its time-out; libcurl 7.88 takes no error from here.
      polls.removeValue(forKey: socket)?.close()
    }
  }

  private func ready(_ socket: Int32, _ events: PollEvents?) {
    guard let events else { return act(on: socket, CURL_CSELECT_ERR) }
    act(on: socket, (events.contains(.readable) ? CURL_CSELECT_IN : 0) | (events.contains(.writable) ? CURL_CSELECT_OUT : 0))
  }
}
