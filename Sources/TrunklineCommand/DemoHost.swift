import APIClient
import DemoReplay
import EventLoops
import Foundation
import Glibc
import HTTPClient
import KafkaSettings
import Observability
import Ports
import Synchronization
import TaskRouting
import Trunkline

/// A node in this process on a temporary folder: real journal, real sockets, any free port of loopback. On a cluster, a node with all roles on topics of its own.
struct DemoHost {
  private let folder: String
  private let sid: String
  private let token: String
  private let corner: OwnCorner?
  /// The prefix was named: what is under it is for looking at.
  private let keepsTopics: Bool

  init(_ cluster: ClusterOptions?) throws {
    func hex() -> String { UUID().uuidString.filter { $0 != "-" }.lowercased() }
    keepsTopics = cluster?.prefix.isEmpty == false
    corner = cluster.map { cluster in
      var own = cluster
      if own.prefix.isEmpty { own.prefix = "demo-\(hex().prefix(8))." }
      return OwnCorner(own, partitions: NodeOptions.partitions)
    }
    folder = FileManager.default.temporaryDirectory.appending(path: "trunkline-demo-\(hex().prefix(8))").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    sid = "AC" + hex()
    token = hex()
  }

  /// Starts the node, does `work` against it and stops it, whatever comes. SIGINT and SIGTERM end it early: `DemoInterrupted`.
  func serve<Value: Sendable>(_ work: @escaping @Sendable (DemoServer) async throws -> Value) async throws -> Value {
    let result: Result<Value, any Error>
    do {
      if let corner {
        DemoScreen.write("Topics \(corner.cluster.prefix)* at \(corner.cluster.kafka.bootstrap)\(keepsTopics ? ", which stay" : "").\n")
        try await corner.make()
      }
      result = .success(try await run(work))
    } catch { result = .failure(error) }
    try? FileManager.default.removeItem(atPath: folder)
    if let corner, !keepsTopics { for line in await corner.remove() { DemoScreen.write("NOTE: \(line)\n") } }
    return try result.get()
  }

  private func run<Value: Sendable>(_ work: @escaping @Sendable (DemoServer) async throws -> Value) async throws -> Value {
    let node = try Node(options: nodeOptions, logger: Logger(level: .error, format: .text, now: { SystemClock().now() }))
    let stop = Stop()
    let port = Started()
    let interruption = Interruption()
    let (sid, token) = (sid, token)
    let hint = corner.map { "a node of its own on \($0.cluster.kafka.bootstrap) and \($0.cluster.redis)" } ?? "a temporary data folder"
    let signals = try EventLoop.spawn(name: "signals")
    let watched = try [SIGTERM, SIGINT].map { number in try signals.onSignal(number) { interruption.ring(number) } }
    defer {
      for watch in watched { watch.cancel() }
      signals.stop()
    }
    return try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask {
        defer { port.fail() }
        try await node.run(stop: stop, started: { port.set($0) })
        return nil
      }
      group.addTask {
        defer {
          stop.ring()
          interruption.over()
        }
        guard let number = await port.wait() else { return nil }
        return try await DemoPlace.asClient { http, time in
          let client = APIClient(base: "http://127.0.0.1:\(number)", sid: sid, token: token, http: http)
          try await DemoHost.awaitReady(client, time)
          DemoScreen.write("Serving on \(client.base) with \(hint); everything below goes through that address.\n")
          return try await work(DemoServer(client: client, time: time, isOurs: true))
        }
      }
      group.addTask {
        if let signal = await interruption.wait() { throw DemoInterrupted(signal: signal) }
        return nil
      }
      var found: Value?
      while let value = try await group.next() { found = value ?? found }
      guard let found else { throw NodeFailure("the server ended before the replay did") }
      return found
    }
  }

  private var nodeOptions: NodeOptions {
    var options = NodeOptions()
    options.version = TrunklineCommand.version
    options.dataFolder = folder
    options.port = 0
    options.hasDevClock = corner == nil
    options.cluster = corner?.cluster
    options.presetAccount = sid
    options.presetToken = token
    // The check at the end reads what became of every task, so none may be purged during the day.
    options.routing.purgeAfter = 30 * 86_400_000
    options.graceMilliseconds = 2000
    return options
  }

  private static func awaitReady(_ client: APIClient, _ time: RealTime) async throws {
    let start = time.now()
    while time.now() - start < 60_000 {
      try Task.checkCancellation()
      if let answer = try? await client.send(client.request("GET", "/ready")), answer.status == 200 { return }
      await time.sleep(20)
    }
    throw NodeFailure("the server did not get ready within 60 s")
  }
}
