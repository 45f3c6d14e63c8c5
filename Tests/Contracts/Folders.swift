import ChildProcess
import Foundation
import Ports
import PortsTesting
import SQLiteEventLog
import Testing

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

/// An executable of this package, beside the tests themselves, where the build puts every product.
func builtProduct(_ name: String) throws -> URL {
  try URL(fileURLWithPath: FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")).deletingLastPathComponent()
    .appendingPathComponent(name)
}

/// Runs an executable of this package to its good end and answers what it printed.
func run(_ product: String, _ arguments: [String]) throws -> String {
  let child = try Child(builtProduct(product).path, arguments)
  let printed = child.readToEnd()
  #expect(child.end() == Child.End())
  return String(decoding: printed, as: UTF8.self)
}
