package import EventLoops
package import Ports
package import RedisClient
import Synchronization

/// The signal bus of the cluster home: Redis' publish and subscribe, on one connection each. Listeners are called on the loop.
///
/// Messages of one publisher come in its order. What is published without a connection waits for the next one, up to a bound, beyond which it is dropped and counted;
/// what others publish while the subscribing connection is made again is missed.
package final class RedisSignalBus: SignalBus {
  private struct Listener: Sendable {
    var id: UInt64
    var receive: @Sendable ([UInt8]) -> Void
  }

  private struct State {
    var next: UInt64 = 0
    var channels: [String: [Listener]] = [:]
  }

  private let state = Mutex(State())
  private let lost = Atomic(0)
  private let publisher: RedisClient
  private let subscriber: RedisClient
  private let prefix: String
  // What was asked for on the present connection; touched on the loop's thread only.
  nonisolated(unsafe) private var subscribed: Set<String> = []
  // Published without a connection; touched on the loop's thread only.
  nonisolated(unsafe) private var kept: [(pipeline: RedisPipeline, bytes: Int)] = []
  nonisolated(unsafe) private var keptBytes = 0
  private static let mostKept = 4 << 20

  /// Begins to connect at once.
  /// - Parameters:
  ///   - prefix: of every channel, so that several installations share a server.
  ///   - seed: of jitter.
  package init(settings: RedisSettings, loop: EventLoop, prefix: String, seed: UInt64) {
    var settings = settings
    settings.purpose = .commands
    publisher = RedisClient(loop: loop, settings: settings, seed: seed)
    settings.purpose = .subscriptions
    subscriber = RedisClient(loop: loop, settings: settings, seed: ~seed)
    self.prefix = prefix
    subscriber.start(
      observe: { [weak self] event in if case .connected = event { self?.subscribeAgain() } },
      message: { [weak self] channel, message in self?.received(channel, message) })
    publisher.start(observe: { [weak self] event in self?.follow(event) })
  }

  deinit {
    publisher.close()
    subscriber.close()
  }

  /// Ends both connections.
  package func close() {
    publisher.close()
    subscriber.close()
  }

  /// Messages that were published without a connection, or not taken by the server.
  package var dropped: Int { lost.load(ordering: .relaxed) }

  /// Why messages do not pass now, in words for `/ready`; nil while they do.
  package var problem: String? {
    for client in [publisher, subscriber] where client.server == nil { return client.failure.description }
    return nil
  }

  /// Waits until both connections stand and everything subscribed to so far is listened to. Errors: why not after `milliseconds`.
  package func settled(withinMilliseconds milliseconds: Int64) async throws(RedisError) {
    _ = try await publisher.connected(withinMilliseconds: milliseconds)
    _ = try await subscriber.connected(withinMilliseconds: milliseconds)
    // Answered behind all subscriptions.
    var ping = RedisPipeline()
    ping.add(text: "PING")
    let result = await withCheckedContinuation { continuation in
      subscriber.send(ping) { continuation.resume(returning: $0) }
    }
    _ = try result.get()
  }

  package func publish(_ channel: String, _ message: [UInt8]) {
    var pipeline = RedisPipeline()
    pipeline.add(Array("PUBLISH".utf8), Array((prefix + channel).utf8), message)
    send(pipeline, message.count)
  }

  private func send(_ pipeline: RedisPipeline, _ bytes: Int) {
    publisher.send(pipeline) { [weak self] result in
      switch result {
      case .success(let replies) where replies[0].failure == nil: return
      case .failure(.notConnected): self?.keep(pipeline, bytes)
      default: self?.lost.wrappingAdd(1, ordering: .relaxed)
      }
    }
  }

  /// Somebody may be waiting for it longer than it takes to connect.
  private func keep(_ pipeline: RedisPipeline, _ bytes: Int) {
    kept.append((pipeline, bytes))
    keptBytes += bytes
    while keptBytes > RedisSignalBus.mostKept {
      keptBytes -= kept.removeFirst().bytes
      lost.wrappingAdd(1, ordering: .relaxed)
    }
  }

  private func sendKept() {
    let waiting = kept
    kept = []
    keptBytes = 0
    for message in waiting { send(message.pipeline, message.bytes) }
  }

  /// Returns once the server has taken everything published so far, or cannot be asked.
  package func flush(withinMilliseconds milliseconds: Int64) async {
    guard (try? await publisher.connected(withinMilliseconds: milliseconds)) != nil else { return }
    var ping = RedisPipeline()
    ping.add(text: "PING")
    await withCheckedContinuation { continuation in publisher.send(ping) { _ in continuation.resume() } }
  }

  package func subscribe(_ channel: String, _ receive: @escaping @Sendable ([UInt8]) -> Void) -> any Cancellable {
    let id = state.withLock { state in
      state.next += 1
      state.channels[channel, default: []].append(Listener(id: state.next, receive: receive))
      return state.next
    }
    settle(channel)
    return Subscription { [weak self] in self?.remove(id, from: channel) }
  }

  private func remove(_ id: UInt64, from channel: String) {
    state.withLock { state in
      guard var listeners = state.channels[channel] else { return }
      listeners.removeAll { $0.id == id }
      state.channels[channel] = listeners.isEmpty ? nil : listeners
    }
    settle(channel)
  }

  /// Asks for what is wanted by now and was not asked for yet, or the reverse; on the loop, so that what is asked for last is what is wanted last.
  private func settle(_ channel: String) {
    subscriber.loop.run { [self] in
      // Without a connection the next one asks for everything.
      guard subscriber.server != nil else { return }
      let isWanted = state.withLock { $0.channels[channel] != nil }
      guard isWanted != subscribed.contains(channel) else { return }
      if isWanted { subscribed.insert(channel) } else { subscribed.remove(channel) }
      send([channel], isWanted ? "SUBSCRIBE" : "UNSUBSCRIBE")
    }
  }

  private func subscribeAgain() {
    subscribed = Set(state.withLock { $0.channels.keys })
    send(subscribed.sorted(), "SUBSCRIBE")
  }

  private func send(_ channels: [String], _ command: String) {
    var pipeline = RedisPipeline()
    for channel in channels { pipeline.add(Array(command.utf8), Array((prefix + channel).utf8)) }
    subscriber.send(pipeline) { [weak self] result in
      guard case .success(let replies) = result, let failure = replies.lazy.compactMap(\.failure).first else { return }
      // A channel that is not listened to would be missed by nobody: rather no connection, and a reason.
      self?.subscriber.reconnect(because: failure)
    }
  }

  private func received(_ channel: String, _ message: [UInt8]) {
    guard channel.hasPrefix(prefix) else { return }
    let name = String(channel.dropFirst(prefix.count))
    for listener in state.withLock({ $0.channels[name] ?? [] }) { listener.receive(message) }
  }

  /// A subscription cannot be asked who it talks to, so it goes where the publisher goes: messages do not pass from one server to another.
  private func follow(_ event: RedisEvent) {
    switch event {
    case .connected(let server), .changed(let server):
      if case .connected = event { sendKept() }
      guard let other = subscriber.server, other.runID != server.runID else { return }
      subscriber.reconnect(because: .notMaster("\(other.endpoint) is not the server that is published to, which is \(server.endpoint)"))
    case .disconnected, .probed: break
    }
  }
}

private struct Subscription: Cancellable {
  let end: @Sendable () -> Void

  func cancel() { end() }
}
