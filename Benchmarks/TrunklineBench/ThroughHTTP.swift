import APIClient
import EventLoops
import Foundation
import HTTPClient
import JSON
import Observability
import Synchronization
import Terminal
import Trunkline

/// A served node and a client beside it, with a workspace ready for work.
final class Served: Sendable {
  let api: APIClient
  let workspace: String
  let workflow: String
  private let stop: Stop
  private let clientLoop: EventLoop
  private let port: Int
  /// What the node stands on; nil for the embedded home.
  let cluster: ClusterOptions?
  static let account = "AC" + String(repeating: "b", count: 32)
  private static let token = "bench"

  private init(api: APIClient, workspace: String, workflow: String, stop: Stop, clientLoop: EventLoop, port: Int, cluster: ClusterOptions?)
  {
    self.port = port
    self.cluster = cluster
    self.api = api
    self.workspace = workspace
    self.workflow = workflow
    self.stop = stop
    self.clientLoop = clientLoop
  }

  static func run<Value: Sendable>(
    _ home: BenchHome, workers: Int, _ body: @escaping @Sendable (Served) async throws -> Value
  ) async throws -> Value {
    try await withFolder { folder in
      var options = NodeOptions()
      options.dataFolder = folder
      options.port = 0
      options.keepsPoisonEvidence = false
      options.presetAccount = account
      options.presetToken = token
      options.cluster = try await home.cluster()
      let cluster = options.cluster
      let node = try Node(options: options, logger: Logger(level: .warning, now: { SystemClock().now() }))
      let stop = Stop()
      let port = Port()
      return try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask {
          try await node.run(stop: stop) { port.set($0) }
          return nil
        }
        group.addTask {
          defer { stop.ring() }
          return try await body(try await Served.prepare(port: port.wait(), workers: workers, cluster, stop))
        }
        var result: Value?
        for try await value in group { if let value { result = value } }
        guard let result else { throw BenchFailure("the measurement gave nothing") }
        return result
      }
    }
  }

  private static func prepare(port: Int, workers: Int, _ cluster: ClusterOptions?, _ stop: Stop) async throws -> Served {
    let loop = try EventLoop.spawn(name: "client")
    var options = HTTPClientOptions(userAgent: "bench", allowPrivateTargets: true)
    options.concurrencyPerHost = 256
    options.idleConnections = 256
    let http = try HTTPClient(loop: loop, options: options)
    let api = APIClient(base: "http://127.0.0.1:\(port)", sid: account, token: token, http: http)
    while true {
      if let ready = try? await api.send(api.request("GET", "/ready")), ready.status == 200 { break }
      try await loop.sleep(milliseconds: 10)
    }
    let workspace = try await api.call("POST", "/v1/Workspaces", [("FriendlyName", "bench")]).root[key: "sid"]?.string ?? ""
    let root = "/v1/Workspaces/\(workspace)"
    var available = ""
    try await api.list(root + "/Activities", key: "activities") {
      if $0[key: "available"]?.bool == true { available = $0[key: "sid"]?.string ?? "" }
    }
    let queue = try await api.call("POST", root + "/TaskQueues", [("FriendlyName", "all")]).root[key: "sid"]?.string ?? ""
    let text =
      #"{"task_routing":{"filters":[{"expression":"skill >= 0","targets":[{"queue":"\#(queue)","expression":"worker.skill == task.skill"}]}]}}"#
    let workflow =
      try await api.call("POST", root + "/Workflows", [("FriendlyName", "w"), ("Configuration", text)]).root[key: "sid"]?.string ?? ""
    for number in 0..<workers {
      try await api.call(
        "POST", root + "/Workers",
        [("FriendlyName", "w\(number)"), ("ActivitySid", available), ("Attributes", "{\"skill\":\(number % 8)}")])
    }
    return Served(api: api, workspace: workspace, workflow: workflow, stop: stop, clientLoop: loop, port: port, cluster: cluster)
  }

  var root: String { "/v1/Workspaces/\(workspace)" }

  func create(_ skill: Int) async throws -> String { try await create(attributes: "{\"skill\":\(skill)}") }

  @discardableResult
  func create(attributes: String) async throws -> String {
    try await api.call("POST", root + "/Tasks", [("WorkflowSid", workflow), ("Attributes", attributes)]).root[key: "sid"]?.string ?? ""
  }

  /// Gives every worker room for so many tasks at once.
  func widen(to capacity: Int) async throws {
    for worker in try await sids(root + "/Workers", "workers") {
      let channels = root + "/Workers/\(worker)/WorkerChannels"
      for channel in try await sids(channels, "channels") {
        try await api.call("POST", channels + "/\(channel)", [("Capacity", "\(capacity)")])
      }
    }
  }

  private func sids(_ path: String, _ key: String) async throws -> [String] {
    var found: [String] = []
    try await api.list(path, key: key) { if let sid = $0[key: "sid"]?.string { found.append(sid) } }
    return found
  }

  /// Lives that so many connections have taken tasks through by then.
  func lifecycles(until end: Double, connections: Int) async throws -> Int {
    guard let address = SocketAddress(host: "127.0.0.1", port: port) else { throw BenchFailure("no address") }
    let credentials = Data("\(Served.account):\(Served.token)".utf8).base64EncodedString()
    let plan = Hand.Plan(address: address, root: root, workflow: workflow, authorization: "Basic \(credentials)", end: end)
    return try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<connections { group.addTask { try await self.lifecycles(plan, skill: number % 8) } }
      return try await group.reduce(0, +)
    }
  }

  private func lifecycles(_ plan: Hand.Plan, skill: Int) async throws -> Int {
    let done: Int? = await withCheckedContinuation { continuation in
      clientLoop.post { [clientLoop] in
        do { try Hand.start(plan, skill: skill, on: clientLoop) { continuation.resume(returning: $0) } } catch {
          continuation.resume(returning: nil)
        }
      }
    }
    guard let done else { throw BenchFailure("an answer was not what was expected") }
    return done
  }

  func sleep(milliseconds: Int64) async { try? await clientLoop.sleep(milliseconds: milliseconds) }
}

