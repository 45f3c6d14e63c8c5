import Ports
import Synchronization

/// Reads one partition: from memory at its end, from the file further back.
final class SQLiteReader: LogReader {
  /// Offsets that one statement looks at when it filters, so that none stays open for long: an open read keeps the write-ahead log from being folded in.
  private static let filteredSpan: Int64 = 16_384

  private enum Step {
    case done
    case file(table: Int64, from: Int64, to: Int64)
  }

  private let core: LogCore
  private let source: TopicPartition
  private let index: Int?
  private let id: UInt64
  private let key: [UInt8]?
  private let visibility: Visibility
  private let wake: @Sendable () -> Void

  init(core: LogCore, source: TopicPartition, from: Int64, key: [UInt8]?, visibility: Visibility, wake: @escaping @Sendable () -> Void) {
    let index = core.indexes[source]
    (self.core, self.source, self.index) = (core, source, index)
    (self.key, self.visibility, self.wake) = (key, visibility, wake)
    id = core.state.withLock { s in
      s.number += 1
      guard let index else { return s.number }
      // 0 asks for what there is; any other position is meant.
      s.partitions[index].readers[s.number] = ReaderState(position: from == 0 ? s.partitions[index].start : from)
      return s.number
    }
  }

  deinit { close() }

  /// What is in the file is here.
  var isAtEnd: Bool { true }

  var position: Int64 {
    guard let index else { return 0 }
    return core.state.withLock { $0.partitions[index].readers[id]?.position ?? 0 }
  }

  func close() {
    guard let index else { return }
    core.state.withLock { s in
      s.partitions[index].readers[id] = nil
      s.partitions[index].waitingOrdered.remove(id, key: key)
      s.partitions[index].waitingCommitted.remove(id, key: key)
    }
  }

  func take(records: Int, bytes: Int) throws(LogFailure) -> [LogRecord] {
    guard let index else { throw .refused("there is no partition \(source)") }
    var page = Page(records: max(1, records), bytes: bytes, key: key)
    while true {
      switch try step(index, &page) {
      case .done: return page.found
      case .file(let table, let from, let to):
        let next = try readFile(table, from, to, &page)
        try advance(index, from: from, to: next)
        if page.isFull { return page.found }
      }
    }
  }

  /// What memory can give; when nothing is there the reader is noted down to be woken.
  private func step(_ index: Int, _ page: inout Page) throws(LogFailure) -> Step {
    try core.state.withLock { s throws(LogFailure) in
      let position = try check(s, index)
      let end = s.partitions[index].end(visibility)
      guard position >= s.partitions[index].tail.base || position >= end else {
        return .file(table: s.partitions[index].table, from: position, to: s.partitions[index].tail.base)
      }
      var next = position
      while next < end, !page.isFull {
        page.add(s.partitions[index].tail[next])
        next += 1
      }
      s.partitions[index].readers[id]?.position = next
      guard page.found.isEmpty else { return .done }
      switch visibility {
      case .ordered: s.partitions[index].waitingOrdered.add(id, key: key, wake)
      case .committed: s.partitions[index].waitingCommitted.add(id, key: key, wake)
      }
      return .done
    }
  }

  private func advance(_ index: Int, from: Int64, to next: Int64) throws(LogFailure) {
    try core.state.withLock { s throws(LogFailure) in
      // A trim moves the start before it deletes: a start that has not passed us proves that the rows were all there.
      _ = try check(s, index)
      s.partitions[index].readers[id]?.position = next
    }
  }

  private func check(_ s: borrowing LogState, _ index: Int) throws(LogFailure) -> Int64 {
    guard let reader = s.partitions[index].readers[id] else { throw .unavailable("the reader is closed") }
    if s.finished { throw .unavailable("the log is closed") }
    let (start, end) = (s.partitions[index].start, s.partitions[index].end(visibility))
    if reader.broken || reader.position < start || reader.position > s.partitions[index].next { throw .outOfRange(start: start, end: end) }
    return reader.position
  }

  private func readFile(_ table: Int64, _ from: Int64, _ to: Int64, _ page: inout Page) throws(LogFailure) -> Int64 {
    // A key of a compacted topic stands there once, so its index leads to it; elsewhere the filter walks.
    let until = key == nil ? to : min(to, from + SQLiteReader.filteredSpan)
    do {
      let reading = try core.readConnections.take()
      let next = try reading.read(table, from, until, key, &page)
      // Not after an error: it may keep pages that are not what the disk holds.
      core.readConnections.give(reading)
      core.health.readingSucceeded()
      return next
    } catch {
      core.health.readingFailed(error)
      throw .unavailable("reading \(source): \(error)")
    }
  }
}

