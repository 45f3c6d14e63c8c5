/// Why Redis did not do what it was asked. Texts hold no passwords.
package enum RedisError: Error, Sendable, Equatable, CustomStringConvertible {
  /// There is no connection now; why the last attempt failed.
  case notConnected(String)
  /// Nobody listens there, the name is unknown, or the connection broke.
  case unreachable(String)
  case timedOut(String)
  case tls(String)
  /// A password or a right is missing or wrong (WRONGPASS, NOAUTH, NOPERM).
  case accessDenied(String)
  /// The server is no master, or has ceased to be one.
  case notMaster(String)
  case outOfMemory(String)
  /// It still reads its files.
  case loading(String)
  /// What came is not the protocol; the connection was closed.
  case protocolViolation(String)
  /// More is waiting than may wait.
  case overloaded(String)
  /// Any other error answer.
  case refused(String)
  /// Closed by its user.
  case closed

  /// What an error answer of the server means.
  package init(answer: String) {
    switch answer.prefix(while: { $0 != " " }) {
    case "WRONGPASS", "NOAUTH", "NOPERM": self = .accessDenied(answer)
    case "READONLY": self = .notMaster(answer)
    case "OOM": self = .outOfMemory(answer)
    case "LOADING": self = .loading(answer)
    default:
      if answer.contains("OOM command not allowed") {
        // Before 7.0 an error inside a script stands behind the script's name.
        self = .outOfMemory(answer)
      } else if answer.contains("READONLY You can't write") {
        self = .notMaster(answer)
      } else if answer.contains("without any password configured") {
        self = .accessDenied(answer)
      } else {
        self = .refused(answer)
      }
    }
  }

  package var description: String {
    switch self {
    case .notConnected(let why): "not connected to Redis: \(why)"
    case .unreachable(let why): "Redis cannot be reached: \(why)"
    case .timedOut(let what): "Redis did not answer in time: \(what)"
    case .tls(let why): "no secure connection to Redis: \(why)"
    case .accessDenied(let answer): "Redis denies access: \(answer)"
    case .notMaster(let answer): "the Redis server is not a master: \(answer)"
    case .outOfMemory(let answer): "Redis has reached its maxmemory: \(answer)"
    case .loading(let answer): "Redis is loading: \(answer)"
    case .protocolViolation(let what): "what came from Redis is not its protocol: \(what)"
    case .overloaded(let what): "too much is waiting for Redis: \(what)"
    case .refused(let answer): "Redis refused: \(answer)"
    case .closed: "the connection to Redis was closed here"
    }
  }
}
