import CSQLite
import Glibc
import Ports

/// One partition as the file knows it.
struct StoredPartition {
  let table: Int64
  let target: TopicPartition
  let compacted: Bool
  var start: Int64
  var next: Int64
  var lastAppended: Int64
}

/// The log's files (journal.md, "The embedded home"). Who waits for a decision waits for the first one alone.
enum LogPart: Sendable {
  /// What came in and what was decided.
  case journals
  /// What projectors made of it: with a writer, a write-ahead log and syncs of its own.
  case derived

  var fileName: String { self == .journals ? "log.sqlite" : "derived.sqlite" }

  /// Pages of a write-ahead log that is folded into the file when nobody writes, and when it is folded in whoever waits. All of it is synced at once, and the disk takes
  /// nobody else's sync meanwhile: a longer one makes the tail of latencies longer. Whoever waits for a commit waits for the journal's: seldom, then, since most pages of a longer one
  /// are versions of the same few (beside an import whose items end, p99 36 and 11 ms with 1000 pages, 21 and 10 with 4000, in turns).
  var foldingPages: (quiet: Int32, busy: Int32) { self == .journals ? (250, 4000) : (300, 2000) }

  /// How many places of the file are written at once while a write-ahead log is folded in; 0: all. Snapshots change all over theirs, and the journal's sync would wait for a
  /// thousand small writes; journals grow at a few places, and whoever waits for the next commit waits for their fold.
  var foldingStretches: Int32 { self == .journals ? 0 : 8 }

  /// What the writer keeps of the file in memory at most. Snapshots change at places all over theirs: with SQLite's own 2 MB, pages are read and written again and again within one
  /// transaction.
  var cacheKilobytes: Int { self == .journals ? 4096 : 65_536 }
}

/// One file: where it is, what is in it, and how it is opened and made. Rows of one partition stand in a table of their own whose rowid is the offset, the fastest shape
/// that was measured; compacted ones have an index by key besides.
enum Schema {
  /// "TRKL": tells our files from other SQLite databases.
  static let applicationID: Int64 = 0x5452_4B4C
  static let version: Int64 = 2
  /// A file that holds everything: of the first release, or a backup.
  static let wholeVersion: Int64 = 1

  /// Checks the file, adds the topics that are new, and answers what is in it. The connection is closed again: the writer opens its own on its thread.
  static func open(
    _ part: LogPart, folder: String, topics: [TopicDeclaration], options: SQLiteEventLog.Options
  ) throws(EventLogStartFailure) -> (version: Int64, partitions: [StoredPartition]) {
    let path = folder + "/" + part.fileName
    return try reading(path) {
      let connection = try Connection(path: path, vfs: options.vfs)
      let version = try check(connection, path)
      try verify(connection, path, upTo: options.verifyBytes)
      try configure(connection, part)
      try addTopics(connection, path, topics)
      return (version, try load(connection))
    }
  }

  /// Errors of SQLite as failures of the start that name the file.
  static func reading<Value>(_ path: String, _ body: () throws -> Value) throws(EventLogStartFailure) -> Value {
    do { return try body() } catch let error as SQLiteError {
      throw failure(error, path)
    } catch let error as EventLogStartFailure {
      throw error
    } catch {
      throw .unreadable(file: path, reason: "\(error)")
    }
  }

  static func configure(_ connection: Connection, _ part: LogPart) throws(SQLiteError) {
    // FULL: a commit is on the disk when it returns. secure_delete would write every trimmed page once more.
    try connection.execute("PRAGMA synchronous=FULL; PRAGMA secure_delete=OFF; PRAGMA cache_size=-\(part.cacheKilobytes)")
    // A copy out of a backup is not in this mode yet.
    let mode = try connection.text("PRAGMA journal_mode=WAL")
    guard mode == "wal" else { throw SQLiteError(code: SQLITE_CANTOPEN, description: "a write-ahead log is not possible here (\(mode))") }
    connection.foldInAtLatest(pages: 8 * part.foldingPages.busy)
    connection.foldInPieces(of: part.foldingStretches)
  }

  /// Makes the file under another name and renames it when it is whole, so that a file of our name without our schema is always a broken one.
  static func create(
    _ path: String, vfs: String?, _ fill: (Connection) throws(SQLiteError) -> Void = { _ in }
  ) throws(EventLogStartFailure) {
    let new = path + ".new"
    for end in ["", "-wal", "-shm", "-journal"] { unlink(new + end) }
    do {
      let connection = try Connection(path: new, create: true, vfs: vfs)
      try connection.execute(
        """
        PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
        BEGIN;
        CREATE TABLE topics (name TEXT PRIMARY KEY, partitions INTEGER NOT NULL, compacted INTEGER NOT NULL);
        CREATE TABLE partitions (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, number INTEGER NOT NULL, start INTEGER NOT NULL, UNIQUE (topic, number));
        PRAGMA application_id=\(applicationID); PRAGMA user_version=\(wholeVersion);
        COMMIT
        """)
      try fill(connection)
      try connection.checkpointAll()
    } catch {
      throw failure(error, new)
    }
    // What stands in it is nobody else's business; SQLite gives its side files the same mode.
    chmod(new, 0o600)
    // The connection is closed here, so no WAL is left beside the file.
    guard rename(new, path) == 0 else { throw .unreadable(file: path, reason: String(cString: strerror(errno))) }
    syncFolder(of: path)
  }

