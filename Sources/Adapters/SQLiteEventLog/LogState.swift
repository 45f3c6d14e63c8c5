import Ports
import Synchronization

/// The recent records of one partition, without holes: [`base`, end of the log). Readers at the end of the log are served from it without SQLite.
struct Tail {
  private var records: [LogRecord] = []
  private var head = 0
  private var bytes = 0
  /// Offset of the first record held; that of the next one when there is none.
  private(set) var base: Int64

  init(base: Int64) { self.base = base }

  /// Offset after the last record held.
  var end: Int64 { base + Int64(records.count - head) }

  subscript(offset: Int64) -> LogRecord { records[head + Int(offset - base)] }

  mutating func append(_ record: LogRecord) {
    records.append(record)
    bytes += record.size
  }

  /// Lets records below `committed` go while there are more than the limits allow.
  mutating func shrink(committed: Int64, records limit: Int, bytes byteLimit: Int) {
    while base < committed, records.count - head > limit || bytes > byteLimit {
      bytes -= records[head].size
      records[head].value = nil
      head += 1
      base += 1
    }
    guard head > 1024, head * 2 > records.count else { return }
    records.removeFirst(head)
    head = 0
  }

  /// Takes back everything from `end` on.
  mutating func cut(to end: Int64) {
    let keep = max(0, Int(end - base))
    while records.count - head > keep { bytes -= records.removeLast().size }
    if end < base { base = end }
  }
}

extension LogRecord {
  /// Bytes of key and value.
  var size: Int { key.count + (value?.count ?? 0) }
}

/// Readers that came back empty and wait to be woken, those of one key apart from the rest, so that a record costs one look-up however many wait.
struct Waiters {
  private var all: [UInt64: @Sendable () -> Void] = [:]
  private var keyed: [[UInt8]: [UInt64: @Sendable () -> Void]] = [:]

  mutating func add(_ id: UInt64, key: [UInt8]?, _ wake: @escaping @Sendable () -> Void) {
    if let key { keyed[key, default: [:]][id] = wake } else { all[id] = wake }
  }

  mutating func remove(_ id: UInt64, key: [UInt8]?) {
    guard let key else {
      all[id] = nil
      return
    }
    keyed[key]?[id] = nil
    if keyed[key]?.isEmpty == true { keyed[key] = nil }
  }

  /// Takes out whoever waits for `record`.
  mutating func take(for record: LogRecord, into wakes: inout [@Sendable () -> Void]) {
    if !all.isEmpty {
      wakes += all.values
      all = [:]
    }
    if !keyed.isEmpty, let some = keyed.removeValue(forKey: record.key) { wakes += some.values }
  }

  /// Readers that wait for one key: every record of it that they may see they have seen.
  var filtered: [UInt64] { keyed.values.flatMap { $0.keys } }

  /// Takes out everybody.
  mutating func takeAll(into wakes: inout [@Sendable () -> Void]) {
    wakes += all.values
    for some in keyed.values { wakes += some.values }
    self = Waiters()
  }
}

struct ReaderState {
  var position: Int64
  /// What it had read was rolled back.
  var broken = false
}

struct PartitionState {
  let table: Int64
  let target: TopicPartition
  let compacted: Bool
  /// First offset kept.
  private(set) var start: Int64
  /// Offset after the last durable record.
  private(set) var committed: Int64
  /// Offset after the last record in the file; what lies between is not yet synced.
  private(set) var written: Int64
  /// Offset that the next record gets.
  var next: Int64
  var lastAppended: Int64
  var tail: Tail
  var readers: [UInt64: ReaderState] = [:]
  var waitingOrdered = Waiters()
  var waitingCommitted = Waiters()

  init(_ stored: StoredPartition) {
    (table, target, compacted, start) = (stored.table, stored.target, stored.compacted, stored.start)
    (committed, written, next, lastAppended) = (stored.next, stored.next, stored.next, stored.lastAppended)
    tail = Tail(base: stored.next)
  }

  func end(_ visibility: Visibility) -> Int64 { visibility == .committed ? committed : next }

  /// Gives records their offsets and shows them to readers that need not wait for the disk.
  mutating func take(_ record: NewRecord, at now: Int64, _ wakes: inout [@Sendable () -> Void]) -> LogRecord {
    lastAppended = max(lastAppended, now)
    let record = LogRecord(offset: next, appended: lastAppended, key: record.key, value: record.value)
    next += 1
    tail.append(record)
    waitingOrdered.take(for: record, into: &wakes)
    return record
  }

  mutating func wrote(through record: LogRecord) { written = max(written, record.offset + 1) }

  /// Everything written is durable now: shows it to readers that waited for that.
  mutating func synced(_ options: SQLiteEventLog.Options, _ wakes: inout [@Sendable () -> Void]) {
    while committed < written {
      waitingCommitted.take(for: tail[committed], into: &wakes)
      committed += 1
    }
    tail.shrink(committed: committed, records: options.tailRecords, bytes: options.tailBytes)
  }

  /// Moves the start. A reader that waits for its key has nothing to miss among the records that it was not woken for, so it is not left behind.
  mutating func trim(to start: Int64) {
    self.start = start
    for id in waitingOrdered.filtered { readers[id]?.position = next }
    for id in waitingCommitted.filtered { readers[id]?.position = committed }
  }

  /// Goes back to what the file holds, after a commit that failed. `isForeign`: what it holds beyond what was known to be written is an earlier commit that turned up, not what
  /// stands in memory at the same offsets.
  mutating func rollBack(to end: Int64, isForeign: Bool, _ wakes: inout [@Sendable () -> Void]) {
    let kept = isForeign ? min(written, end) : end
    tail.cut(to: kept)
    if tail.end < end {
      // What had been given up was in the file after all, and is durable there.
      tail = Tail(base: end)
      committed = end
    }
    (written, next) = (end, end)
    for (id, reader) in readers where reader.position > kept { readers[id]?.broken = true }
    waitingOrdered.takeAll(into: &wakes)
    waitingCommitted.takeAll(into: &wakes)
  }
}

/// A session as the writer knows it. The flags change under the log's lock.
final class SessionState: Sendable {
  /// Index of the partition; nil for one that does not exist.
  let partition: Int?
  let target: TopicPartition
  let durability: Durability
  let deliver: @Sendable ([AppendReport]) -> Void
  let dead = Atomic(false)
  let closed = Atomic(false)

  init(partition: Int?, target: TopicPartition, durability: Durability, deliver: @escaping @Sendable ([AppendReport]) -> Void) {
    self.partition = partition
    self.target = target
    self.durability = durability
    self.deliver = deliver
  }
}

/// What waits for the writer. Reports of refused appends stand in the same line, so that they come in order.
enum WriteItem: Sendable {
  case append(SessionState, tag: UInt64, partition: Int, records: [LogRecord])
  case project([(partition: Int, record: LogRecord)], @Sendable (Result<Void, LogFailure>) -> Void)
  case report(SessionState, AppendReport)
}

struct LogState {
  var partitions: [PartitionState]
  var queue: [WriteItem] = []
  /// Work for the writer between two groups.
  var controls: [@Sendable (Connection) -> Void] = []
  /// Partitions to be trimmed, with the offset below which rows go.
  var trims: [Int: Int64] = [:]
  var sweepWanted = false
  var whenMaintained: [@Sendable () -> Void] = []
  /// Partitions with records that are written but not synced.
  var unsynced: Set<Int> = []
  var number: UInt64 = 0
  var writerSleeps = false
  var stopping = false
  var finished = false
}
