import Glibc
import Ports

/// How a log comes to have its derived topics in a file of their own: at its first start, and once after the first release or a backup, which keep everything in one file.
enum Split {
  /// Afterwards the first file says (`user_version`) that there is a second one, and there is. Cut short at any point it begins again: until the first file says so, what it
  /// holds is what counts.
  static func make(folder: String, derived: [TopicDeclaration], options: SQLiteEventLog.Options) throws(EventLogStartFailure) {
    let (first, second) = (folder + "/" + LogPart.journals.fileName, folder + "/" + LogPart.derived.fileName)
    if access(first, F_OK) != 0 {
      for leftover in [first + "-wal", first + "-shm", second] where access(leftover, F_OK) == 0 {
        throw .corrupt(file: first, reason: "it is missing, but \(leftover) is there")
      }
      try Schema.create(first, vfs: options.vfs)
    }
    let (version, present) = try Schema.reading(first) {
      let connection = try Connection(path: first, vfs: options.vfs)
      return (try Schema.check(connection, first), try TopicRows.names(connection))
    }
    if version == Schema.version {
      guard access(second, F_OK) == 0 else { throw .corrupt(file: second, reason: "it is missing, but \(first) is there") }
      return
    }
    guard !derived.isEmpty else { return }
    let moving = derived.map(\.name).filter(present.contains)
    for end in ["-wal", "-shm"] { unlink(second + end) }
    try Schema.create(second, vfs: options.vfs) { (connection) throws(SQLiteError) in
      try TopicRows.copy(moving, from: first, into: connection)
    }
    try Schema.reading(first) {
      let connection = try Connection(path: first, vfs: options.vfs)
      try Schema.configure(connection, .journals)
      try connection.execute("BEGIN IMMEDIATE")
      try TopicRows.drop(moving, connection)
      try connection.execute("PRAGMA user_version=\(Schema.version); COMMIT")
    }
  }
}

/// Topics with all their rows, moved between files.
enum TopicRows {
  static func names(_ connection: Connection) throws(SQLiteError) -> Set<String> {
    let rows = try connection.prepare("SELECT name FROM topics")
    var found: Set<String> = []
    while try rows.row() { found.insert(rows.text(0)) }
    return found
  }

  /// In one transaction, offsets and starts as they are. None of the topics is in `connection` yet.
  static func copy(_ topics: [String], from path: String, into connection: Connection) throws(SQLiteError) {
    let attach = try connection.prepare("ATTACH ?1 AS source")
    attach.bind(1, path)
    try attach.run()
    try connection.execute("BEGIN IMMEDIATE")
    for topic in topics {
      let tables = try self.tables(of: topic, in: "source", connection)
      let compacted = try connection.prepare("SELECT compacted FROM source.topics WHERE name = ?1")
      compacted.bind(1, topic)
      let isCompacted = try compacted.row() && compacted.integer(0) != 0
      compacted.reset()
      try Schema.add(TopicDeclaration(topic, partitions: tables.count, compacted: isCompacted), connection)
      for (from, to) in zip(tables, try self.tables(of: topic, in: "main", connection)) {
        try connection.execute(
          """
          INSERT INTO main.p\(to) ("offset", appended, key, value) SELECT "offset", appended, key, value FROM source.p\(from);
          UPDATE main.partitions SET start = (SELECT start FROM source.partitions WHERE id = \(from)) WHERE id = \(to)
          """)
      }
    }
    try connection.execute("COMMIT; DETACH source")
  }

  static func drop(_ topics: [String], _ connection: Connection) throws(SQLiteError) {
    for topic in topics {
      for table in try tables(of: topic, in: "main", connection) { try connection.execute("DROP TABLE p\(table)") }
      for table in ["partitions WHERE topic", "topics WHERE name"] {
        let delete = try connection.prepare("DELETE FROM \(table) = ?1")
        delete.bind(1, topic)
        try delete.run()
      }
    }
  }

  /// Numbers of the tables, in the order of the partitions.
  private static func tables(of topic: String, in schema: String, _ connection: Connection) throws(SQLiteError) -> [Int64] {
    let rows = try connection.prepare("SELECT id FROM \(schema).partitions WHERE topic = ?1 ORDER BY number")
    rows.bind(1, topic)
    var found: [Int64] = []
    while try rows.row() { found.append(rows.integer(0)) }
    return found
  }
}
