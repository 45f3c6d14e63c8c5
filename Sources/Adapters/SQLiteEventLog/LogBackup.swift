import CSQLite
import Glibc

/// Why a backup was not made or not restored. Nothing that was there before has changed.
package enum LogBackupFailure: Error, Sendable, Equatable, CustomStringConvertible {
  case exists(file: String)
  case partOfFolder(file: String, folder: String)
  case folderHasLog(folder: String)
  case missing(file: String)
  case notWritten(file: String, reason: String)
  case source(EventLogStartFailure)

  package var description: String {
    switch self {
    case .exists(let file): "\(file) exists; choose another name, or replace it with --force"
    case .partOfFolder(let file, let folder):
      "\(file) lies in the data folder \(folder); a backup belongs on another disk, choose another place"
    case .folderHasLog(let folder):
      "\(folder) has a log already, which a restore does not touch; choose a new folder, or move that one away"
    case .missing(let file): "there is no \(file)"
    case .notWritten(let file, let reason): "\(file) could not be written: \(reason); check permissions and free space there"
    case .source(let failure): failure.description
    }
  }
}

/// One file of a data folder that goes into a backup beside the log.
package struct KeptFile: Sendable, Equatable {
  package var name: String
  package var content: [UInt8]

  package init(name: String, content: [UInt8]) { (self.name, self.content) = (name, content) }
}

