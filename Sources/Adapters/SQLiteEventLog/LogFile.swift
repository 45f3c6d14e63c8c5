package import Ports

/// Reads the log's file from beside: of a stopped server, or of one that runs. Takes no lock and changes nothing.
package struct LogFile {
  private struct Table {
    var connection: Connection
    var number: Int64
    var path: String
  }
  private let tables: [TopicPartition: Table]
  private let files: [(connection: Connection, name: String, path: String)]

  package init(folder: String) throws(EventLogStartFailure) {
    var tables: [TopicPartition: Table] = [:]
    var files: [(connection: Connection, name: String, path: String)] = []
    func take(_ part: LogPart) throws(EventLogStartFailure) -> Int64 {
      let path = folder + "/" + part.fileName
      return try Schema.reading(path) {
        let connection = try Connection(path: path, readOnly: true)
        let version = try Schema.check(connection, path)
        let rows = try connection.prepare("SELECT id, topic, number FROM partitions")
        while try rows.row() {
          tables[TopicPartition(rows.text(1), Int(rows.integer(2)))] = Table(connection: connection, number: rows.integer(0), path: path)
        }
        files.append((connection, part.fileName, path))
        return version
      }
    }
    if try take(.journals) == Schema.version { _ = try take(.derived) }
    (self.tables, self.files) = (tables, files)
  }

  /// The partitions of a topic, in order.
  package func partitions(of topic: String) -> [TopicPartition] { tables.keys.filter { $0.topic == topic }.sorted() }

  /// Up to `limit` committed records from an offset on.
  package func read(_ source: TopicPartition, from offset: Int64, limit: Int) throws(EventLogStartFailure) -> [LogRecord] {
    guard let table = tables[source] else { return [] }
    do throws(SQLiteError) {
      let rows = try table.connection.prepare(
        "SELECT \"offset\", appended, key, value FROM p\(table.number) WHERE \"offset\" >= ?1 ORDER BY \"offset\" LIMIT ?2")
      rows.bind(1, offset)
      rows.bind(2, Int64(limit))
      var found: [LogRecord] = []
      while try rows.row() {
        found.append(
          LogRecord(offset: rows.integer(0), appended: rows.integer(1), key: rows.blob(2) ?? [], value: rows.blob(3)))
      }
      return found
    } catch {
      throw Schema.failure(error, table.path)
    }
  }

  /// `PRAGMA quick_check`: nil, or which file is damaged and how. About a second per GB.
  package func damage() throws(EventLogStartFailure) -> (file: String, reason: String)? {
    for file in files {
      let verdict = try Schema.reading(file.path) { try file.connection.text("PRAGMA quick_check(1)") }
      if verdict != "ok" { return (file.name, verdict) }
    }
    return nil
  }

  /// The files' names.
  package var names: [String] { files.map(\.name) }
}
