import EventLoops
package import Ports
import RedisClient
package import Resources
import Synchronization

/// Which partitions somebody compares, and in which generation that began.
struct Comparison: Sendable {
  var generation: Int
  var partitions: Set<Int>
}

/// How owners compare and say that all is there, and how it is noticed that it no longer is.
extension RedisHotState {
  /// How many scopes one script looks at: the server does nothing else meanwhile.
  private static let marksAtOnce = 200

  package func marks(_ scopes: [Identifier], deliver: @escaping @Sendable (Result<[Int64], HotStateFailure>) -> Void) {
    var pipeline = RedisPipeline()
    let comparison = beginComparison(scopes, &pipeline)
    let first = pipeline.count
    for start in stride(from: 0, to: scopes.count, by: Self.marksAtOnce) {
      let some = scopes[start..<min(start + Self.marksAtOnce, scopes.count)]
      pipeline.run(Scripts.marks, keys: some.flatMap { layout.keys($0) }, arguments: [])
    }
    client.send(pipeline) { [weak self] result in
      let marks = Self.outcomes(result) { replies throws(HotStateFailure) in
        let marks = replies[first...].flatMap { $0.elements ?? [] }.map { $0.payload.flatMap(Layout.mark) }
        guard marks.count == scopes.count else { throw .unavailable("\(scopes.count) marks were asked for, \(marks.count) came") }
        return try marks.map { mark throws(HotStateFailure) in
          guard let mark else { throw .unavailable("a mark that is no number") }
          return mark
        }
      }
      if case .success = marks { self?.end(comparison) }
      deliver(marks)
    }
  }

  func beginComparison(_ scopes: [Identifier], _ pipeline: inout RedisPipeline) -> Comparison {
    let partitions = Set(scopes.map(partition))
    let (generation, witness, fresh) = completeness.withLock { state in
      (state.generation, state.witness, partitions.filter { state.beginComparison($0) })
    }
    for partition in fresh.sorted() { pipeline.add(Array("SET".utf8), layout.witness(partition), witness) }
    return Comparison(generation: generation, partitions: partitions)
  }

  func end(_ comparison: Comparison) {
    completeness.withLock { state in
      for partition in comparison.partitions { state.compared(partition, in: comparison.generation) }
    }
  }

  package func setComplete(
    _ partition: Int, token: RefillToken, deliver: @escaping @Sendable (Result<Void, HotStateFailure>) -> Void
  ) {
    // On the loop, where the server and the generation are those that the command will meet.
    client.loop.run { [self] in
      let (generation, witness) = completeness.withLock { ($0.generation, $0.expectedWitness(partition)) }
      guard let server = client.server else { return deliver(.failure(.unavailable(client.failure.description))) }
      guard let witness else {
        return deliver(.failure(.unavailable("what is stored may have changed since the marks were compared: compare them again")))
      }
      let identity = Self.identity(server)
      let value = identity + Layout.token(token)
      var pipeline = RedisPipeline()
      pipeline.run(
        Scripts.setComplete, keys: [layout.complete(partition), layout.witness(partition)],
        arguments: [witness, identity, Layout.token(token)])
      client.send(pipeline) { [weak self] result in
        let answer = Self.outcomes(result) { replies throws(HotStateFailure) in replies[0].number }
        switch answer {
        case .failure(let failure): deliver(.failure(failure))
        case .success(1):
          self?.completeness.withLock { $0.set(partition, value, in: generation) }
          deliver(.success(()))
        case .success(2): deliver(.failure(.unavailable("a later owner of the partition has spoken")))
        case .success:
          deliver(.failure(.unavailable("Redis was emptied since the marks were compared: compare them again")))
          self?.changed()
        }
      }
    }
  }

  /// A run of a server and the history that it carries on.
  static func identity(_ server: RedisServer) -> [UInt8] { Array("\(server.runID):\(server.replicationID):".utf8) }

  func observe(_ event: RedisEvent) {
    switch event {
    case .connected, .changed: changed()
    case .disconnected: break
    case .probed: checkComplete()
    }
  }

  /// Looks whether what this process has written is still there. It is not after the server was emptied, and owners compare again.
  private func checkComplete() {
    let (generation, expected) = completeness.withLock { ($0.generation, $0.expected) }
    if expected.isEmpty { return }
    var pipeline = RedisPipeline()
    for (partition, _) in expected { pipeline.add(Array("GET".utf8), layout.complete(partition)) }
    client.send(pipeline) { [weak self] result in
      guard let self, case .success(let replies) = result, generation == completeness.withLock({ $0.generation }) else { return }
      if zip(replies, expected).contains(where: { $0.payload != $1.value }) { changed() }
    }
  }
}