/// Copies of the log as one file: all of one instant, from a server that runs or from a folder at rest. The copy is a log itself, with a table more, for what lies beside it.
package enum LogBackup {
  /// Writes `file`, mode 0600, whole or not at all. The server goes on meanwhile; its write-ahead log is not folded in until the copy is made. About the time that reading and
  /// writing the file takes.
  package static func write(
    folder: String, to file: String, beside kept: [KeptFile], replacing: Bool
  ) throws(LogBackupFailure) {
    let source = folder + "/" + LogPart.journals.fileName
    guard access(source, F_OK) == 0 else { throw .missing(file: source) }
    guard replacing || access(file, F_OK) != 0 else { throw .exists(file: file) }
    if let place = real(parent(of: file)), place == real(folder) { throw .partOfFolder(file: file, folder: folder) }
    let part = file + ".part"
    try reserve(part)
    let apart = part + ".derived"
    defer { for end in ["", "-journal"] { unlink(apart + end) } }
    do throws(LogBackupFailure) {
      // First, so that it is never ahead of the journals, which it is brought up to after a restore.
      let isSplit = try self.isSplit(source)
      if isSplit {
        try reserve(apart)
        try copy(folder + "/" + LogPart.derived.fileName, to: apart)
      }
      try copy(source, to: part)
      try finish(part) { (connection) throws(SQLiteError) in
        if isSplit { try join(apart, connection) }
        try keep(kept, connection)
      }
      guard rename(part, file) == 0 else { throw .notWritten(file: file, reason: String(cString: strerror(errno))) }
    } catch {
      for end in ["", "-journal"] { unlink(part + end) }
      throw error
    }
    Schema.syncFolder(of: file)
  }

  /// Makes the log of `folder` from a backup; answers what lay beside it. The folder must not have a log. Whoever calls holds the folder's lock.
  package static func restore(_ file: String, to folder: String) throws(LogBackupFailure) -> [KeptFile] {
    let path = folder + "/" + LogPart.journals.fileName
    for there in [path, path + "-wal", path + "-shm", folder + "/" + LogPart.derived.fileName] where access(there, F_OK) == 0 {
      throw .folderHasLog(folder: folder)
    }
    guard access(file, F_OK) == 0 else { throw .missing(file: file) }
    var kept: [KeptFile] = []
    let part = path + ".new"
    unlink(part)
    try reserve(part)
    do throws(LogBackupFailure) {
      try copy(file, to: part)
      try finish(part) { (connection) throws(SQLiteError) in
        if try connection.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'beside'") == 1 {
          let rows = try connection.prepare("SELECT name, content FROM beside ORDER BY name")
          while try rows.row() { kept.append(KeptFile(name: rows.text(0), content: rows.blob(1) ?? [])) }
        }
        try connection.execute("DROP TABLE IF EXISTS beside")
      }
      guard rename(part, path) == 0 else { throw .notWritten(file: path, reason: String(cString: strerror(errno))) }
    } catch {
      for end in ["", "-journal"] { unlink(part + end) }
      throw error
    }
    Schema.syncFolder(of: path)
    return kept
  }

  private static func isSplit(_ source: String) throws(LogBackupFailure) -> Bool {
    do throws(EventLogStartFailure) {
      return try Schema.reading(source) {
        let connection = try Connection(path: source, readOnly: true)
        return try Schema.check(connection, source) == Schema.version
      }
    } catch {
      throw .source(error)
    }
  }

  /// Both files become one, as the first release had it: any start takes them apart again.
  private static func join(_ apart: String, _ connection: Connection) throws(SQLiteError) {
    let topics = try TopicRows.names(try Connection(path: apart, readOnly: true))
    try TopicRows.copy(topics.sorted(), from: apart, into: connection)
    try connection.execute("PRAGMA user_version=\(Schema.wholeVersion)")
  }

  /// One read of one instant, whatever is written meanwhile; pages that nobody uses are left out.
  private static func copy(_ source: String, to part: String) throws(LogBackupFailure) {
    do {
      let connection = try Connection(path: source, readOnly: true)
      try Schema.check(connection, source)
      let into = try connection.prepare("VACUUM INTO ?1")
      into.bind(1, part)
      do throws(SQLiteError) { try into.run() } catch {
        let isOfTarget = [SQLITE_FULL, SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_READONLY].contains(error.primary)
        throw isOfTarget ? LogBackupFailure.notWritten(file: part, reason: error.description) : .source(Schema.failure(error, source))
      }
    } catch let error as LogBackupFailure {
      throw error
    } catch let error as EventLogStartFailure {
      throw .source(error)
    } catch let error as SQLiteError {
      throw .source(Schema.failure(error, source))
    } catch {
      throw .notWritten(file: part, reason: "\(error)")
    }
  }

  /// Changes the copy, looks through it, and brings it to the disk: a backup that nobody looked at is a hope.
  private static func finish(_ part: String, _ change: (Connection) throws(SQLiteError) -> Void) throws(LogBackupFailure) {
    do throws(SQLiteError) {
      let connection = try Connection(path: part)
      // One file, without others beside it: it can be read from a medium that takes no writes. Serving it changes that.
      try connection.execute("PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL")
      try change(connection)
      let verdict = try connection.text("PRAGMA quick_check(1)")
      guard verdict == "ok" else { throw SQLiteError(code: SQLITE_CORRUPT, description: "the copy is damaged: \(verdict)") }
    } catch {
      throw .notWritten(file: part, reason: error.description)
    }
    let descriptor = open(part, O_RDWR | O_CLOEXEC)
    defer { close(descriptor) }
    guard descriptor >= 0, fsync(descriptor) == 0 else { throw .notWritten(file: part, reason: String(cString: strerror(errno))) }
  }

  private static func keep(_ kept: [KeptFile], _ connection: Connection) throws(SQLiteError) {
    try connection.execute("DROP TABLE IF EXISTS beside; CREATE TABLE beside (name TEXT PRIMARY KEY, content BLOB NOT NULL)")
    let insert = try connection.prepare("INSERT INTO beside (name, content) VALUES (?1, ?2)")
    for file in kept {
      insert.bind(1, file.name)
      insert.bind(2, copying: file.content)
      try insert.run()
    }
  }

  /// Empty, and nobody else's to read from the first byte on; SQLite writes into an empty file.
  private static func reserve(_ part: String) throws(LogBackupFailure) {
    unlink(part)
    let descriptor = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .notWritten(file: part, reason: String(cString: strerror(errno))) }
    close(descriptor)
  }

  private static func parent(of path: String) -> String { path.lastIndex(of: "/").map { String(path[...$0]) } ?? "." }

  private static func real(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
