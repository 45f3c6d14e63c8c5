import CPacedWrites
import CSQLite
import Foundation
import Testing

/// No await in any of these: pacing belongs to a thread.
@Suite("What is folded into a file goes to the disk in pieces") struct PacedWritesTests {
  private final class File {
    private var handle: OpaquePointer?
    let path: String

    init(_ folder: String) throws {
      path = folder + "/file"
      #expect(sqlite3_open(path, &handle) == SQLITE_OK)
      try run("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t (id INTEGER PRIMARY KEY, text)")
    }

    deinit { sqlite3_close(handle) }

    func run(_ sql: String) throws { try #require(sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK) }

    /// Rows of a page each, and then a change to every other page.
    func fill() throws {
      try run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO t SELECT i, hex(zeroblob(1500)) FROM n")
      #expect(fold() == SQLITE_OK)
      try run("UPDATE t SET text = hex(randomblob(1500)) WHERE id % 2 = 0")
    }

    func fold() -> Int32 { sqlite3_wal_checkpoint_v2(handle, "main", SQLITE_CHECKPOINT_PASSIVE, nil, nil) & 0xFF }

    /// What the file itself holds, without its write-ahead log.
    func bytes() throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }
  }

  private func withFile(_ body: (File) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "paced-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try #require(paced_writes_install() == 1)
    try body(try File(folder))
  }

  @Test("A hundred pages from all over a file are a piece for every eight of them, and the file is the same")
  func pieces() throws {
    try withFile { file in
      // Given
      try file.fill()
      let before = try file.bytes()
      // When
      paced_writes_begin(8)
      #expect(file.fold() == SQLITE_OK)
      let pieces = paced_writes_end()
      // Then
      #expect((12...30).contains(pieces), "\(pieces)")
      #expect(try file.bytes() != before)
      try file.run("UPDATE t SET text = ''")
      #expect(paced_writes_end() == 0, "nobody is paced who has not asked for it")
    }
  }

  @Test("A piece that the disk does not take makes the fold fail; the next one writes it again")
  func failure() throws {
    try withFile { file in
      // Given
      try file.fill()
      // When
      paced_writes_begin(8)
      paced_writes_fail(EIO)
      #expect(file.fold() == SQLITE_IOERR)
      _ = paced_writes_end()
      // Then
      let half = try file.bytes()
      #expect(file.fold() == SQLITE_OK)
      #expect(try file.bytes() != half)
    }
  }

  @Test("A last piece that the disk does not take is told at the end")
  func lastPiece() throws {
    try withFile { file in
      try file.fill()
      paced_writes_begin(1_000_000)
      #expect(file.fold() == SQLITE_OK)
      paced_writes_fail(EIO)
      #expect(paced_writes_end() == -EIO)
      #expect(paced_writes_end() == 0)
    }
  }
}
