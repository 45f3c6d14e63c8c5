/// A string of a document, or one made to be compared with such: UTF-8 in whole words, the last filled up with zeros. Comparing needs no allocation.
package struct JSONText: Sendable {
  let words: [UInt64]
  let start: Int
  /// Length in bytes.
  package let count: Int

  init(words: [UInt64], start: Int, count: Int) {
    self.words = words
    self.start = start
    self.count = count
  }

  package init(_ string: String) {
    var words: [UInt64] = []
    var count = 0
    words.reserveCapacity(string.utf8.count / 8 + 1)
    for byte in string.utf8 {
      if count & 7 == 0 { words.append(0) }
      words[count >> 3] |= UInt64(byte) << UInt64((count & 7) * 8)
      count += 1
    }
    self.init(words: words, start: 0, count: count)
  }

  var wordCount: Int { (count + 7) >> 3 }

  /// A byte of it; `index` is in `0..<count`.
  package subscript(index: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: words[start + index >> 3] >> UInt64((index & 7) * 8))
  }

  package var string: String {
    words.withUnsafeBytes { String(decoding: $0[(start * 8)..<(start * 8 + count)], as: UTF8.self) }
  }

  package func append(to bytes: inout [UInt8]) {
    words.withUnsafeBytes { bytes.append(contentsOf: $0[(start * 8)..<(start * 8 + count)]) }
  }

  /// Equality with a string, without allocating.
  package func equals(_ string: String) -> Bool {
    guard string.utf8.count == count else { return false }
    var index = 0
    for byte in string.utf8 {
      guard self[index] == byte else { return false }
      index += 1
    }
    return true
  }

  /// Whether the other occurs in it; the empty one occurs everywhere. O(product of the lengths) at worst.
  package func contains(_ other: JSONText) -> Bool {
    guard other.count > 0 else { return true }
    guard other.count <= count else { return false }
    let first = other[0]
    for place in 0...(count - other.count) where self[place] == first {
      var matched = 1
      while matched < other.count, self[place + matched] == other[matched] { matched += 1 }
      if matched == other.count { return true }
    }
    return false
  }
}

extension JSONText: Hashable, Comparable {
  package static func == (a: JSONText, b: JSONText) -> Bool {
    guard a.count == b.count else { return false }
    for index in 0..<a.wordCount where a.words[a.start + index] != b.words[b.start + index] { return false }
    return true
  }

  /// By bytes, which for UTF-8 is by code points.
  package static func < (a: JSONText, b: JSONText) -> Bool {
    for index in 0..<min(a.wordCount, b.wordCount) {
      // The first byte of a text is the lowest of its word.
      let x = a.words[a.start + index].byteSwapped
      let y = b.words[b.start + index].byteSwapped
      if x != y { return x < y }
    }
    return a.count < b.count
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    for index in 0..<wordCount { hasher.combine(words[start + index]) }
  }
}
