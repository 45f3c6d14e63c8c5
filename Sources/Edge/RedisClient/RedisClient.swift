package import EventLoops
internal import Ports
internal import Resources
internal import Synchronization
internal import TLS

/// A connection to the master that an address names, made again whenever it is lost. Callable from any thread; what is sent while there is none fails at once.
///
/// `@unchecked Sendable`: every variable but `shared`, which has its lock, is touched on the loop's thread only.
package final class RedisClient: @unchecked Sendable {
  private struct Shared {
    var server: RedisServer?
    var failure = RedisError.notConnected("no attempt was made yet")
    var attempts = 0
  }

  package let loop: EventLoop
  let settings: RedisSettings
  private let shared = Mutex(Shared())
  private var random: SeededGenerator
  private var tls: TLSContext?
  var observe: (RedisEvent) -> Void = { _ in }
  var message: ((_ channel: String, _ payload: [UInt8]) -> Void)?
  private var connection: RedisConnection?
  private var isReady = false
  private var isClosed = false
  /// Failed attempts since the last good one.
  private var failures = 0
  private var turn = 0
  private var timer: (any Cancellable)?
  private var waiters: [(number: Int, timer: any Cancellable, resume: (Result<RedisServer, RedisError>) -> Void)] = []
  private var lastWaiter = 0

  /// - Parameter seed: of the jitter in the pauses between attempts.
  package init(loop: EventLoop, settings: RedisSettings, seed: UInt64) {
    self.loop = loop
    self.settings = settings
    random = SeededGenerator(seed: seed)
  }

  /// Begins to connect. `observe` is called on the loop. `message`: for a client with subscriptions, what comes in on its channels.
  package func start(
    observe: @escaping @Sendable (RedisEvent) -> Void, message: (@Sendable (_ channel: String, _ payload: [UInt8]) -> Void)? = nil
  ) {
    loop.run { [self] in
      self.observe = observe
      self.message = message
      connect()
    }
  }

  /// Ends the connection and everything that waits; there is no other after it.
  package func close() {
    loop.run { [self] in
      isClosed = true
      timer?.cancel()
      connection?.end(.closed)
      settle(.failure(.closed))
    }
  }

  /// Who is connected; nil while nobody is.
  package var server: RedisServer? { shared.withLock { $0.server } }

  /// Why there is no connection, or was none before this one.
  package var failure: RedisError { shared.withLock { $0.failure } }

  /// Sends commands behind everything that the same thread sent before. `deliver` is called on the loop.
  package func send(_ pipeline: RedisPipeline, deliver: @escaping RedisDelivery) {
    loop.run { [self] in
      guard isReady, let connection else { return deliver(.failure(.notConnected("\(failure)"))) }
      connection.send(pipeline, deliver)
    }
  }

  /// Gives the connection up for a new one.
  package func reconnect(because error: RedisError) {
    loop.run { [self] in connection?.end(error) }
  }

  /// Waits for a connection. Errors: why there is none after `milliseconds`.
  package func connected(withinMilliseconds milliseconds: Int64) async throws(RedisError) -> RedisServer {
    let result = await withCheckedContinuation { continuation in
      loop.run { [self] in
        if let server = server { return continuation.resume(returning: Result<RedisServer, RedisError>.success(server)) }
        if isClosed { return continuation.resume(returning: .failure(.closed)) }
        lastWaiter += 1
        let number = lastWaiter
        let timer = loop.schedule(afterMilliseconds: milliseconds) { [self] in
          guard let place = waiters.firstIndex(where: { $0.number == number }) else { return }
          waiters.remove(at: place).resume(.failure(failure))
        }
        waiters.append((number, timer, { continuation.resume(returning: $0) }))
      }
    }
    return try result.get()
  }

  private func settle(_ result: Result<RedisServer, RedisError>) {
    let ready = waiters
    waiters = []
    for waiter in ready {
      waiter.timer.cancel()
      waiter.resume(result)
    }
  }

  // MARK: Connecting

  private func connect() {
    if isClosed { return }
    do {
      if settings.address.usesTLS, tls == nil {
        tls = try TLSContext(clientTrusting: settings.address.certificateAuthority.map(TLSTrust.file) ?? .system)
      }
    } catch {
      return lost(.tls("\(error)"))
    }
    switch settings.address.place {
    case .server(let endpoint): dial(endpoint, opened: greet, message: message)
    case .sentinels(let endpoints, let master):
      dial(endpoints[turn % endpoints.count], opened: { [weak self] in self?.askSentinel($0, master) }, message: nil)
    }
  }

  private func dial(
    _ endpoint: RedisEndpoint, opened: @escaping (RedisConnection) -> Void, message: ((_ channel: String, _ payload: [UInt8]) -> Void)?
  ) {
    // The connection is held by the client alone, so its closures hold neither.
    weak var opening: RedisConnection?
    let connection = RedisConnection(
      loop: loop, endpoint: endpoint, tls: tls, limits: settings.limits,
      opened: { if let opening { opened(opening) } },
      ended: { [weak self] error in
        if let self, opening === self.connection { lost(error) }
      }, message: message)
    opening = connection
    self.connection = connection
    connection.open()
  }

  private func askSentinel(_ connection: RedisConnection, _ master: String) {
    connection.send(Greeting.sentinel(settings, master)) { [weak self] result in
      guard let self, connection === self.connection else { return }
      do throws(RedisError) {
        let endpoint = try Greeting.master(master, connection.endpoint, result)
        self.connection = nil
        connection.end(.closed)
        dial(endpoint, opened: greet, message: message)
      } catch {
        connection.end(error)
      }
    }
  }

  private func greet(_ connection: RedisConnection) {
    connection.send(Greeting.server(settings)) { [weak self] result in
      guard let self, connection === self.connection else { return }
      do throws(RedisError) {
        ready(try Greeting.server(settings, connection.endpoint, result))
      } catch {
        connection.end(error)
      }
    }
  }

  private func ready(_ server: RedisServer) {
    isReady = true
    failures = 0
    shared.withLock { $0.server = server }
    observe(.connected(server))
    settle(.success(server))
    probeLater()
  }

  private func lost(_ error: RedisError) {
    connection = nil
    isReady = false
    timer?.cancel()
    shared.withLock {
      $0.server = nil
      $0.failure = error
    }
    observe(.disconnected(error))
    // Closed by nobody but its user or the end of the loop.
    if isClosed || error == .closed { return }
    var pause = settings.firstPause << min(Int64(failures), 16)
    pause = max(1, min(pause, settings.longestPause))
    failures += 1
    turn += 1
    // All Sentinels in turn before a pause of any length.
    if case .sentinels(let endpoints, _) = settings.address.place, turn % endpoints.count != 0 { pause = 1 }
    timer = loop.schedule(afterMilliseconds: pause - Int64.random(in: 0...pause / 2, using: &random)) { [weak self] in self?.connect() }
  }

  // MARK: Who is there

  private func probeLater() {
    timer = loop.schedule(afterMilliseconds: settings.probeInterval) { [weak self] in self?.probe() }
  }

  private func probe() {
    guard isReady, let connection else { return }
    let isSubscribing = settings.purpose == .subscriptions
    connection.send(isSubscribing ? Greeting.ping : Greeting.probe) { [weak self] result in
      guard let self, isReady, connection === self.connection, case .success(let replies) = result else { return }
      if !isSubscribing {
        do throws(RedisError) { try probed(Greeting.probed(connection.endpoint, replies)) } catch { return connection.end(error) }
      }
      probeLater()
    }
  }

  private func probed(_ server: RedisServer) throws(RedisError) {
    guard let known = self.server else { return }
    guard settings.acceptsAnyRole || server.role == "master" else { throw .notMaster("\(server.endpoint) has the role \(server.role) now") }
    // Also where it is the same: its settings may have been changed.
    shared.withLock { $0.server = server }
    observe(server.differs(from: known) ? .changed(server) : .probed)
  }
}
