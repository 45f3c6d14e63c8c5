import Foundation
import Ports
import PortsTesting
import SQLiteEventLog

/// Runs `body` with a folder of its own and removes it.
func withFolder(_ body: (String) async throws -> Void) async throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("trunkline-log-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  try await body(folder.path)
}

/// Runs `body` with the log of a folder and closes it.
func withLog(
  _ folder: String, topics: [TopicDeclaration] = EventLogHome.topics, clock: any Clock = ManualClock(),
  options: SQLiteEventLog.Options = .init(),
  _ body: (SQLiteEventLog) async throws -> Void
) async throws {
  let log = try SQLiteEventLog(folder: folder, topics: topics, clock: clock, options: options)
  defer { log.shutdown() }
  try await body(log)
}
