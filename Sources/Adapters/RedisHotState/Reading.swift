package import Ports
import RedisClient
package import Resources

/// What a script that reads found.
private enum Found {
  case notNow
  case mark(Int64, [RedisReply])
  /// Nothing is missing, and there is no mark.
  case nothing

  init(_ reply: RedisReply) throws(HotStateFailure) {
    guard let parts = reply.elements, let state = parts.first?.number else { throw .unavailable("a read was answered with \(reply)") }
    switch state {
    case 0: self = .notNow
    case 2: self = .nothing
    default:
      guard parts.count >= 2, let mark = parts[1].payload.flatMap(Layout.mark) else { throw .unavailable("a read came without its mark") }
      self = .mark(mark, Array(parts[2...]))
    }
  }
}

extension RedisHotState {
  package func get(_ scope: Identifier, _ keys: [DocumentKey]) async throws(HotStateFailure) -> (mark: Int64, documents: [[UInt8]?]) {
    guard let (mark, values) = try await read(scope, Scripts.get, keys.map(Layout.field)) else { return (-1, keys.map { _ in nil }) }
    guard values.count == keys.count else { throw .unavailable("\(keys.count) documents were asked for, \(values.count) came") }
    return (mark, try values.map { value throws(HotStateFailure) in try document(value) })
  }

  package func list(_ scope: Identifier, _ range: DocumentRange) async throws(HotStateFailure) -> (mark: Int64, documents: [Document]) {
    if range.limit <= 0 { return (try await get(scope, []).mark, []) }
    let list = Layout.list(range)
    let open = UInt8(ascii: "(")
    let closed = UInt8(ascii: "[")
    var lower = [closed] + list
    var upper = [closed] + list + [UInt8](repeating: 0xFF, count: 24)
    if let after = range.after {
      let place = [open] + list + Layout.place(after.value, after.id)
      if range.ascending { lower = place } else { upper = place }
    }
    let arguments = [Array((range.ascending ? "up" : "down").utf8), lower, upper, Array(String(range.limit).utf8)]
    guard let (mark, found) = try await read(scope, Scripts.list, arguments) else { return (-1, []) }
    guard let fields = found.last?.elements, fields.count == found.count - 1 else { throw .unavailable("a list came without its keys") }
    let documents = try zip(fields, found).map { field, value throws(HotStateFailure) in
      guard let field = field.payload, let key = Layout.key(field), let bytes = try document(value) else {
        throw .unavailable("a list holds what is no document")
      }
      return Document(key: key, bytes: bytes)
    }
    return (mark, documents)
  }

  private func document(_ reply: RedisReply) throws(HotStateFailure) -> [UInt8]? {
    guard let value = reply.payload else { return nil }
    guard let bytes = Layout.document(value) else { throw .unavailable("a stored value is no document") }
    return bytes
  }

  /// The mark of a scope and what the script read with it; nil for a scope that was never touched.
  private func read(
    _ scope: Identifier, _ script: RedisScript, _ arguments: [[UInt8]]
  ) async throws(HotStateFailure) -> (mark: Int64, rest: [RedisReply])? {
    let keys = layout.keys(scope)
    var pipeline = RedisPipeline()
    pipeline.run(script, keys: keys, arguments: arguments)
    switch try Found(try await replies(pipeline).replies[0]) {
    case .notNow: throw .notNow
    case .mark(let mark, let rest): return (mark, rest)
    case .nothing: break
    }
    // Untouched, or gone. Untouched it is where the owner has found everything in place on this very server, before and after, and knows nothing of the scope.
    let partition = partition(scope)
    let complete = layout.complete(partition)
    var again = RedisPipeline()
    again.add(Array("GET".utf8), complete)
    again.add(Array("SISMEMBER".utf8), layout.scopes(partition), Layout.bytes(scope))
    again.run(script, keys: keys, arguments: arguments)
    again.add(Array("GET".utf8), complete)
    let (answers, server) = try await replies(again)
    switch try Found(answers[2]) {
    case .notNow: throw .notNow
    case .mark(let mark, let rest): return (mark, rest)
    case .nothing: break
    }
    guard let said = answers[0].payload, answers[3].payload == said, answers[1].number == 0, let server,
      said.starts(with: Self.identity(server))
    else { throw .notNow }
    return nil
  }

  /// Replies and whose they are.
  private func replies(_ pipeline: RedisPipeline) async throws(HotStateFailure) -> (replies: [RedisReply], server: RedisServer?) {
    let (result, server) = await withCheckedContinuation { continuation in
      client.send(pipeline) { [client] result in continuation.resume(returning: (result, client.server)) }
    }
    return (try Self.outcomes(result) { replies throws(HotStateFailure) in replies }.get(), server)
  }
}
