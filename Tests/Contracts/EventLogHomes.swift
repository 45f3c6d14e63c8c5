import Ports
import PortsTesting
import SQLiteEventLog
import Testing

/// Every adapter of `EventLog` that keeps the contract. A new one is a case more.
enum EventLogHome: String, CaseIterable, CustomTestStringConvertible {
  case memory
  case sqlite
  /// Keeps next to nothing in memory, so that readers go to the file.
  case sqliteFromFile
  /// Everything in the second file.
  case sqliteDerived
  case kafka

  var testDescription: String { rawValue }

  static let topics = [
    TopicDeclaration("commands", partitions: 2), TopicDeclaration("journal", partitions: 2),
    TopicDeclaration("things.state", partitions: 2),
  ]

  /// Runs `body` on an empty log with the topics above and cleans up behind it.
  func with(_ body: (any EventLog) async throws -> Void) async throws {
    switch self {
    case .kafka: try await withKafka { try await body($0) }
    case .memory: try await body(InMemoryEventLog(topics: EventLogHome.topics))
    case .sqlite: try await withFolder { folder in try await withLog(folder) { try await body($0) } }
    case .sqliteDerived:
      let topics = EventLogHome.topics.map { TopicDeclaration($0.name, partitions: $0.partitions, isDerived: true) }
      try await withFolder { folder in try await withLog(folder, topics: topics) { try await body($0) } }
    case .sqliteFromFile:
      var options = SQLiteEventLog.Options()
      options.tailRecords = 0
      try await withFolder { folder in try await withLog(folder, options: options) { try await body($0) } }
    }
  }
}

let commands = TopicPartition("commands", 0)
let journal = TopicPartition("journal", 0)
let snapshot = TopicPartition("things.state", 0)