/// What one take gathers, and when it has enough.
struct Page {
  let records: Int
  let bytes: Int
  let key: [UInt8]?
  private(set) var found: [LogRecord] = []
  private var size = 0

  init(records: Int, bytes: Int, key: [UInt8]?) { (self.records, self.bytes, self.key) = (records, bytes, key) }

  var isFull: Bool { found.count >= records || (size >= bytes && !found.isEmpty) }
  var room: Int { records - found.count }

  mutating func add(_ record: LogRecord) {
    if let key, record.key != key { return }
    found.append(record)
    size += record.size
  }
}

/// A connection that only reads, with its statements.
// @unchecked: it is in the hands of one reader at a time. `ReadConnections` gives it out and takes it back under a lock, which also orders what one thread did before what
// the next does; SQLite allows a connection without its own locks to move between threads in that way.
final class ReadConnection: @unchecked Sendable {
  private let connection: Connection
  private var statements: [Int64: Statement] = [:]
  private var filtered: [Int64: Statement] = [:]

  init(path: String, vfs: String?) throws(SQLiteError) { connection = try Connection(path: path, readOnly: true, vfs: vfs) }

  /// Rows in [`from`, `to`) until the page is full; answers where to go on.
  func read(_ table: Int64, _ from: Int64, _ to: Int64, _ key: [UInt8]?, _ page: inout Page) throws(SQLiteError) -> Int64 {
    let statement = try statement(table, filter: key != nil)
    statement.bind(1, from)
    statement.bind(2, to)
    statement.bind(3, Int64(page.room))
    if let key { statement.bind(4, copying: key) }
    defer { statement.reset() }
    while try statement.row() {
      let offset = statement.integer(0)
      page.add(LogRecord(offset: offset, appended: statement.integer(1), key: statement.blob(2) ?? [], value: statement.blob(3)))
      if page.isFull { return offset + 1 }
    }
    return to
  }

  /// Offset of the first row in [`from`, `to`) appended at `time` or later. In short statements: one that stays open keeps the write-ahead log from being folded in.
  func first(_ table: Int64, from: Int64, to: Int64, since time: Int64) throws(SQLiteError) -> Int64? {
    let statement = try connection.prepare(
      """
      SELECT "offset" FROM p\(table) WHERE "offset" >= ?1 AND "offset" < ?2 AND appended >= ?3 ORDER BY "offset" LIMIT 1
      """)
    var low = from
    while low < to {
      let high = min(to, low + 16_384)
      statement.bind(1, low)
      statement.bind(2, high)
      statement.bind(3, time)
      defer { statement.reset() }
      if try statement.row() { return statement.integer(0) }
      low = high
    }
    return nil
  }

  private func statement(_ table: Int64, filter: Bool) throws(SQLiteError) -> Statement {
    if let known = filter ? filtered[table] : statements[table] { return known }
    let made = try connection.prepare(
      """
      SELECT "offset", appended, key, value FROM p\(table)
      WHERE "offset" >= ?1 AND "offset" < ?2\(filter ? " AND key = ?4" : "") ORDER BY "offset" LIMIT ?3
      """)
    if filter { filtered[table] = made } else { statements[table] = made }
    return made
  }
}

/// Connections for reading, made when they are needed; a few idle ones are kept.
final class ReadConnections: Sendable {
  private static let idleLimit = 4

  private struct State {
    var idle: [ReadConnection] = []
    var closed = false
  }

  private let path: String
  private let vfs: String?
  private let state = Mutex(State())

  init(path: String, vfs: String?) { (self.path, self.vfs) = (path, vfs) }

  func take() throws(SQLiteError) -> ReadConnection {
    if let idle = state.withLock({ $0.idle.popLast() }) { return idle }
    return try ReadConnection(path: path, vfs: vfs)
  }

  func give(_ connection: ReadConnection) {
    state.withLock { s in
      if !s.closed, s.idle.count < ReadConnections.idleLimit { s.idle.append(connection) }
    }
  }

  func close() {
    state.withLock {
      $0.closed = true
      $0.idle = []
    }
  }
}
