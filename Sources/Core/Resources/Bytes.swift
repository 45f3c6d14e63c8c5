/// Writes the compact binary form of documents and journal records: little-endian fixed fields, LEB128 integers, length-prefixed bytes.
package struct ByteWriter: Sendable {
  package var bytes: [UInt8]

  @inlinable
  package init(capacity: Int = 128) {
    bytes = []
    bytes.reserveCapacity(capacity)
  }

  @inlinable
  package mutating func byte(_ value: UInt8) { bytes.append(value) }

  @inlinable
  package mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }

  /// Unsigned LEB128: 1 byte below 128, at most 10.
  @inlinable
  package mutating func unsigned(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  /// A count or an index; negative values are a bug of the caller.
  @inlinable
  package mutating func count(_ value: Int) { unsigned(UInt64(value)) }

  /// Signed, zigzag.
  @inlinable
  package mutating func signed(_ value: Int64) { unsigned(UInt64(bitPattern: value << 1) ^ UInt64(bitPattern: value >> 63)) }

  @inlinable
  package mutating func fixed(_ value: UInt64) {
    var rest = value
    for _ in 0..<8 {
      bytes.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  @inlinable
  package mutating func identifier(_ value: Identifier) {
    fixed(value.high)
    fixed(value.low)
  }

  /// One byte for an absent reference, seventeen for a present one.
  @inlinable
  package mutating func optional(_ value: Identifier) {
    if value.isNone { return byte(0) }
    byte(1)
    identifier(value)
  }

  @inlinable
  package mutating func blob(_ value: [UInt8]) {
    count(value.count)
    bytes.append(contentsOf: value)
  }

  @inlinable
  package mutating func string(_ value: String) {
    count(value.utf8.count)
    bytes.append(contentsOf: value.utf8)
  }

  @inlinable
  package mutating func optional(_ value: String?) {
    guard let value else { return byte(0) }
    byte(1)
    string(value)
  }
}

/// What can be wrong with bytes that should be one of our records.
package enum DecodingFailure: Error, Equatable, Sendable, CustomStringConvertible {
  case truncated(at: Int)
  case malformed(String, at: Int)
  case unknownVersion(kind: String, version: Int)

  package var description: String {
    switch self {
    case .truncated(let at): "the record ends at byte \(at), in the middle of a field"
    case .malformed(let what, let at): "\(what) at byte \(at)"
    case .unknownVersion(let kind, let version): "\(kind) of schema version \(version), which this release does not know"
    }
  }
}

/// Reads what `ByteWriter` wrote. Every read checks the bounds and throws; no input traps.
package struct ByteReader: Sendable {
  package let bytes: [UInt8]
  package private(set) var position: Int
  private let end: Int

  package init(_ bytes: [UInt8]) {
    self.bytes = bytes
    position = 0
    end = bytes.count
  }

  package var isAtEnd: Bool { position == end }

  package mutating func byte() throws(DecodingFailure) -> UInt8 {
    guard position < end else { throw .truncated(at: position) }
    defer { position += 1 }
    return bytes[position]
  }

  package mutating func bool() throws(DecodingFailure) -> Bool { try byte() != 0 }

  package mutating func unsigned() throws(DecodingFailure) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let next = try byte()
      guard shift < 63 || (shift == 63 && next <= 1) else { throw .malformed("an integer of more than 64 bits", at: position) }
      value |= UInt64(next & 0x7F) << shift
      if next < 0x80 { return value }
      shift += 7
    }
  }

  /// A count of things that take at least one byte each, so never more than the bytes left: a corrupt length cannot ask for memory.
  package mutating func count() throws(DecodingFailure) -> Int {
    let value = try unsigned()
    guard value <= UInt64(end - position) else { throw .truncated(at: position) }
    return Int(value)
  }

  /// An integer that fits `Int`.
  package mutating func int() throws(DecodingFailure) -> Int {
    let value = try unsigned()
    guard value <= UInt64(Int.max) else { throw .malformed("an integer out of range", at: position) }
    return Int(value)
  }

  package mutating func signed() throws(DecodingFailure) -> Int64 {
    let value = try unsigned()
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  package mutating func fixed() throws(DecodingFailure) -> UInt64 {
    guard end - position >= 8 else { throw .truncated(at: position) }
    var value: UInt64 = 0
    for place in 0..<8 { value |= UInt64(bytes[position + place]) << UInt64(place * 8) }
    position += 8
    return value
  }

  package mutating func identifier() throws(DecodingFailure) -> Identifier {
    let high = try fixed()
    return Identifier(high: high, low: try fixed())
  }

  package mutating func optionalIdentifier() throws(DecodingFailure) -> Identifier {
    try bool() ? try identifier() : .none
  }

  package mutating func blob() throws(DecodingFailure) -> [UInt8] {
    let length = try count()
    defer { position += length }
    return Array(bytes[position..<position + length])
  }

  package mutating func string() throws(DecodingFailure) -> String {
    let length = try count()
    defer { position += length }
    return String(decoding: bytes[position..<position + length], as: UTF8.self)
  }

  package mutating func optionalString() throws(DecodingFailure) -> String? {
    try bool() ? try string() : nil
  }
}
