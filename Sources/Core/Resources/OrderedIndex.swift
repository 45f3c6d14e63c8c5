/// A sorted set in chunks: O(log n) look-up, O(chunk) insertion and removal, neighbours together in memory. Holds a million keys without a pointer a key.
/// Public, though used inside the package alone: only then is it specialised in other modules.
public struct OrderedIndex<Key: Comparable & Sendable>: Sendable {
  @usableFromInline var chunks: [[Key]] = []
  @usableFromInline var total = 0

  /// How many keys there are.
  @inlinable
  public var count: Int { total }
  @inlinable static var most: Int { 128 }

  /// No keys.
  @inlinable
  public init() {}

  /// Whether there is no key.
  @inlinable
  public var isEmpty: Bool { total == 0 }

  /// The smallest key. O(1).
  @inlinable
  public var first: Key? { chunks.first?.first }

  /// The largest key. O(1).
  @inlinable
  public var last: Key? { chunks.last?.last }

  /// Index of the first chunk whose last key is not below `key`; `chunks.count` when there is none.
  @inlinable
  func chunk(for key: Key) -> Int {
    var low = 0
    var high = chunks.count
    while low < high {
      let middle = (low + high) / 2
      if chunks[middle][chunks[middle].count - 1] < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  @inlinable
  static func place(of key: Key, in chunk: [Key]) -> Int {
    var low = 0
    var high = chunk.count
    while low < high {
      let middle = (low + high) / 2
      if chunk[middle] < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Adds a key; false when it was there already.
  @inlinable @discardableResult
  public mutating func insert(_ key: Key) -> Bool {
    guard !chunks.isEmpty else {
      chunks.append([key])
      total = 1
      return true
    }
    // Most keys come in their order.
    let at = chunks[chunks.count - 1][0] < key ? chunks.count - 1 : min(chunk(for: key), chunks.count - 1)
    let place = OrderedIndex.place(of: key, in: chunks[at])
    if place < chunks[at].count, chunks[at][place] == key { return false }
    chunks[at].insert(key, at: place)
    total += 1
    if chunks[at].count > OrderedIndex.most { split(at) }
    return true
  }

  @inlinable
  mutating func split(_ at: Int) {
    // Appending at the end is the common order of arrival: leave such chunks nearly full instead of half empty.
    let whole = chunks[at]
    let cut = at == chunks.count - 1 ? whole.count * 15 / 16 : whole.count / 2
    chunks[at] = Array(whole[..<cut])
    chunks.insert(Array(whole[cut...]), at: at + 1)
  }

  /// Removes a key; false when it was not there.
  @inlinable @discardableResult
  public mutating func remove(_ key: Key) -> Bool {
    let at = chunk(for: key)
    guard at < chunks.count else { return false }
    let place = OrderedIndex.place(of: key, in: chunks[at])
    guard place < chunks[at].count, chunks[at][place] == key else { return false }
    total -= 1
    if chunks[at].count == 1 { chunks.remove(at: at) } else { chunks[at].remove(at: place) }
    return true
  }

  /// Whether a key is there. O(log n).
  @inlinable
  public func contains(_ key: Key) -> Bool {
    let at = chunk(for: key)
    guard at < chunks.count else { return false }
    let place = OrderedIndex.place(of: key, in: chunks[at])
    return place < chunks[at].count && chunks[at][place] == key
  }

  /// Walks upwards from the first key not below `start` (from the smallest when nil) until `visit` answers false.
  @inlinable
  public func ascend(from start: Key? = nil, _ visit: (Key) -> Bool) {
    guard !chunks.isEmpty else { return }
    var at = start.map { chunk(for: $0) } ?? 0
    guard at < chunks.count else { return }
    var place = start.map { OrderedIndex.place(of: $0, in: chunks[at]) } ?? 0
    while at < chunks.count {
      while place < chunks[at].count {
        guard visit(chunks[at][place]) else { return }
        place += 1
      }
      at += 1
      place = 0
    }
  }

  /// Walks downwards from the last key not above `start` (from the largest when nil) until `visit` answers false.
  @inlinable
  public func descend(from start: Key? = nil, _ visit: (Key) -> Bool) {
    guard !chunks.isEmpty else { return }
    var at = chunks.count - 1
    var place = chunks[at].count - 1
    if let start {
      at = chunk(for: start)
      if at == chunks.count {
        at = chunks.count - 1
        place = chunks[at].count - 1
      } else {
        place = OrderedIndex.place(of: start, in: chunks[at])
        if chunks[at][place] != start { place -= 1 }
      }
    }
    while at >= 0 {
      while place >= 0 {
        guard visit(chunks[at][place]) else { return }
        place -= 1
      }
      at -= 1
      if at >= 0 { place = chunks[at].count - 1 }
    }
  }
}
