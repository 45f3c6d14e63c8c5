package import Ports

/// Reads the log's file from beside: of a stopped server, or of one that runs. Takes no lock and changes nothing.
package struct LogFile {
  private let connection: Connection
  private let tables: [TopicPartition: Int64]
  private let path: String

  package init(folder: String) throws(EventLogStartFailure) {
    path = folder + "/" + Schema.fileName
    do {
      connection = try Connection(path: path, readOnly: true)
      try Schema.check(connection, path)
      let rows = try connection.prepare("SELECT id, topic, number FROM partitions")
      var found: [TopicPartition: Int64] = [:]
      while try rows.row() { found[TopicPartition(rows.text(1), Int(rows.integer(2)))] = rows.integer(0) }
      tables = found
    } catch let error as SQLiteError {
      throw Schema.failure(error, path)
    } catch let error as EventLogStartFailure {
      throw error
    } catch {
      throw .unreadable(file: path, reason: "\(error)")
    }
  }

  /// The partitions of a topic, in order.
  package func partitions(of topic: String) -> [TopicPartition] { tables.keys.filter { $0.topic == topic }.sorted() }

  /// Up to `limit` committed records from an offset on.
  package func read(_ source: TopicPartition, from offset: Int64, limit: Int) throws(EventLogStartFailure) -> [LogRecord] {
    guard let table = tables[source] else { return [] }
    do throws(SQLiteError) {
      let rows = try connection.prepare(
        "SELECT \"offset\", appended, key, value FROM p\(table) WHERE \"offset\" >= ?1 ORDER BY \"offset\" LIMIT ?2")
      rows.bind(1, offset)
      rows.bind(2, Int64(limit))
      var found: [LogRecord] = []
      while try rows.row() {
        found.append(
          LogRecord(offset: rows.integer(0), appended: rows.integer(1), key: rows.blob(2) ?? [], value: rows.blob(3)))
      }
      return found
    } catch {
      throw Schema.failure(error, path)
    }
  }

  /// `PRAGMA quick_check`: "ok", or what is wrong. About a second per GB.
  package func check() throws(EventLogStartFailure) -> String {
    do throws(SQLiteError) { return try connection.text("PRAGMA quick_check(1)") } catch { throw Schema.failure(error, path) }
  }
}
