import EventLoops
import Foundation
import Glibc
import Observability
import Options
import Ports
import Resources
import TLS
import TaskRouting
import Trunkline

enum LogFormat: String, CaseIterable { case text, json }

/// `trunkline serve`: settings to a node, and the node until a signal.
enum Serve {
  static func run(_ options: Options) async throws {
    if try options.flag("print-config") { return print(options.printConfig()) }
    let settings = try nodeOptions(options)
    let node = try Node(options: settings, logger: try logger(options))
    let stop = Stop()
    let signals = try EventLoop.spawn(name: "signals")
    var watched = try [SIGTERM, SIGINT].map { try signals.onSignal($0) { stop.ring() } }
    // Without a certificate there is nothing to read again, and the signal keeps its meaning.
    if settings.tls != nil { watched.append(try signals.onSignal(SIGHUP) { node.reloadCertificate() }) }
    try await node.run(stop: stop)
    for watch in watched { watch.cancel() }
    signals.stop()
  }

  static func logger(_ options: Options) throws -> Logger {
    let level = try options.value("log-level", OptionKind(rule: "one of debug, info, warning, error") { Logger.Level(name: $0) })
    let format = try options.value("log-format", OptionKind<LogFormat>.oneOf)
    return Logger(level: level, format: format == .json ? .json : .text, now: { SystemClock().now() })
  }

  static func nodeOptions(_ options: Options) throws -> NodeOptions {
    var node = NodeOptions()
    node.version = TrunklineCommand.version
    node.dataFolder = try options.value("data-dir", .text)
    let http = try options.value("http", .hostPort(defaultPort: 8080))
    node.host = http.host == "localhost" ? "127.0.0.1" : http.host
    node.port = Int(http.port)
    node.tls = try identity(options)
    node.publicURL = try options.valueIfSet("public-url", publicURL)
    node.trustsProxy = try options.flag("trust-proxy")
    node.allowsPrivateTargets = try options.flag("allow-private-targets")
    node.hasDevClock = try options.flag("dev-clock")
    if node.hasDevClock, !["127.0.0.1", "::1"].contains(node.host) {
      throw NodeFailure("--dev-clock is for loopback only: --http is \(http.host):\(http.port)")
    }
    node.rateLimit = try options.value("rate-limit", .integer(in: 0...1_000_000))
    node.presetAccount = try options.valueIfSet("account-sid", .text)
    node.presetToken = try options.valueIfSet("auth-token", .text)
    guard (node.presetAccount == nil) == (node.presetToken == nil) else {
      throw NodeFailure("TRUNKLINE_ACCOUNT_SID and TRUNKLINE_AUTH_TOKEN go together: set both or neither")
    }
    if let sid = node.presetAccount, sid.count != 34 || !sid.hasPrefix("AC") {
      throw NodeFailure("TRUNKLINE_ACCOUNT_SID must be AC followed by 32 hexadecimal digits; received '\(sid)'")
    }
    node.mostBodyBytes = try options.value("max-body", .integer(in: 1024...1 << 30))
    node.mostLineBytes = try options.value("max-line", .integer(in: 1024...900_000))
    node.headerBytes = try options.value("max-header", .integer(in: 1024...1 << 20))
    node.headerFields = try options.value("max-header-fields", .integer(in: 8...10_000))
    node.bodyMilliseconds = try Int64(options.value("body-timeout", .integer(in: 1...3600))) * 1000
    node.bodyBytesPerSecond = try options.value("min-body-rate", .integer(in: 0...1_000_000))
    node.headerMilliseconds = try Int64(options.value("header-timeout", .integer(in: 1...3600))) * 1000
    node.idleMilliseconds = try Int64(options.value("idle-timeout", .integer(in: 1...86_400))) * 1000
    node.mostConnections = try options.value("max-connections", .integer(in: 1...1_000_000))
    node.mostWaiting = try options.value("max-waiting", .integer(in: 1...1_000_000))
    node.answerMilliseconds = try Int64(options.value("answer-timeout", .integer(in: 1...3600))) * 1000
    node.graceMilliseconds = try Int64(options.value("grace", .integer(in: 0...3600))) * 1000
    node.routing.assignedLimit = try Int64(options.value("assigned-limit", .integer(in: 0...31_536_000))) * 1000
    node.routing.purgeAfter = try Int64(options.value("purge-after", .integer(in: 0...31_536_000))) * 1000
    node.routing.maxAssignments = try options.value("max-assignments", .integer(in: 1...1_000_000))
    node.threads = try options.value("threads", .integer(in: 0...256))
    node.cluster = try clusterOptions(options)
    let roles = OptionKind<NodeRoles>(rule: "names separated by commas, of \(NodeRoles.all)") { NodeRoles($0) }
    node.roles = try options.value("roles", roles)
    // An embedded home is alone: whoever is sent away finds nobody.
    let delay = try options.valueIfSet("shutdown-delay", .integer(in: 0...3600)) ?? (node.cluster == nil ? 0 : 2)
    if !node.roles.isDisjoint(with: [.ingress, .gateway]) { node.leavingMilliseconds = Int64(delay) * 1000 }
    guard node.cluster != nil || node.roles == .all else { throw NodeFailure("--roles is for clusters: give --kafka and --redis") }
    if node.cluster != nil, node.hasDevClock { throw NodeFailure("--dev-clock is for the embedded home: a cluster's time is its log's") }
    return node
  }

  private static func identity(_ options: Options) throws -> TLSIdentity? {
    let certificate = try options.valueIfSet("tls-cert", .text)
    let key = try options.valueIfSet("tls-key", .text)
    guard certificate != nil || key != nil else { return nil }
    guard let certificate, let key else { throw NodeFailure("--tls-cert and --tls-key go together: set both or neither") }
    do throws(TLSError) { return try TLSIdentity(certificate: certificate, key: key) } catch {
      throw NodeFailure("--tls-cert, --tls-key: \(error.reason)")
    }
  }

  private static func clusterOptions(_ options: Options) throws -> ClusterOptions? {
    let name = try options.valueIfSet("node", ClusterChoice.nodeRule) ?? ProcessInfo.processInfo.hostName
    var cluster = try ClusterChoice.cluster(options, node: name)
    cluster?.lanes = try options.value("lanes", .integer(in: 0...256))
    return cluster
  }

  private static let publicURL = OptionKind(
    rule: "http or https, a host and an optional port (1 to 65535), without user, path, query or fragment", read: Authority.baseURL)
}
