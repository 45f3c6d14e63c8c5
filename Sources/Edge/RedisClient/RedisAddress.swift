package import Observability

/// What is wrong with the text of an address. Never shows its password.
package enum RedisAddressError: Error, Sendable, Equatable, CustomStringConvertible {
  case scheme(String)
  case noHost
  case host(String)
  case port(String)
  case database(String)
  case noMasterName
  case masterName(String)
  case severalHosts
  case parameter(String)
  case credentials

  package var description: String {
    switch self {
    case .scheme(let scheme):
      "a Redis address begins with redis://, rediss://, redis-sentinel:// or rediss-sentinel:// (received \"\(scheme)\")"
    case .noHost: "the Redis address names no host"
    case .host(let host): "the Redis address has a host that is none: \"\(host)\""
    case .port(let port): "a port of a Redis address is 1 to 65535 (received \"\(port)\")"
    case .database(let text): "the database of a Redis address is a number from 0 on (received \"\(text)\")"
    case .noMasterName: "a Sentinel address names the master behind the hosts: redis-sentinel://HOST:PORT/MASTER-NAME"
    case .masterName(let name): "the master's name of a Sentinel address may hold letters, digits, '.', '-' and '_' (received \"\(name)\")"
    case .severalHosts: "several hosts need redis-sentinel:// or rediss-sentinel://"
    case .parameter(let name):
      "unknown or empty parameter \"\(name)\" in the Redis address; there are ca, sentinel-user and sentinel-password"
    case .credentials: "user or password of the Redis address are not percent-encoded as they should be"
    }
  }
}

/// Host and port of one server.
package struct RedisEndpoint: Sendable, Hashable, CustomStringConvertible {
  package var host: String
  package var port: Int

  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  package var description: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }
}

/// Name and password of somebody; the old `requirepass` has no name.
package struct RedisCredentials: Sendable, Equatable {
  package var user: String?
  package var password: Redacted<String>

  package init(user: String?, password: String) {
    self.user = user
    self.password = Redacted(password)
  }
}

/// Where Redis is: `redis[s]://[user:password@]HOST[:PORT][/db]`, or behind Sentinel
/// `redis[s]-sentinel://[user:password@]HOST[:PORT][,HOST[:PORT]…]/MASTER-NAME[/db]`.
/// `?ca=FILE`: certificates to trust in place of the system's. `?sentinel-password=…` and `?sentinel-user=…`: for the Sentinels themselves.
package struct RedisAddress: Sendable, Equatable, CustomStringConvertible {
  package enum Place: Sendable, Equatable {
    case server(RedisEndpoint)
    case sentinels([RedisEndpoint], master: String)
  }

  package var place: Place
  package var usesTLS = false
  package var certificateAuthority: String?
  package var credentials: RedisCredentials?
  package var sentinelCredentials: RedisCredentials?
  package var database = 0

  package init(place: Place) { self.place = place }

  package init(_ text: String) throws(RedisAddressError) {
    var parser = RedisAddressParser(text)
    self = try parser.parse()
  }

  /// Without user, password and parameters.
  package var description: String {
    let scheme = usesTLS ? "rediss" : "redis"
    return switch place {
    case .server(let endpoint): "\(scheme)://\(endpoint)/\(database)"
    case .sentinels(let endpoints, let master):
      "\(scheme)-sentinel://\(endpoints.map(\.description).joined(separator: ","))/\(master)/\(database)"
    }
  }
}
