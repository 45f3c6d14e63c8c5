import APIClient
import DemoReplay
import EventLoops
import Foundation
import HTTPClient
import Options
import Trunkline

/// A running server, as a client sees it.
struct DemoServer: Sendable {
  let client: APIClient
  let time: RealTime
  /// It is there for the demo alone, so it forgets no finished task before the check.
  let isOurs: Bool
}

/// Where the day is replayed.
enum DemoPlace {
  /// A node of the demo's own; nil: on a temporary folder alone.
  case own(ClusterOptions?)
  case running(url: String, sid: String, token: String, authority: String?)

  init(_ options: Options) throws {
    let cluster = try ClusterChoice.cluster(options, node: "demo")
    guard let url = try options.valueIfSet("url", .text) else {
      self = .own(cluster)
      return
    }
    guard cluster == nil else {
      throw NodeFailure("--url is a server that runs, --kafka and --redis are for one of the demo's own: choose")
    }
    guard let sid = try options.valueIfSet("account-sid", .text), let token = try options.valueIfSet("auth-token", .text) else {
      throw NodeFailure("as whom? Set TRUNKLINE_ACCOUNT_SID and TRUNKLINE_AUTH_TOKEN (make cluster-up keeps them in cluster/credentials)")
    }
    self = .running(
      url: url.hasSuffix("/") ? String(url.dropLast()) : url, sid: sid, token: token, authority: try options.valueIfSet("ca", .text))
  }

  /// Does `work` against the server. What was made for it is gone afterwards, whatever comes.
  func serve<Value: Sendable>(_ work: @escaping @Sendable (DemoServer) async throws -> Value) async throws -> Value {
    switch self {
    case .own(let cluster): try await DemoHost(cluster).serve(work)
    case .running(let url, let sid, let token, let authority):
      try await DemoPlace.asClient(authority: authority) { http, time in
        let client = APIClient(base: url, sid: sid, token: token, http: http)
        DemoScreen.write("On the server at \(url); what is made there stays.\n")
        return try await work(DemoServer(client: client, time: time, isOurs: false))
      }
    }
  }

  /// A loop and a client on it for the time of `work`.
  static func asClient<Value: Sendable>(authority: String? = nil, _ work: (HTTPClient, RealTime) async throws -> Value) async throws
    -> Value
  {
    let loop = try EventLoop.spawn(name: "demo")
    defer { loop.stop() }
    var options = HTTPClientOptions(userAgent: "trunkline-demo/\(TrunklineCommand.version)", allowPrivateTargets: true)
    options.certificateFile = authority
    let http = try HTTPClient(loop: loop, options: options)
    let time = RealTime(now: { SystemClock().monotonic() }, sleep: { try? await loop.sleep(milliseconds: $0) })
    let value = try await work(http, time)
    await http.shutdown()
    return value
  }
}

/// Somebody pressed the key, or sent the signal.
struct DemoInterrupted: Error {
  let signal: Int32
}