  /// A name in a folder is on the disk only once the folder is.
  static func syncFolder(of path: String) {
    let folder = path.lastIndex(of: "/").map { path[..<$0].isEmpty ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  /// Whether it is a log of ours that this release can read; its version.
  @discardableResult
  static func check(_ connection: Connection, _ path: String) throws -> Int64 {
    let found = try connection.integer("PRAGMA application_id") ?? 0
    let version = try connection.integer("PRAGMA user_version") ?? 0
    if found == 0, version == 0, try connection.integer("SELECT count(*) FROM sqlite_schema") == 0 {
      throw EventLogStartFailure.corrupt(file: path, reason: "it is empty")
    }
    guard found == applicationID else { throw EventLogStartFailure.notOurs(file: path) }
    guard version <= Schema.version else {
      throw EventLogStartFailure.newerSchema(file: path, found: Int(version), known: Int(Schema.version))
    }
    return version
  }

  private static func verify(_ connection: Connection, _ path: String, upTo bytes: Int64) throws {
    let size = try (connection.integer("PRAGMA page_count") ?? 0) * (connection.integer("PRAGMA page_size") ?? 0)
    guard size <= bytes else { return }
    let result = try connection.text("PRAGMA quick_check(1)")
    guard result == "ok" else { throw EventLogStartFailure.corrupt(file: path, reason: result) }
  }

  static func addTopics(_ connection: Connection, _ path: String, _ topics: [TopicDeclaration]) throws {
    try connection.execute("BEGIN IMMEDIATE")
    let find = try connection.prepare("SELECT partitions FROM topics WHERE name = ?1")
    for topic in topics {
      find.bind(1, topic.name)
      let found: Int64? = try find.row() ? find.integer(0) : nil
      find.reset()
      if let found {
        guard Int(found) == topic.partitions else {
          throw EventLogStartFailure.differentPartitions(file: path, topic: topic.name, found: Int(found), asked: topic.partitions)
        }
      } else {
        try add(topic, connection)
      }
    }
    try connection.execute("COMMIT")
  }

  static func add(_ topic: TopicDeclaration, _ connection: Connection) throws(SQLiteError) {
    let insert = try connection.prepare("INSERT INTO topics (name, partitions, compacted) VALUES (?1, ?2, ?3)")
    insert.bind(1, topic.name)
    insert.bind(2, Int64(topic.partitions))
    insert.bind(3, topic.compacted ? 1 : 0)
    try insert.run()
    let partition = try connection.prepare("INSERT INTO partitions (topic, number, start) VALUES (?1, ?2, 0) RETURNING id")
    for number in 0..<topic.partitions {
      partition.bind(1, topic.name)
      partition.bind(2, Int64(number))
      guard try partition.row() else { continue }
      let table = partition.integer(0)
      partition.reset()
      // `"offset"` is the rowid: explicit, so that no offset is ever chosen by SQLite.
      try connection.execute(
        "CREATE TABLE p\(table) (\"offset\" INTEGER PRIMARY KEY, appended INTEGER NOT NULL, key BLOB NOT NULL, value BLOB)")
      guard topic.compacted else { continue }
      try connection.execute(
        "CREATE UNIQUE INDEX p\(table)_key ON p\(table) (key); CREATE INDEX p\(table)_gone ON p\(table) (appended) WHERE value IS NULL")
    }
  }

  private static func load(_ connection: Connection) throws(SQLiteError) -> [StoredPartition] {
    let rows = try connection.prepare(
      "SELECT p.id, p.topic, p.number, p.start, t.compacted FROM partitions p JOIN topics t ON t.name = p.topic ORDER BY p.id")
    var found: [StoredPartition] = []
    while try rows.row() {
      let table = rows.integer(0)
      found.append(
        StoredPartition(
          table: table, target: TopicPartition(rows.text(1), Int(rows.integer(2))), compacted: rows.integer(4) != 0, start: rows.integer(3),
          next: 0,
          lastAppended: 0))
    }
    for index in found.indices { (found[index].next, found[index].lastAppended) = try end(connection, found[index].table) }
    return found
  }

  /// Offset after the last row of a partition, and that row's append time.
  static func end(_ connection: Connection, _ table: Int64) throws(SQLiteError) -> (next: Int64, appended: Int64) {
    let last = try connection.prepare("SELECT \"offset\", appended FROM p\(table) ORDER BY \"offset\" DESC LIMIT 1")
    guard try last.row() else { return (0, 0) }
    defer { last.reset() }
    return (last.integer(0) + 1, last.integer(1))
  }

  static func failure(_ error: SQLiteError, _ path: String) -> EventLogStartFailure {
    switch error.primary {
    case SQLITE_NOTADB, SQLITE_CORRUPT: .corrupt(file: path, reason: error.description)
    default: .unreadable(file: path, reason: error.description)
    }
  }
}
