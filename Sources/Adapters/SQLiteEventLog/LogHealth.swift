import CSQLite
import Glibc
import Synchronization

/// What keeps the log from being written or read now.
package struct LogProblem: Sendable, Equatable, CustomStringConvertible {
  package enum Part: String, Sendable {
    /// There is no room.
    case disk
    /// The file, or the way to it.
    case log
  }
  package var part: Part
  package var reason: String

  package var description: String { part == .disk ? "the disk is full: \(reason)" : "the log's file fails: \(reason)" }
}

/// What the log's last encounters with the disk were like. Any thread asks; the writer and the readers tell.
final class LogHealth: Sendable {
  /// Room that must be there again before a full disk counts as mended: a few pages would be gone at once, and the node back and forth.
  private static let enough: UInt64 = 1 << 20

  private struct State {
    var writing: LogProblem?
    var reading: LogProblem?
  }

  private let folder: String
  private let state = Mutex(State())

  init(folder: String) { self.folder = folder }

  var problem: LogProblem? { state.withLock { $0.writing ?? $0.reading } }
  var writing: LogProblem? { state.withLock { $0.writing } }

  func writingFailed(_ error: SQLiteError) { state.withLock { $0.writing = LogHealth.problem(error) } }

  func readingFailed(_ error: SQLiteError) { state.withLock { $0.reading = LogHealth.problem(error) } }

  func readingSucceeded() { state.withLock { if $0.reading != nil { $0.reading = nil } } }

  /// Something was written and synced. That much may have fitted into the last page of a full disk.
  func writingSucceeded() {
    guard let problem = writing, problem.part == .log || hasRoom else { return }
    state.withLock { $0.writing = nil }
  }

  var hasRoom: Bool {
    var status = statvfs()
    // Where it cannot be told, the next write tells.
    guard statvfs(folder, &status) == 0 else { return true }
    return UInt64(status.f_bavail) * UInt64(status.f_frsize) >= LogHealth.enough
  }

  private static func problem(_ error: SQLiteError) -> LogProblem {
    // The shared index of the write-ahead log is a file, too, and has an error of its own for want of room.
    let isFull = error.primary == SQLITE_FULL || error.code == SQLiteError.noRoomForSharedMemory
    return LogProblem(part: isFull ? .disk : .log, reason: error.description)
  }
}

extension SQLiteError {
  /// SQLITE_IOERR_SHMSIZE, a macro that is not imported.
  static let noRoomForSharedMemory: Int32 = SQLITE_IOERR | (19 << 8)
  /// SQLITE_IOERR_WRITE, likewise.
  static let writing: Int32 = SQLITE_IOERR | (3 << 8)

  /// After an error of the disk nothing says how much of what was written before has arrived there.
  var leavesDoubt: Bool { primary == SQLITE_IOERR }

  /// What was read was not what was written, and the connection may go on taking it for that. Not so after an error of writing, which SQLite takes back.
  var spoilsConnection: Bool {
    let (read, short) = (SQLITE_IOERR | (1 << 8), SQLITE_IOERR | (2 << 8))
    return [SQLITE_CORRUPT, SQLITE_NOTADB].contains(primary) || [read, short].contains(code)
  }
}
