import Accounts
import Callouts
import EventLoops
import Foundation
import Gateway
import HTTPServer
import InProcessHotState
import InProcessSignalBus
import Ingress
package import Observability
import PartitionRunner
import PoisonStamp
package import Ports
import Projection
import Resources
import SQLiteEventLog
import Synchronization
import TaskRouting
import Topics

/// What can go wrong before a node serves, in words for whoever started it.
package struct NodeFailure: Error, CustomStringConvertible, Sendable {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// A node, put together: what it stands on, and the roles that it plays. Starts in the order in which things need each other and stops in the reverse.
package final class Node: Sendable {
  package let options: NodeOptions
  package let logger: Logger
  package let metrics = Metrics()
  private let lock: FolderLock
  private let home: Home
  private let clock: any Clock
  private let devClock: DevClock?
  private let trustedClock: TrustedClock?
  /// Milliseconds by which a dev clock of earlier has moved this folder's time ahead of the real one. It stays ahead: time never goes back.
  private let shift: Int64
  private let loops: LoopGroup
  private let projection: EventLoop
  /// Where machines are made of snapshots; nil where there are none.
  private let loading: LoopGroup?
  private let workers: Workers?
  private let projectors: Projectors?
  private let callouts: CalloutRole?
  private let gateway: EventGateway
  private let commander: Commander
  private let ingress: Ingress
  let readiness: Readiness
  private let hasBeenReady = Atomic(false)
  private let loopFigures: LoopFigures

  /// Topics, with the partitions of the embedded home.
  package static let topics: [TopicDeclaration] = TopicTable.all.map {
    TopicDeclaration($0.name, partitions: $0.embeddedPartitions, isDerived: TopicDeclaration.isDerived($0.name))
  }

  package init(options: NodeOptions, logger: Logger) throws {
    self.options = options
    let logger = logger.counted(in: metrics)
    self.logger = logger
    lock = try FolderLock(folder: options.dataFolder)
    let stamp = options.keepsPoisonEvidence && options.roles.contains(.worker) ? try PoisonStamp(folder: options.dataFolder) : nil
    for death in stamp?.found ?? [] {
      logger.error(
        StampGuard.words(for: death.input),
        ["input": "\(death.input)", "partition": "\(death.partition)", "position": "\(death.position)", "deaths": "\(death.deaths)"])
    }
    if options.roles.contains(.ingress) { try Credentials(folder: options.dataFolder).check(options) }
    if options.hasDevClock {
      let made = try DevClock(folder: options.dataFolder)
      devClock = made
      trustedClock = nil
      clock = made
      shift = 0
    } else {
      // A cluster's time is its log's.
      let kept = options.cluster == nil ? try DevClock.kept(options.dataFolder) : nil
      shift = kept.map { max(0, $0 - SystemClock().now()) } ?? 0
      let made = TrustedClock(ShiftedClock(shift: shift))
      devClock = nil
      trustedClock = made
      clock = made
    }
    let count = options.threads > 0 ? options.threads : max(1, ProcessInfo.processInfo.activeProcessorCount)
    loops = try LoopGroup(count: count, name: "loop")
    projection = try EventLoop.spawn(name: "projection")
    home =
      if let cluster = options.cluster { try .cluster(options, cluster, logger: logger, loop: projection, readers: loops) } else {
        try .embedded(options, clock: clock, lock: lock, loops: loops, logger: logger)
      }
    loading = options.roles.contains(.worker) ? try LoopGroup(count: home.lanes.count, name: "loading") : nil
    if let stamp { for lane in home.lanes { lane.loop.post { try? stamp.armThisThread() } } }

    let identifiers = SecureIdentifiers()
    let secrets = CryptoSecrets()
    let courtesy = NodeCourtesy()
    let watch = RunnerWatch(logger: logger, metrics: metrics)
    let clock = clock
    let figures = Figures(metrics: metrics, now: { clock.monotonic() })
    loopFigures = LoopFigures(metrics: metrics, http: loops.loops, lanes: home.lanes.map(\.loop), projection: projection)
    // Answers to an earlier life of this node find nobody.
    let answers = home.isShared ? "\(home.node).\(String(identifiers.seed() & 0xFFFF, radix: 16))" : home.node
    commander = Commander(
      log: home.log, bus: home.bus, clock: clock, node: answers, first: identifiers.seed() >> 16, most: options.mostWaiting,
      patience: options.answerMilliseconds)
    gateway = EventGateway(
      log: home.log, feed: home.isShared ? LiveFeed(log: home.log, bus: home.events, queue: projection) : nil, turn: Node.turn)
    readiness = Readiness(parts: options.roles.contains(.ingress) ? ["account"] : [])
    workers = loading.map { [home, readiness] in
      Workers(
        home: home, options: options, clock: clock, identifiers: identifiers, stamp: stamp, watch: watch, courtesy: courtesy,
        readiness: readiness, figures: figures, loading: $0)
    }
    let (live, bus, isShared) = (gateway, home.events, home.isShared)
    projectors =
      options.roles.contains(.projector)
      ? Projectors(
        home: home, loop: projection, watch: watch, readiness: readiness, figures: figures,
        live: { partition, events in
          if isShared { bus.publish(LiveEvent.channel(partition), LiveEvent.encode(events)) } else { live.publish(events) }
        },
        // Who listens on other nodes is not known here.
        isHeard: { isShared || live.isHeard($0) }) : nil
    callouts =
      options.roles.contains(.callout)
      ? try CalloutRole(home: home, options: options, commander: commander, signer: secrets, logger: logger, metrics: metrics) : nil
    var api = IngressOptions()
    api.publicURL = options.publicURL
    api.trustsProxy = options.trustsProxy
    api.mostBodyBytes = options.mostBodyBytes
    api.mostLineBytes = options.mostLineBytes
    api.rateLimit = options.rateLimit
    api.version = options.version
    // Streams ask before every write, and a shared hot state is a round trip away.
    if home.isShared { api.accountHolds = 500 }
    api.servesAPI = options.roles.contains(.ingress)
    api.servesEvents = options.roles.contains(.ingress) || options.roles.contains(.gateway)
    ingress = Ingress(
      options: api, log: home.log, hot: home.hot, accounts: home.accounts, clock: clock, identifiers: identifiers, secrets: secrets,
      commander: commander, courtesy: courtesy, rest: { [projection] in try? await projection.sleep(milliseconds: $0) },
      turn: Node.turn, meter: figures.requests)
    for part in ["home", "worker", "projector", "callout"] { readiness.set(part) }
    let waiting = commander
    metrics.gauge("trunkline_commands_waiting", help: "Commands that wait for their answer") { Double(waiting.waiting) }
    metrics.gauge("trunkline_commands_waiting_limit", help: "Commands that may wait; beyond, requests are answered 429") {
      Double(waiting.most)
    }
    metrics.gauge("trunkline_event_streams", help: "Readers of live events") { Double(live.count) }
    metrics.counter(
      "trunkline_poison_deaths_total", help: "Commands, timers and slices of long commands, found at the start, that had ended the process"
    ).add(
      Int64(stamp?.found.count ?? 0))
    if !home.isShared { FolderFigures.register(options.dataFolder, in: metrics) }
    describe(home.isShared ? "cluster" : "embedded")
  }

  // MARK: Running

  /// Serves until `stop` is rung, then drains. `started` is called with the port once requests are taken.
  package func run(stop: Stop, started: @escaping @Sendable (Int) -> Void = { _ in }) async throws {
    let server = HTTPServer(
      group: loops, host: options.host, port: options.port, options: serverOptions(),
      handler: IngressHandler(ingress: ingress, probes: probes(), streamer: gateway, logger: logger))
    metrics.gauge("trunkline_http_connections", help: "Connections that are open") { Double(server.openConnections) }
    metrics.gauge("trunkline_http_connections_limit", help: "Connections that may be open; beyond, they are refused") { [options] in
      Double(options.mostConnections)
    }
    metrics.counter("trunkline_http_connections_total", help: "Connections that were accepted") { Double(server.acceptedConnections) }
    let port = try await listen(server)
    if !home.isShared { playRoles() }
    started(port)
    announce(port)
    if let tls = options.tls { Certificates(tls, logger).announce() }
    logger.info(
      "serving",
      [options.tls == nil ? "http" : "https": "\(options.host):\(port)", "data": options.dataFolder, "roles": options.roles.description])
    if devClock != nil {
      logger.warning("THE DEV CLOCK IS ON: everybody with a key can move the product's time; never use it in production")
    }
    if shift > 0 {
      logger.warning(
        "a dev clock has moved this folder's time ahead of the real one, and there it stays; begin a new folder for the real time",
        ["ahead_seconds": "\(shift / 1000)"])
    }
    let beat = projection.every(milliseconds: 1000) { [self] in keepTime() }
    await withDiscardingTaskGroup { group in
      if let callouts { group.addTask { await callouts.run() } }
      group.addTask { await self.begin() }
      await stop.wait()
      await self.leave(server, stop)
      await self.drain(server)
    }
    beat.cancel()
    try? FileManager.default.removeItem(atPath: Node.addressFile(options.dataFolder))
    await end()
    logger.info("stopped")
  }

  /// Takes the port. Nobody has a role before that: where it cannot be had, there is nothing to hand back but threads and files. They are ended here, because at the
  /// end of the process OpenSSL takes its locks away from under loops that still run.
  private func listen(_ server: HTTPServer) async throws -> Int {
    do { return try server.start() } catch {
      await callouts?.finish(within: 0)
      callouts?.outbound.loop.stop()
      await end()
      guard let failure = error as? EventLoopError, failure.isAddressInUse else { throw error }
      let holder = PortHolder.find(port: options.port).map { " by \($0)" } ?? ""
      throw NodeFailure("\(options.host):\(options.port) is in use\(holder): stop it, or choose another --http")
    }
  }

  /// What everything else stands on.
  private func end() async {
    loops.stop()
    projection.stop()
    loading?.stop()
    await home.shutdown()
    keepClock()
  }

  private func keepClock() {
    devClock?.keep()
    if shift > 0 { DevClock.keep(clock.now(), folder: options.dataFolder) }
  }

  /// Waits for what the node stands on, then takes its part.
  private func begin() async {
    let readiness = readiness
    await home.connect { readiness.isStopping }
    guard !readiness.isStopping else { return }
    readiness.clear("home")
    if home.isShared { playRoles() }
    if options.roles.contains(.ingress) { await prepareAccount() }
    while !readiness.isStopping, !readiness.missing.isEmpty {
      checkReadiness()
      try? await projection.sleep(milliseconds: 5)
    }
    if !readiness.isStopping { hasBeenReady.store(true, ordering: .relaxed) }
  }

  private func playRoles() {
    workers?.owners.join(home.membership, Workers.group, topics: Workers.topics)
    projectors?.join(home.membership)
    callouts?.join(home.membership)
  }

  /// Takes a certificate that was renewed; a bad one is told and not taken.
  package func reloadCertificate() { if let tls = options.tls { Certificates(tls, logger).reload() } }

  /// Serves on until whoever asks `/ready` has sent clients elsewhere, or until `stop` is rung again. A node that never was ready has no clients.
  private func leave(_ server: HTTPServer, _ stop: Stop) async {
    readiness.set("stopping")
    guard hasBeenReady.load(ordering: .relaxed), options.leavingMilliseconds > 0 else { return }
    logger.info("leaving", ["delay_ms": "\(options.leavingMilliseconds)"])
    server.leave()
    let over = projection.schedule(afterMilliseconds: options.leavingMilliseconds) { stop.ring() }
    await stop.wait(rings: 2)
    over.cancel()
  }

  /// The reverse of the start: intake first, then those who hold work, then what they stand on.
  private func drain(_ server: HTTPServer) async {
    logger.info("stopping", ["grace_ms": "\(options.graceMilliseconds)"])
    gateway.stop()
    // Callouts end while answers to what they bring back are still decided.
    async let told: Void = callouts?.finish(within: options.graceMilliseconds) ?? ()
    await server.shutdown(graceMilliseconds: options.graceMilliseconds)
    await told
    await workers?.finish(within: 5000)
    await projectors?.finish()
    callouts?.outbound.loop.stop()
  }

  /// Where the commands that are given only the data folder find this server.
  package static func addressFile(_ folder: String) -> String { folder + "/address" }

  private func announce(_ port: Int) {
    let host = ["0.0.0.0", "::"].contains(options.host) ? "127.0.0.1" : options.host
    let address = "\(options.tls == nil ? "http" : "https")://\(host.contains(":") ? "[\(host)]" : host):\(port)\n"
    do { try address.write(toFile: Node.addressFile(options.dataFolder), atomically: true, encoding: .utf8) } catch {
      logger.warning("the server's address cannot be kept", ["reason": "\(error)"])
    }
  }

  private let beats = Beats()

  private func keepTime() {
    commander.sweep()
    let count = beats.next()
    loopFigures.measure()
    callouts?.check()
    if count % 3 == 0 { home.tick() }
    if count % 15 == 0 { gateway.tick() }
    if count % 5 == 0 { keepClock() }
    // Of a cluster the ends of journals are questions to brokers.
    checkReadiness(asksForEnds: !home.isShared || count % 5 == 0)
  }

  /// What goes on long without waiting for anything gives the others on its loop theirs.
  private static let turn: @Sendable () async -> Void = { await EventLoop.turn(afterMilliseconds: 2) }

  private func serverOptions() -> HTTPServerOptions {
    var server = HTTPServerOptions()
    server.headerBytes = options.headerBytes
    server.tls = options.tls
    server.headerFields = options.headerFields
    server.headerMilliseconds = options.headerMilliseconds
    server.bodyStallMilliseconds = options.bodyMilliseconds
    server.bodyBytesPerSecond = options.bodyBytesPerSecond
    server.idleMilliseconds = options.idleMilliseconds
    server.connections = options.mostConnections
    server.fields = IngressHandler.fields
    // By exact status: what is malformed, too large or too slow looks different to an operator.
    let refused = [400, 408, 413, 414, 417, 431, 500, 501, 503, 505].map { status in
      (
        status,
        metrics.counter(
          "trunkline_http_refused_total", help: "Requests and connections that the server refused before anybody handled them",
          labels: ["status": "\(status)"])
      )
    }
    server.errorBody = { refusal in
      refused.first { $0.0 == refusal.status }?.1.add(1)
      return APIError.body(
        status: refusal.status, code: refusal.status == 413 ? 20413 : refusal.status == 503 ? 20503 : 20001, message: refusal.message)
    }
    return server
  }

  // MARK: Ready

  private func probes() -> NodeProbes {
    let metrics = metrics
    // What the home lacks is asked at once: a balancer that comes just after the disk has failed must not hear of a second ago.
    var probes = NodeProbes(
      notReady: { [self] in
        checkHome()
        return readiness.missing
      }, metrics: { metrics.exposition() })
    if devClock != nil { probes.moveClock = { [self] advance, rate in await moveClock(advance, rate) } }
    return probes
  }

  private func checkReadiness(asksForEnds: Bool = false) {
    workers?.check(readiness)
    projectors?.check(readiness, asksForEnds: asksForEnds)
    readiness.set("worker", isReady: workers?.owners.isJoined ?? true)
    readiness.set("projector", isReady: projectors?.isJoined ?? true)
    readiness.set("callout", isReady: callouts?.isJoined ?? true)
    readiness.set(
      "clock", isReady: trustedClock?.isDoubted != true,
      reason:
        "the machine's clock stepped forwards by more than a minute; it is not believed: put it right, or restart the node to confirm it")
    checkHome()
  }

  private func checkHome() {
    let problems = home.problems()
    for part in ["disk", "log", "kafka", "topics", "redis", "identity"] {
      let reasons = problems.filter { $0.part == part }.map(\.reason)
      readiness.set(part, isReady: reasons.isEmpty, reason: reasons.joined(separator: "; "))
    }
  }

  /// The first account: given by the environment, kept from an earlier start, or made now.
  private func prepareAccount() async {
    let credentials = Credentials(folder: options.dataFolder)
    while !readiness.isStopping {
      checkReadiness()
      if await credentials.prepare(options, commander, home.accounts, logger) { break }
      try? await projection.sleep(milliseconds: 20)
    }
    readiness.clear("account")
  }

  // MARK: The clock of development

  /// Moves the clock and answers when every timer that is due by then has fired and what it did is readable. Another rate makes nothing due at once:
  /// it is answered at once, also while imports go on for hours.
  private func moveClock(_ advance: Double?, _ rate: Double?) async -> Int64 {
    guard let devClock else { return clock.now() }
    let now = devClock.move(advance: advance, rate: rate)
    let owners = (workers?.owners.items ?? []).map(\.item)
    for pair in owners {
      pair.work.post { $0.clockMoved() }
      pair.accounts.post { $0.clockMoved() }
    }
    guard advance != nil else { return now }
    for pair in owners { await settle(pair.work) }
    for pair in owners { await settle(pair.accounts) }
    return now
  }

  private func settle<M>(_ runner: PartitionRunner<M>) async {
    await withCheckedContinuation { continuation in
      runner.post { $0.whenQuiet { continuation.resume() } }
    }
  }
}
