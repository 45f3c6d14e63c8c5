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
import TaskRouting
import Topics

/// What can go wrong before a node serves, in words for whoever started it.
package struct NodeFailure: Error, CustomStringConvertible, Sendable {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// The embedded home, put together: one process, one data folder, no other server. Starts in the order in which things need each other and stops in the reverse.
package final class Node: Sendable {
  package let options: NodeOptions
  package let logger: Logger
  package let metrics = Metrics()
  private let lock: FolderLock
  private let log: SQLiteEventLog
  private let clock: any Clock
  private let devClock: DevClock?
  private let trustedClock: TrustedClock?
  private let loops: LoopGroup
  private let projection: EventLoop
  private let hot = InProcessHotState(indexer: TaskRoutingIndexes.entries)
  private let accountsHot = InProcessHotState(indexer: AccountIndexes.entries)
  private let bus = InProcessSignalBus()
  private let works: [PartitionRunner<TaskRoutingMachine>]
  private let accounts: [PartitionRunner<AccountsMachine>]
  private let projectors: [Projector]
  private let callouts: [CalloutWorker]
  private let gateway: EventGateway
  private let commander: Commander
  private let ingress: Ingress
  private let readiness: Readiness
  private let outbound: Outbound

  /// Topics of the embedded home.
  package static let topics: [TopicDeclaration] = TopicTable.all.map { TopicDeclaration($0.name, partitions: $0.embeddedPartitions) }

  package init(options: NodeOptions, logger: Logger) throws {
    self.options = options
    self.logger = logger
    lock = try FolderLock(folder: options.dataFolder)
    let stamp = options.keepsPoisonEvidence ? try PoisonStamp(folder: options.dataFolder) : nil
    for death in stamp?.found ?? [] {
      logger.error(
        "a command ended the process",
        ["input": "\(death.input)", "partition": "\(death.partition)", "position": "\(death.position)", "deaths": "\(death.deaths)"])
    }
    if options.hasDevClock {
      let made = DevClock(folder: options.dataFolder)
      devClock = made
      trustedClock = nil
      clock = made
    } else {
      let made = TrustedClock(SystemClock())
      devClock = nil
      trustedClock = made
      clock = made
    }
    log = try SQLiteEventLog(folder: options.dataFolder, topics: Node.topics, clock: clock, lock: lock)
    let count = options.threads > 0 ? options.threads : max(1, ProcessInfo.processInfo.activeProcessorCount)
    loops = try LoopGroup(count: count, name: "loop")
    projection = try EventLoop.spawn(name: "projection")
    if let stamp { for loop in loops.loops { loop.post { try? stamp.armThisThread() } } }

    let identifiers = SecureIdentifiers()
    let secrets = CryptoSecrets()
    let node = "embedded"
    let watch = RunnerWatch(logger: logger, metrics: metrics)
    let workPorts = RunnerPorts(
      log: log, hot: hot, bus: bus, clock: clock, identifiers: identifiers, poison: stamp.map { StampGuard(stamp: $0) } ?? NoPoison())
    var accountPorts = workPorts
    accountPorts.hot = accountsHot
    let familyPorts = accountPorts
    let group = loops
    works = (0..<NodeOptions.partitions).map { partition in
      let runner = RunnerOptions(family: "work", partition: partition, node: node, inputs: ["work.commands", "work.bulk"])
      return PartitionRunner(
        options: runner, ports: workPorts, settings: options.routing, queue: group.loops[partition % group.loops.count],
        notify: { watch.take($0, "work", partition) })
    }
    accounts = (0..<NodeOptions.partitions).map { partition in
      let runner = RunnerOptions(family: "account", partition: partition, node: node, inputs: ["account.commands"])
      return PartitionRunner(
        options: runner, ports: familyPorts, settings: AccountsMachine.Settings(), queue: group.loops[partition % group.loops.count],
        notify: { watch.take($0, "account", partition) })
    }
    commander = Commander(log: log, bus: bus, clock: clock, node: node, first: identifiers.seed() >> 16, most: options.mostWaiting)
    gateway = EventGateway(log: log)
    let live = gateway
    let projectionLoop = projection
    let eventLog = log
    projectors = (0..<NodeOptions.partitions).flatMap { partition in
      var work = Projector.Options(family: "work", partition: partition, hasEvents: true)
      work.inputs = ["work.commands", "work.bulk"]
      var account = Projector.Options(family: "account", partition: partition, hasEvents: false)
      account.inputs = ["account.commands"]
      return [
        Projector(
          options: work, log: eventLog, queue: projectionLoop,
          consumers: [EventCallouts(partition: partition)], live: { live.publish($0) }, notify: { watch.take($0, "work", partition) }),
        Projector(
          options: account, log: eventLog, queue: projectionLoop,
          notify: { watch.take($0, "account", partition) }),
      ]
    }
    outbound = try Outbound(options: options)
    let caller = outbound
    let hotState = hot
    let accountState = accountsHot
    let sender = commander
    let calloutOutcomes = CalloutOutcomes(metrics: metrics)
    callouts = (0..<NodeOptions.partitions).map { partition in
      CalloutWorker(
        partition: partition, log: eventLog, hot: hotState, accounts: accountState, caller: caller, signer: secrets, commander: sender,
        queue: caller.loop, logger: logger, finished: { calloutOutcomes.count($0, $1) })
    }
    var api = IngressOptions()
    api.publicURL = options.publicURL
    api.trustsProxy = options.trustsProxy
    api.mostBodyBytes = options.mostBodyBytes
    api.mostLineBytes = options.mostLineBytes
    api.rateLimit = options.rateLimit
    api.version = options.version
    ingress = Ingress(
      options: api, log: log, hot: hot, accounts: accountsHot, clock: clock, identifiers: identifiers, secrets: secrets,
      commander: commander)
    readiness = Readiness(
      parts: Set((0..<NodeOptions.partitions).flatMap { ["work/\($0)", "account/\($0)"] } + ["account"]))
    let waiting = commander
    metrics.gauge("trunkline_commands_waiting", help: "Commands that wait for their answer") { Double(waiting.waiting) }
    metrics.gauge("trunkline_event_streams", help: "Readers of live events") { Double(live.count) }
  }

  // MARK: Running

  /// Serves until `stop` is rung, then drains. `started` is called with the port once requests are taken.
  package func run(stop: Stop, started: @escaping @Sendable (Int) -> Void = { _ in }) async throws {
    for runner in accounts { runner.start() }
    for runner in works { runner.start() }
    for projector in projectors { projector.start() }
    let server = HTTPServer(
      group: loops, host: options.host, port: options.port, options: serverOptions(),
      handler: IngressHandler(
        ingress: ingress, probes: probes(), streamer: gateway, logger: logger, requests: RequestCounter(metrics: metrics).count))
    let port: Int
    do { port = try server.start() } catch let failure as EventLoopError where failure.isAddressInUse {
      let holder = PortHolder.find(port: options.port).map { " by \($0)" } ?? ""
      throw NodeFailure("\(options.host):\(options.port) is in use\(holder): stop it, or choose another --http")
    }
    started(port)
    announce(port)
    logger.info("serving", ["http": "\(options.host):\(port)", "data": options.dataFolder])
    if devClock != nil {
      logger.warning("THE DEV CLOCK IS ON: everybody with a key can move the product's time; never use it in production")
    }
    let beat = projection.every(milliseconds: 1000) { [self] in keepTime() }
    await withDiscardingTaskGroup { group in
      for worker in callouts { group.addTask { await worker.run() } }
      group.addTask { await self.prepareAccount() }
      await stop.wait()
      await self.drain(server)
    }
    beat.cancel()
    try? FileManager.default.removeItem(atPath: Node.addressFile(options.dataFolder))
    loops.stop()
    projection.stop()
    log.shutdown()
    devClock?.keep()
    logger.info("stopped")
  }

  /// The reverse of the start: intake first, then those who hold work, then what they stand on.
  private func drain(_ server: HTTPServer) async {
    logger.info("stopping", ["grace_ms": "\(options.graceMilliseconds)"])
    readiness.set("stopping")
    gateway.stop()
    // Callouts end while answers to what they bring back are still decided.
    async let told: Void = outbound.finish(callouts, within: options.graceMilliseconds)
    await server.shutdown(graceMilliseconds: options.graceMilliseconds)
    await told
    for runner in works { await withCheckedContinuation { continuation in runner.finish(within: 5000) { continuation.resume() } } }
    for runner in accounts { await withCheckedContinuation { continuation in runner.finish(within: 5000) { continuation.resume() } } }
    for projector in projectors { await withCheckedContinuation { continuation in projector.stop { continuation.resume() } } }
    outbound.loop.stop()
  }

  /// Where the commands that are given only the data folder find this server.
  package static func addressFile(_ folder: String) -> String { folder + "/address" }

  private func announce(_ port: Int) {
    let host = ["0.0.0.0", "::"].contains(options.host) ? "127.0.0.1" : options.host
    let address = "http://\(host.contains(":") ? "[\(host)]" : host):\(port)\n"
    do { try address.write(toFile: Node.addressFile(options.dataFolder), atomically: true, encoding: .utf8) } catch {
      logger.warning("the server's address cannot be kept", ["reason": "\(error)"])
    }
  }

  private let beats = Beats()

  private func keepTime() {
    commander.sweep()
    let count = beats.next()
    if count % 15 == 0 { gateway.tick() }
    if count % 5 == 0 { devClock?.keep() }
    checkReadiness()
  }

  private func serverOptions() -> HTTPServerOptions {
    var server = HTTPServerOptions()
    server.headerBytes = options.headerBytes
    server.headerMilliseconds = options.headerMilliseconds
    server.idleMilliseconds = options.idleMilliseconds
    server.connections = options.mostConnections
    server.errorBody = {
      APIError.body(status: $0.status, code: $0.status == 413 ? 20413 : $0.status == 503 ? 20503 : 20001, message: $0.message)
    }
    return server
  }

  // MARK: Ready

  private func probes() -> NodeProbes {
    let metrics = metrics
    let readiness = readiness
    var probes = NodeProbes(notReady: { readiness.missing }, metrics: { metrics.exposition() })
    if devClock != nil { probes.moveClock = { [self] advance, rate in await moveClock(advance, rate) } }
    return probes
  }

  private func checkReadiness() {
    for runner in works { check(runner, "work") }
    for runner in accounts { check(runner, "account") }
    if trustedClock?.isDoubted == true { readiness.set("clock") } else { readiness.clear("clock") }
  }

  private func check<M>(_ runner: PartitionRunner<M>, _ family: String) {
    let readiness = readiness
    runner.post { readiness.set("\(family)/\(runner.options.partition)", isReady: $0.isReady) }
  }

  /// The first account: given by the environment, kept from an earlier start, or made now (issue point 3).
  private func prepareAccount() async {
    let credentials = Credentials(folder: options.dataFolder)
    while !readiness.isStopping {
      checkReadiness()
      if await credentials.prepare(options, commander, accountsHot, logger) { break }
      try? await projection.sleep(milliseconds: 20)
    }
    readiness.clear("account")
    while !readiness.isStopping, !readiness.missing.isEmpty {
      checkReadiness()
      try? await projection.sleep(milliseconds: 5)
    }
  }

  // MARK: The clock of development

  /// Moves the clock and answers when every timer that is due by then has fired and what it did is readable.
  private func moveClock(_ advance: Double?, _ rate: Double?) async -> Int64 {
    guard let devClock else { return clock.now() }
    let now = devClock.move(advance: advance, rate: rate)
    for runner in works { await settle(runner) }
    for runner in accounts { await settle(runner) }
    return now
  }

  private func settle<M>(_ runner: PartitionRunner<M>) async {
    await withCheckedContinuation { continuation in
      runner.post { isolated in
        isolated.clockMoved()
        isolated.whenQuiet { continuation.resume() }
      }
    }
  }
}
