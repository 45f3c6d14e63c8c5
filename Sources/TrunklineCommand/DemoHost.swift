import APIClient
import DemoReplay
import EventLoops
import Foundation
import Glibc
import HTTPClient
import Observability
import Ports
import Synchronization
import TaskRouting
import Trunkline

/// A running server, as a client sees it.
struct DemoServer: Sendable {
  let client: APIClient
  let time: RealTime
}

/// A node in this process on a temporary folder: real journal, real sockets, any free port of loopback.
struct DemoHost {
  private let folder: String
  private let sid: String
  private let token: String

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "trunkline-demo-\(UUID().uuidString.prefix(8))").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    func hex() -> String { UUID().uuidString.filter { $0 != "-" }.lowercased() }
    sid = "AC" + hex()
    token = hex()
  }

  func remove() { try? FileManager.default.removeItem(atPath: folder) }

  /// Starts the node, does `work` against it and stops it, whatever comes. SIGINT and SIGTERM end it early.
  func serve<Value: Sendable>(_ work: @escaping @Sendable (DemoServer) async throws -> Value) async throws -> Value {
    let node = try Node(options: nodeOptions, logger: Logger(level: .error, format: .text, now: { SystemClock().now() }))
    let stop = Stop()
    let port = Started()
    let loop = try EventLoop.spawn(name: "demo")
    let http = try HTTPClient(
      loop: loop, options: HTTPClientOptions(userAgent: "trunkline-demo/\(TrunklineCommand.version)", allowPrivateTargets: true))
    let (sid, token) = (sid, token)
    defer { loop.stop() }
    return try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask {
        defer { port.fail() }
        try await node.run(stop: stop, started: { port.set($0) })
        return nil
      }
      group.addTask {
        defer { stop.ring() }
        guard let number = await port.wait() else { return nil }
        let time = RealTime(now: { SystemClock().monotonic() }, sleep: { try? await loop.sleep(milliseconds: $0) })
        let client = APIClient(base: "http://127.0.0.1:\(number)", sid: sid, token: token, http: http)
        try await DemoHost.awaitReady(client, time)
        let value = try await work(DemoServer(client: client, time: time))
        await http.shutdown()
        return value
      }
      let signals = try EventLoop.spawn(name: "signals")
      let folder = folder
      let watched = [SIGTERM, SIGINT].map { number in
        signals.onSignal(number) {
          try? FileManager.default.removeItem(atPath: folder)
          exit(128 + number)
        }
      }
      defer {
        for watch in watched { watch.cancel() }
        signals.stop()
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
    options.hasDevClock = true
    options.presetAccount = sid
    options.presetToken = token
    // The check at the end reads what became of every task, so none may be purged during the day.
    options.routing.purgeAfter = 30 * 86_400_000
    options.graceMilliseconds = 2000
    return options
  }

  private static func awaitReady(_ client: APIClient, _ time: RealTime) async throws {
    let start = time.now()
    while time.now() - start < 30_000 {
      if let answer = try? await client.send(client.request("GET", "/ready")), answer.status == 200 { return }
      await time.sleep(20)
    }
    throw NodeFailure("the server did not get ready within 30 s")
  }
}

/// The port of a server, once there is one.
private final class Started: Sendable {
  private let state = Mutex((port: Int?.none, isOver: false, waiter: CheckedContinuation<Int?, Never>?.none))

  func set(_ port: Int) { finish(port) }
  func fail() { finish(nil) }

  private func finish(_ port: Int?) {
    let waiter = state.withLock { state in
      guard !state.isOver else { return CheckedContinuation<Int?, Never>?.none }
      state.isOver = true
      state.port = port
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume(returning: port)
  }

  func wait() async -> Int? {
    await withCheckedContinuation { continuation in
      let known: (Bool, Int?) = state.withLock { state in
        if !state.isOver { state.waiter = continuation }
        return (state.isOver, state.port)
      }
      if known.0 { continuation.resume(returning: known.1) }
    }
  }
}
