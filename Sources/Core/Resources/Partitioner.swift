/// Which partition a key belongs to: murmur2 as Kafka's Java clients use it, so that every producer of every language agrees.
package enum Partitioner {
  package static func partition(of key: some Collection<UInt8>, among count: Int) -> Int {
    Int(murmur2(key) & 0x7FFF_FFFF) % count
  }

  /// The partition of a scope: of its 16 bytes, most significant first.
  /// Asked for every command, so it makes no bytes of it.
  package static func partition(of id: Identifier, among count: Int) -> Int {
    var hash = seed(length: 16)
    mix(UInt32(truncatingIfNeeded: id.high >> 32).byteSwapped, into: &hash)
    mix(UInt32(truncatingIfNeeded: id.high).byteSwapped, into: &hash)
    mix(UInt32(truncatingIfNeeded: id.low >> 32).byteSwapped, into: &hash)
    mix(UInt32(truncatingIfNeeded: id.low).byteSwapped, into: &hash)
    return Int(finished(hash) & 0x7FFF_FFFF) % count
  }

  package static func murmur2(_ key: some Collection<UInt8>) -> UInt32 {
    let bytes = Array(key)
    var hash = seed(length: bytes.count)
    var at = 0
    while bytes.count - at >= 4 {
      mix(UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24, into: &hash)
      at += 4
    }
    let rest = bytes.count - at
    if rest >= 3 { hash ^= UInt32(bytes[at + 2]) << 16 }
    if rest >= 2 { hash ^= UInt32(bytes[at + 1]) << 8 }
    if rest >= 1 {
      hash ^= UInt32(bytes[at])
      hash = hash &* multiplier
    }
    return finished(hash)
  }

  private static let multiplier: UInt32 = 0x5bd1_e995

  private static func seed(length: Int) -> UInt32 { 0x9747_b28c ^ UInt32(truncatingIfNeeded: length) }

  private static func mix(_ word: UInt32, into hash: inout UInt32) {
    var word = word &* multiplier
    word ^= word >> 24
    word = word &* multiplier
    hash = hash &* multiplier ^ word
  }

  private static func finished(_ hash: UInt32) -> UInt32 {
    var hash = hash ^ hash >> 13
    hash = hash &* multiplier
    return hash ^ hash >> 15
  }
}

extension Identifier {
  /// Sixteen bytes, most significant first: how a scope is written as a record key.
  package var keyBytes: [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(16)
    appendKey(to: &out)
    return out
  }

  /// The same, behind what is there.
  package func appendKey(to out: inout [UInt8]) {
    withUnsafeBytes(of: high.bigEndian) { out.append(contentsOf: $0) }
    withUnsafeBytes(of: low.bigEndian) { out.append(contentsOf: $0) }
  }

  package init?(keyBytes: [UInt8]) { self.init(keyBytes: keyBytes[...]) }

  /// Not generic: snapshots are read by the million, and only what is public is specialised in other modules.
  package init?(keyBytes: ArraySlice<UInt8>) {
    guard keyBytes.count == 16 else { return nil }
    let start = keyBytes.startIndex
    var (high, low): (UInt64, UInt64) = (0, 0)
    for place in 0..<8 {
      high = high << 8 | UInt64(keyBytes[start + place])
      low = low << 8 | UInt64(keyBytes[start + 8 + place])
    }
    self.init(high: high, low: low)
  }
}

/// A small, seedable generator (splitmix64) for identifiers and jitter; the seed comes from outside, so a run can be repeated.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
  package var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  package mutating func identifier() -> Identifier { Identifier(high: next(), low: next()) }
}
