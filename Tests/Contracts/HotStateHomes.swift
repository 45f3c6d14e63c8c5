import EventLoops
import InProcessHotState
import Ports
import RedisClient
import RedisHotState
import RedisTesting
import Resources
import Synchronization
import Testing

/// Every adapter of `HotState` that keeps the contract. A new one is a case more.
enum HotStateHome: String, CaseIterable, CustomTestStringConvertible {
  case inProcess
  case redis

  static let allCases: [HotStateHome] = RedisProcess.isAvailable ? [.inProcess, .redis] : [.inProcess]

  var testDescription: String { rawValue }

  /// Empty hot state with one partition, which is complete unless it is asked for otherwise.
  func make(complete: Bool = true) async throws -> any HotState {
    let state: any HotState =
      switch self {
      case .inProcess: InProcessHotState(partition: { _ in 0 }, indexer: sampleIndexer)
      case .redis: try await RedisHome.state(RedisHome.settings(try RedisProcess.shared.get().port))
      }
    if complete { try await state.setComplete(0, RefillToken(epoch: 1, attempt: 0)) }
    return state
  }
}

/// What the cases on Redis share.
enum RedisHome {
  private static let loop = Result { try EventLoop.spawn(name: "redis-tests") }
  private static let cases = Atomic<UInt64>(0)

  static func eventLoop() throws -> EventLoop { try loop.get() }

  /// No two cases meet.
  static func prefix() -> String { "case-\(cases.wrappingAdd(1, ordering: .relaxed).newValue):" }

  static func settings(_ port: Int) -> RedisSettings {
    var settings = RedisSettings(address: RedisAddress(place: .server(RedisEndpoint(host: "127.0.0.1", port: port))))
    settings.firstPause = 5
    settings.longestPause = 20
    return settings
  }

  /// Connected hot state of one partition.
  static func state(_ settings: RedisSettings, prefix: String = RedisHome.prefix()) async throws -> RedisHotState {
    let state = RedisHotState(
      settings: settings, loop: try eventLoop(), prefix: prefix, family: "work", partition: { _ in 0 },
      seed: cases.load(ordering: .relaxed),
      indexer: sampleIndexer)
    try await state.connected(withinMilliseconds: 20_000)
    return state
  }
}

/// Documents of the samples: [parent, value, payload]. Index 0 is the list of the whole scope by value, index 1 the list of the parent; parent 0 stands in no list.
let sampleIndexer: DocumentIndexer = { _, bytes in
  guard bytes.count >= 2, bytes[0] > 0 else { return [] }
  let value = Int64(bytes[1])
  return [IndexEntry(index: 0, value: value), IndexEntry(index: 1, parent: id(UInt64(bytes[0])), value: value)]
}

func id(_ number: UInt64) -> Identifier { Identifier(high: 7, low: number) }

func key(_ number: UInt64) -> DocumentKey { DocumentKey(kind: 3, id: id(number)) }

func sample(_ number: UInt64, parent: UInt8 = 1, value: UInt8, payload: UInt8 = 0) -> Document {
  Document(key: key(number), bytes: [parent, value, payload])
}

func write(_ document: Document) -> Change { Change(key: document.key, bytes: document.bytes) }

func delete(_ number: UInt64) -> Change { Change(key: key(number), bytes: nil) }

/// The port with its callbacks as awaited values.
extension HotState {
  func apply(_ entries: [ScopeApply]) async throws -> [ApplyOutcome] {
    try await withCheckedContinuation { c in apply(entries) { c.resume(returning: $0) } }.get()
  }

  func apply(_ scope: Identifier, _ previous: Int64, _ mark: Int64, _ changes: [Change] = []) async throws -> ApplyOutcome {
    try await apply([ScopeApply(scope: scope, previous: previous, mark: mark, changes: changes)])[0]
  }

  func begin(_ scope: Identifier, _ token: RefillToken, expected: Int64) async throws -> RefillOutcome {
    try await withCheckedContinuation { c in beginRefill(scope, token: token, expected: expected) { c.resume(returning: $0) } }.get()
  }

  func chunk(_ scope: Identifier, _ token: RefillToken, _ number: Int, _ documents: [Document] = []) async throws -> RefillOutcome {
    try await withCheckedContinuation { c in
      refillChunk(scope, token: token, number: number, documents: documents) { c.resume(returning: $0) }
    }.get()
  }

  func end(_ scope: Identifier, _ token: RefillToken, chunks: Int, mark: Int64) async throws -> RefillOutcome {
    try await withCheckedContinuation { c in endRefill(scope, token: token, chunks: chunks, mark: mark) { c.resume(returning: $0) } }.get()
  }

  func setComplete(_ partition: Int, _ token: RefillToken) async throws {
    try await withCheckedContinuation { c in setComplete(partition, token: token) { c.resume(returning: $0) } }.get()
  }

  func marks(_ scopes: [Identifier]) async throws -> [Int64] {
    try await withCheckedContinuation { c in marks(scopes) { c.resume(returning: $0) } }.get()
  }

  /// Identifier numbers of one page of a list.
  func page(_ scope: Identifier, _ range: DocumentRange) async throws -> [UInt64] {
    try await list(scope, range).documents.map { $0.key.id.low }
  }
}
