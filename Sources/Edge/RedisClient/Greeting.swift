internal import Observability

/// What is said at the beginning of a connection, and what is made of the answers.

enum Greeting {
  static let ping = commands("PING")
  static let probe = commands("INFO server", "INFO replication", "INFO memory")

  /// Who we are, then who the server is.
  static func server(_ settings: RedisSettings) -> RedisPipeline {
    var pipeline = RedisPipeline()
    introduce(settings.address.credentials, to: &pipeline)
    if settings.address.database > 0 { pipeline.add(text: "SELECT \(settings.address.database)") }
    if let name = settings.name { pipeline.add([Array("CLIENT".utf8), Array("SETNAME".utf8), Array(name.utf8)]) }
    for section in ["server", "replication", "memory"] { pipeline.add(text: "INFO \(section)") }
    return pipeline
  }

  static func server(
    _ settings: RedisSettings, _ endpoint: RedisEndpoint, _ result: Result<[RedisReply], RedisError>
  ) throws(RedisError) -> RedisServer {
    var replies = try result.get()[...]
    if settings.address.credentials != nil { try check(replies.removeFirst(), "AUTH", endpoint) }
    if settings.address.database > 0 { try check(replies.removeFirst(), "SELECT", endpoint) }
    // A name is a convenience: a user may lack the right.
    if settings.name != nil { replies.removeFirst() }
    let server = try probed(endpoint, Array(replies))
    guard settings.acceptsAnyRole || server.role == "master" else { throw .notMaster("\(endpoint) has the role \(server.role)") }
    return server
  }

  static func probed(_ endpoint: RedisEndpoint, _ replies: [RedisReply]) throws(RedisError) -> RedisServer {
    for reply in replies { try check(reply, "INFO", endpoint) }
    guard let server = RedisServer(endpoint: endpoint, info: replies.compactMap(\.text).joined(separator: "\n")) else {
      throw .protocolViolation("\(endpoint) does not say who it is in INFO")
    }
    return server
  }

  static func sentinel(_ settings: RedisSettings, _ master: String) -> RedisPipeline {
    var pipeline = RedisPipeline()
    introduce(settings.address.sentinelCredentials, to: &pipeline)
    pipeline.add(text: "SENTINEL get-master-addr-by-name \(master)")
    return pipeline
  }

  /// The endpoint of the master that a Sentinel names.
  static func master(
    _ name: String, _ sentinel: RedisEndpoint, _ result: Result<[RedisReply], RedisError>
  ) throws(RedisError) -> RedisEndpoint {
    let replies = try result.get()
    for reply in replies { try check(reply, "the question for the master", sentinel) }
    guard let place = replies.last?.elements?.compactMap(\.text), place.count == 2, let port = Int(place[1]) else {
      throw .unreachable("the Sentinel at \(sentinel) knows no master \"\(name)\"")
    }
    return RedisEndpoint(host: place[0], port: port)
  }

  private static func introduce(_ credentials: RedisCredentials?, to pipeline: inout RedisPipeline) {
    guard let credentials else { return }
    let words = [credentials.user, credentials.password.secret].compactMap { $0.map { Array($0.utf8) } }
    pipeline.add([Array("AUTH".utf8)] + words)
  }

  private static func check(_ reply: RedisReply, _ command: String, _ endpoint: RedisEndpoint) throws(RedisError) {
    guard case .error(let text) = reply else { return }
    switch RedisError(answer: text) {
    case .accessDenied:
      let hint =
        text.hasPrefix("NOAUTH") ? "the address has no password for it" : text.hasPrefix("NOPERM") ? "the user lacks a right" : "wrong"
      throw .accessDenied("\(command) at \(endpoint): \(text) (\(hint))")
    case .loading: throw .loading("\(endpoint): \(text)")
    case let other: throw other
    }
  }

  private static func commands(_ texts: String...) -> RedisPipeline {
    var pipeline = RedisPipeline()
    for text in texts { pipeline.add(text: text) }
    return pipeline
  }
}