/// Handed from the server's start to whoever waits for it.
final class Port: Sendable {
  private struct State {
    var port: Int?
    var waiter: CheckedContinuation<Int, Never>?
  }
  private let state = Mutex(State())
  func set(_ port: Int) {
    let waiter = state.withLock { state in
      state.port = port
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume(returning: port)
  }
  func wait() async -> Int {
    await withCheckedContinuation { continuation in
      let known: Int? = state.withLock { state in
        if state.port == nil { state.waiter = continuation }
        return state.port
      }
      if let known { continuation.resume(returning: known) }
    }
  }
}

/// The same lives through the public API: four requests each, keep-alive.
enum ThroughHTTP {
  static func run(_ home: BenchHome, seconds: Double) async throws -> [TrunklineBench.Row] {
    let (done, took) = try await Served.run(home, workers: 128) { served in
      let start = uptime()
      let done = try await served.lifecycles(until: start + seconds, connections: 64)
      return (done, uptime() - start)
    }
    return [
      .init(
        what: "lifecycles through HTTP", figure: TrunklineBench.perSecond(done, took),
        note:
          "create, read the offer, accept, complete: \(TrunklineBench.perSecond(done * 4, took)) requests, 64 connections, client on the same cores"
      )
    ]
  }
}

/// From sending the create to reading the reservation's event, one at a time.
enum Latency {
  static func run(_ home: BenchHome, seconds: Double) async throws -> [TrunklineBench.Row] {
    let histogram = try await Served.run(home, workers: 8) { served in
      let seen = SeenEvents()
      var request = served.api.request("GET", served.root + "/Events/Stream")
      request.bodyLimit = .max
      let stream = request
      return try await withThrowingTaskGroup(of: LatencyHistogram?.self) { group in
        group.addTask {
          try? await served.api.stream(stream, onResponse: { _ in seen.opened.ring() }, onChunk: { seen.take($0) })
          return nil
        }
        group.addTask {
          await seen.opened.wait()
          var histogram = LatencyHistogram()
          let end = uptime() + seconds
          while uptime() < end {
            let start = uptime()
            async let event = seen.reservation()
            let task = try await served.create(0)
            let at = await event
            histogram.record(Int64((at - start) * 1e9))
            let list = try await served.api.call("GET", served.root + "/Tasks/\(task)/Reservations")
            let reservation = list.root[key: "reservations"]?[0]?[key: "sid"]?.string ?? ""
            try await served.api.call(
              "POST", served.root + "/Tasks/\(task)/Reservations/\(reservation)", [("ReservationStatus", "accepted")])
            try await served.api.call("POST", served.root + "/Tasks/\(task)", [("AssignmentStatus", "completed")])
          }
          return histogram
        }
        var result: LatencyHistogram?
        while let value = try await group.next() {
          if let value {
            result = value
            group.cancelAll()
          }
        }
        return result ?? LatencyHistogram()
      }
    }
    return [
      .init(
        what: "HTTP create → reservation event, p50 / p99",
        figure: histogram.figures,
        note: "\(histogram.count) tasks, one at a time, event read over SSE")
    ]
  }
}

/// Rings when the stream tells of a reservation.
final class SeenEvents: Sendable {
  private struct State {
    var waiter: CheckedContinuation<Double, Never>?
  }
  private let state = Mutex(State())
  /// Rung when events begin to come.
  let opened = Stop()

  func take(_ bytes: [UInt8]) {
    guard String(decoding: bytes, as: UTF8.self).contains("taskrouter.reservation.created") else { return }
    let now = uptime()
    let waiter = state.withLock { state in
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume(returning: now)
  }
  func reservation() async -> Double {
    await withCheckedContinuation { continuation in state.withLock { $0.waiter = continuation } }
  }
}

/// Lines in, recorded and decided.
enum Bulk {
  static func run(_ home: BenchHome, seconds: Double) async throws -> [TrunklineBench.Row] {
    let count = Int(seconds * 20_000)
    let (recorded, decided) = try await Served.run(home, workers: 1) { served in
      var text = ""
      for number in 0..<count { text += "{\"attributes\":{\"skill\":9,\"number\":\(number),\"title\":\"a ticket of ordinary length\"}}\n" }
      var request = served.api.request("POST", served.root + "/Tasks/Bulk?ImportId=bench&WorkflowSid=\(served.workflow)")
      request.headers = [(name: "Content-Type", value: "application/x-ndjson")]
      request.body = .bytes(Array(text.utf8))
      request.totalTimeoutMilliseconds = 600_000
      let start = uptime()
      _ = try APIClient.read(try await served.api.send(request))
      let recorded = uptime() - start
      while true {
        let status = try await served.api.call("GET", served.root + "/Tasks/Bulk/bench")
        if status.root[key: "decided"]?.integer ?? 0 >= count { break }
        await served.sleep(milliseconds: 20)
      }
      return (recorded, uptime() - start)
    }
    return [
      .init(
        what: "bulk lines recorded", figure: TrunklineBench.perSecond(count, recorded),
        note: "\(HumanText.count(count)) lines, one request, synced"),
      .init(
        what: "bulk lines decided", figure: TrunklineBench.perSecond(count, decided), note: "placed in their queues, each with its events"),
    ]
  }
}
