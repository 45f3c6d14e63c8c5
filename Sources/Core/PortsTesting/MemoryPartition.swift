import Ports

/// One partition in memory: records in order of their offsets, some of them not yet committed.
struct MemoryPartition {
  struct Entry {
    var record: LogRecord
    /// A later committed record of the same key stands for it (compacted topics only).
    var superseded = false
  }

  let compacted: Bool
  private var entries: [Entry] = []
  private var superseded = 0
  private var latest: [[UInt8]: Int64] = [:]
  /// First offset kept.
  private(set) var start: Int64 = 0
  /// Offset after the last committed record.
  private(set) var committed: Int64 = 0
  /// Offset that the next record gets.
  private(set) var next: Int64 = 0
  var readers: [UInt64: MemoryReaderState] = [:]

  init(compacted: Bool) { self.compacted = compacted }

  func end(_ visibility: Visibility) -> Int64 { visibility == .committed ? committed : next }

  mutating func append(_ records: [NewRecord], at now: Int64) {
    // Append times never go back, as a log's own clock that is kept from stepping.
    let appended = max(now, entries.last?.record.appended ?? now)
    for record in records {
      entries.append(Entry(record: LogRecord(offset: next, appended: appended, key: record.key, value: record.value)))
      next += 1
    }
  }

  mutating func commit(through end: Int64) {
    guard end > committed else { return }
    if compacted { supersede(from: committed, to: end) }
    committed = end
  }

  /// Forgets everything that was not committed; offsets are given out again.
  mutating func rollBack() {
    while let last = entries.last, last.record.offset >= committed { entries.removeLast() }
    next = committed
    for (id, reader) in readers where reader.position > next { readers[id]?.broken = true }
  }

  mutating func trim(before: Int64) {
    let limit = min(before, committed - 1)
    guard limit > start else { return }
    start = limit
    // A reader that waits for its key has nothing to miss among the records that it was not woken for.
    let (committed, next) = (committed, next)
    for (id, reader) in readers where reader.waiting != nil && reader.key != nil {
      readers[id]?.position = reader.visibility == .committed ? committed : next
    }
    let gone = place(of: limit)
    for entry in entries[..<gone] {
      if entry.superseded { superseded -= 1 }
      if latest[entry.record.key] == entry.record.offset { latest[entry.record.key] = nil }
    }
    entries.removeFirst(gone)
  }

  /// Drops tombstones appended before `instant`, except the last record.
  mutating func dropTombstones(before instant: Int64) {
    let last = committed - 1
    entries.removeAll { entry in
      let record = entry.record
      let gone = record.value == nil && record.appended < instant && record.offset < last && !entry.superseded
      if gone, latest[record.key] == record.offset { latest[record.key] = nil }
      return gone
    }
  }

  /// Records from `position` that a reader of `visibility` may see, and where it goes on.
  func read(from position: Int64, key: [UInt8]?, visibility: Visibility, records: Int, bytes: Int) -> (found: [LogRecord], position: Int64)
  {
    let end = end(visibility)
    var found: [LogRecord] = []
    var size = 0
    var at = place(of: position)
    while at < entries.count, entries[at].record.offset < end {
      let entry = entries[at]
      at += 1
      if entry.superseded { continue }
      if let key, entry.record.key != key { continue }
      found.append(entry.record)
      size += entry.record.key.count + (entry.record.value?.count ?? 0)
      if found.count >= records || size >= bytes { return (found, entry.record.offset + 1) }
    }
    return (found, max(position, end))
  }

  /// Offset of the first committed record appended at `time` or later; the end where there is none.
  func offset(since time: Int64) -> Int64 {
    entries.first { $0.record.appended >= time && $0.record.offset < committed && $0.record.offset >= start }?.record.offset ?? committed
  }

  /// Whether there is something for a reader that waits.
  func concerns(_ reader: MemoryReaderState) -> Bool {
    guard let seen = reader.waiting else { return false }
    let end = end(reader.visibility)
    if reader.broken { return true }
    guard end > seen else { return false }
    return reader.key.map { hasKey($0, from: seen, to: end) } ?? true
  }

  private func hasKey(_ key: [UInt8], from: Int64, to end: Int64) -> Bool {
    entries[place(of: from)...].contains { $0.record.offset < end && $0.record.key == key }
  }

  private mutating func supersede(from: Int64, to end: Int64) {
    var at = place(of: from)
    while at < entries.count, entries[at].record.offset < end {
      let record = entries[at].record
      if let old = latest.updateValue(record.offset, forKey: record.key) {
        let place = place(of: old)
        if place < entries.count, entries[place].record.offset == old {
          entries[place].superseded = true
          superseded += 1
        }
      }
      at += 1
    }
    guard superseded > 64, superseded * 2 > entries.count else { return }
    entries.removeAll { $0.superseded }
    superseded = 0
  }

  /// Index of the first entry whose offset is not below `offset`.
  private func place(of offset: Int64) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].record.offset < offset { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// What the log keeps of an open reader.
struct MemoryReaderState {
  var position: Int64
  let key: [UInt8]?
  let visibility: Visibility
  let wake: @Sendable () -> Void
  /// Came back empty at this end, and has not been woken since.
  var waiting: Int64?
  /// What it had read was rolled back.
  var broken = false
}
