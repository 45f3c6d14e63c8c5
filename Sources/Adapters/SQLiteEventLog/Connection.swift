import CPacedWrites
import CSQLite
import Glibc
import Ports

/// What SQLite answered when it refused.
struct SQLiteError: Error, CustomStringConvertible {
  /// Extended result code.
  let code: Int32
  let description: String

  var primary: Int32 { code & 0xFF }
}

/// One connection. Not Sendable: it belongs to whoever made it, and SQLite is told to take no locks for it.
final class Connection {
  fileprivate let handle: OpaquePointer
  /// What the last checkpoint that could not be trusted said: something that was written may not be on the disk. Nil: none so far.
  private(set) var checkpointFailure: SQLiteError?

  /// Opens an existing file, or with `create` a new one. `vfs`: by which of SQLite's ways to the disk; nil: the usual one.
  init(path: String, readOnly: Bool = false, create: Bool = false, vfs: String? = nil) throws(SQLiteError) {
    var handle: OpaquePointer?
    let mode = readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0)
    let code = sqlite3_open_v2(path, &handle, mode | SQLITE_OPEN_NOMUTEX, vfs)
    guard code == SQLITE_OK, let handle else {
      var text = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      if let handle, sqlite3_system_errno(handle) != 0 { text += ": " + String(cString: strerror(sqlite3_system_errno(handle))) }
      // SQLite hands out a connection to be closed even when it could not open the file.
      sqlite3_close_v2(handle)
      throw SQLiteError(code: code, description: text)
    }
    // Without the permission to write SQLite opens the file for reading and says so at the first change, which may be long after a start.
    guard readOnly || sqlite3_db_readonly(handle, "main") == 0 else {
      sqlite3_close_v2(handle)
      throw SQLiteError(code: SQLITE_READONLY, description: "it may be read but not written")
    }
    self.handle = handle
    sqlite3_extended_result_codes(handle, 1)
    sqlite3_busy_timeout(handle, 5000)
  }

  deinit { sqlite3_close_v2(handle) }

  func execute(_ sql: String) throws(SQLiteError) {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw failure(code) }
  }

  func prepare(_ sql: String) throws(SQLiteError) -> Statement {
    var statement: OpaquePointer?
    let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
    guard code == SQLITE_OK, let statement else { throw failure(code) }
    return Statement(handle: statement, connection: self)
  }

  /// The first column of the first row as an integer; nil without a row or with NULL.
  func integer(_ sql: String) throws(SQLiteError) -> Int64? {
    let statement = try prepare(sql)
    return try statement.row() ? statement.optionalInteger(0) : nil
  }

  /// The first column of the first row as text; empty without a row.
  func text(_ sql: String) throws(SQLiteError) -> String {
    let statement = try prepare(sql)
    return try statement.row() ? statement.text(0) : ""
  }

  /// Folds nothing in by itself until the write-ahead log has `pages` pages; whoever owns the connection does so at a better moment. SQLite's own way of doing it is in the
  /// middle of a commit, and keeps errors to itself: a sync that failed is told once, the next one would succeed without what the system has dropped meanwhile.
  func foldInAtLatest(pages: Int32) {
    self.pages = pages
    sqlite3_wal_hook(
      handle,
      { context, _, _, frames in
        guard let context else { return SQLITE_OK }
        let connection = Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue()
        connection.unfolded = frames
        if frames >= connection.pages { connection.foldIn() }
        return SQLITE_OK
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  private var pages: Int32 = .max
  /// Pages of the write-ahead log as the last commit left it; 0 after an attempt to fold it in.
  private(set) var unfolded: Int32 = 0

  /// Lets others have the disk while the write-ahead log is folded in: what goes into the file goes to the disk so many stretches at a time.
  func foldInPieces(of stretches: Int32) { if Connection.canPace { pace = stretches } }

  private var pace: Int32 = 0
  private static let canPace = paced_writes_install() != 0

  /// Writes what the write-ahead log holds into the file, as far as no reader is in the way, and syncs it.
  func foldIn() {
    unfolded = 0
    paced_writes_begin(pace)
    let code = sqlite3_wal_checkpoint_v2(handle, "main", SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    let last = paced_writes_end()
    if last < 0 { checkpointFailure = SQLiteError(code: SQLiteError.writing, description: String(cString: strerror(-last))) }
    // Busy: a reader is in the way. Full: the write-ahead log keeps what the file has no room for. Both are tried again after the next commit.
    if ![SQLITE_OK, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_FULL].contains(code & 0xFF) { checkpointFailure = failure(code) }
  }

  /// Writes everything that the write-ahead log holds into the file, syncs it, and empties the write-ahead log. Whatever became of earlier syncs, it is on the disk then.
  func checkpointAll() throws(SQLiteError) {
    let busy = try integer("PRAGMA wal_checkpoint(TRUNCATE)")
    guard busy == 0 else { throw SQLiteError(code: SQLITE_BUSY, description: "readers are in the way of a checkpoint") }
    checkpointFailure = nil
  }

  var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  /// Rows that the last statement changed.
  var changes: Int { Int(sqlite3_changes(handle)) }

  fileprivate func failure(_ code: Int32) -> SQLiteError {
    let system = sqlite3_system_errno(handle)
    let isOfTheDisk = [SQLITE_IOERR, SQLITE_CANTOPEN].contains(code & 0xFF) && system != 0
    let text = String(cString: sqlite3_errmsg(handle)) + (isOfTheDisk ? ": " + String(cString: strerror(system)) : "")
    return SQLiteError(code: code, description: "\(text) (SQLite \(sqlite3_extended_errcode(handle)))")
  }
}

/// One prepared statement. Keeps its connection, so that statements end before it.
final class Statement {
  private let handle: OpaquePointer
  private let connection: Connection

  fileprivate init(handle: OpaquePointer, connection: Connection) {
    self.handle = handle
    self.connection = connection
  }

  deinit { sqlite3_finalize(handle) }

  func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(handle, index, value) }

  func bind(_ index: Int32, _ value: String) {
    let bytes = Array(value.utf8)
    bytes.withUnsafeBufferPointer { buffer in
      buffer.withMemoryRebound(to: CChar.self) {
        _ = sqlite3_bind_text64(handle, index, $0.baseAddress, UInt64($0.count), copied, UInt8(SQLITE_UTF8))
      }
    }
  }

  func bind(_ index: Int32, copying value: [UInt8]) {
    // An empty array may have no address, which SQLite would take for NULL.
    if value.isEmpty {
      _ = sqlite3_bind_zeroblob(handle, index, 0)
    } else {
      sqlite3_bind_blob64(handle, index, value, UInt64(value.count), copied)
    }
  }

  /// Inserts one record. The bytes are bound without a copy: SQLite reads them during the step only, and the statement is reset before they go out of reach.
  func insert(_ record: LogRecord) throws(SQLiteError) {
    bind(1, record.offset)
    bind(2, record.appended)
    let code = record.key.withUnsafeBytes { key in
      bind(3, key)
      guard let value = record.value else {
        sqlite3_bind_null(handle, 4)
        return finish()
      }
      return value.withUnsafeBytes { value in
        bind(4, value)
        return finish()
      }
    }
    guard code == SQLITE_DONE else { throw connection.failure(code) }
  }

  /// Runs to the end, ignoring rows.
  func run() throws(SQLiteError) {
    let code = finish()
    guard code == SQLITE_DONE || code == SQLITE_ROW else { throw connection.failure(code) }
  }

  /// Goes to the next row; false at the end, and then the statement is reset. Whoever stops earlier calls `reset`.
  func row() throws(SQLiteError) -> Bool {
    let code = sqlite3_step(handle)
    if code == SQLITE_ROW { return true }
    sqlite3_reset(handle)
    guard code == SQLITE_DONE else { throw connection.failure(code) }
    return false
  }

  func reset() { sqlite3_reset(handle) }

  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  func optionalInteger(_ column: Int32) -> Int64? {
    sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : sqlite3_column_int64(handle, column)
  }

  func text(_ column: Int32) -> String { String(decoding: blob(column) ?? [], as: UTF8.self) }

  func blob(_ column: Int32) -> [UInt8]? {
    if sqlite3_column_type(handle, column) == SQLITE_NULL { return nil }
    guard let start = sqlite3_column_blob(handle, column) else { return [] }
    return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
  }

  private func bind(_ index: Int32, _ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress, !bytes.isEmpty else {
      sqlite3_bind_zeroblob(handle, index, 0)
      return
    }
    sqlite3_bind_blob64(handle, index, start, UInt64(bytes.count), nil)
  }

  private func finish() -> Int32 {
    let code = sqlite3_step(handle)
    sqlite3_reset(handle)
    return code
  }
}

/// SQLITE_TRANSIENT, a cast macro that is not imported: SQLite copies the bytes at once.
private var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }
