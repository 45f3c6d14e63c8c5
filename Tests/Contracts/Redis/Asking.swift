import RedisClient
import RedisTesting
import Synchronization

/// Says something to a server as an operator would, all of it on one connection; the last answer.
@discardableResult
func ask(_ server: RedisProcess, _ texts: String...) async throws -> RedisReply {
  try await ask(server, texts.map { $0.split(separator: " ").map { Array($0.utf8) } })
}

@discardableResult
func ask(_ server: RedisProcess, _ commands: [[[UInt8]]]) async throws -> RedisReply {
  var settings = RedisHome.settings(server.port)
  settings.acceptsAnyRole = true
  let client = RedisClient(loop: try RedisHome.eventLoop(), settings: settings, seed: 1)
  client.start(observe: { _ in })
  defer { client.close() }
  _ = try await client.connected(withinMilliseconds: 20_000)
  var pipeline = RedisPipeline()
  for words in commands { pipeline.add(words) }
  let replies = try await withCheckedContinuation { c in client.send(pipeline) { c.resume(returning: $0) } }.get()
  if let failure = replies.lazy.compactMap(\.failure).first { throw failure }
  return replies.last ?? .null
}

/// An outcome that one asks for and another waits for.
final class Promised<Value: Sendable>: Sendable {
  private struct State {
    var result: Result<Value, any Error>?
    var waiting: CheckedContinuation<Value, any Error>?
  }

  private let state = Mutex(State())

  func settle(_ result: Result<Value, some Error>) {
    let result = result.mapError { $0 as any Error }
    let waiting = state.withLock { state in
      state.result = result
      return state.waiting
    }
    waiting?.resume(with: result)
  }

  func value() async throws -> Value {
    try await withCheckedThrowingContinuation { c in
      let result = state.withLock { state in
        if state.result == nil { state.waiting = c }
        return state.result
      }
      if let result { c.resume(with: result) }
    }
  }
}
