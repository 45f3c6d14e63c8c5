/// Writes the compact binary form of documents and journal records: little-endian fixed fields, LEB128 integers, length-prefixed bytes.
public struct ByteWriter: Sendable {
  /// What has been written so far.
  public var bytes: [UInt8]

  /// Nothing written; room for `capacity` bytes.
  @inlinable
  public init(capacity: Int = 128) {
    bytes = []
    bytes.reserveCapacity(capacity)
  }

  /// One byte.
  @inlinable
  public mutating func byte(_ value: UInt8) { bytes.append(value) }

  /// One byte, 0 or 1.
  @inlinable
  public mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }

  /// Unsigned LEB128: 1 byte below 128, at most 10.
  @inlinable
  public mutating func unsigned(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  /// A count or an index; negative values are a bug of the caller.
  @inlinable
  public mutating func count(_ value: Int) { unsigned(UInt64(value)) }

  /// Signed, zigzag.
  @inlinable
  public mutating func signed(_ value: Int64) { unsigned(UInt64(bitPattern: value << 1) ^ UInt64(bitPattern: value >> 63)) }

  /// Eight bytes, little-endian.
  @inlinable
  public mutating func fixed(_ value: UInt64) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// Sixteen bytes.
  @inlinable
  public mutating func identifier(_ value: Identifier) {
    fixed(value.high)
    fixed(value.low)
  }

  /// One byte for an absent reference, seventeen for a present one.
  @inlinable
  public mutating func optional(_ value: Identifier) {
    if value.isNone { return byte(0) }
    byte(1)
    identifier(value)
  }

  /// A count and so many bytes.
  @inlinable
  public mutating func blob(_ value: [UInt8]) {
    count(value.count)
    bytes.append(contentsOf: value)
  }

  /// A count and so many bytes of UTF-8.
  @inlinable
  public mutating func string(_ value: String) {
    count(value.utf8.count)
    bytes.append(contentsOf: value.utf8)
  }

  /// One byte for no text; 1 and the text otherwise.
  @inlinable
  public mutating func optional(_ value: String?) {
    guard let value else { return byte(0) }
    byte(1)
    string(value)
  }
}

/// What can be wrong with bytes that should be one of our records.
public enum DecodingFailure: Error, Equatable, Sendable, CustomStringConvertible {
  case truncated(at: Int)
  case malformed(String, at: Int)
  case unknownVersion(kind: String, version: Int)

  /// Where it is and what was expected.
  public var description: String {
    switch self {
    case .truncated(let at): "the record ends at byte \(at), in the middle of a field"
    case .malformed(let what, let at): "\(what) at byte \(at)"
    case .unknownVersion(let kind, let version): "\(kind) of schema version \(version), which this release does not know"
    }
  }
}

/// Reads what `ByteWriter` wrote. Every read checks the bounds and throws; no input traps.
public struct ByteReader: Sendable {
  /// What is read.
  public let bytes: [UInt8]
  /// Where the next read begins.
  @inlinable public var position: Int { at }
  @usableFromInline var at: Int
  @usableFromInline let end: Int

  /// Reads from the first byte on.
  @inlinable
  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
    at = 0
    end = bytes.count
  }

  /// Whether everything has been read.
  @inlinable
  public var isAtEnd: Bool { at == end }

  /// One byte.
  @inlinable
  public mutating func byte() throws(DecodingFailure) -> UInt8 {
    guard at < end else { throw .truncated(at: at) }
    defer { at += 1 }
    return bytes[at]
  }

  /// One byte; anything but 0 is true.
  @inlinable
  public mutating func bool() throws(DecodingFailure) -> Bool { try byte() != 0 }

  /// Unsigned LEB128 of at most 64 bits.
  @inlinable
  public mutating func unsigned() throws(DecodingFailure) -> UInt64 {
    if at < end, bytes[at] < 0x80 {
      defer { at += 1 }
      return UInt64(bytes[at])
    }
    return try longUnsigned()
  }

  @usableFromInline
  mutating func longUnsigned() throws(DecodingFailure) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let next = try byte()
      guard shift < 63 || (shift == 63 && next <= 1) else { throw .malformed("an integer of more than 64 bits", at: at) }
      value |= UInt64(next & 0x7F) << shift
      if next < 0x80 { return value }
      shift += 7
    }
  }

  /// A count of things that take at least one byte each, so never more than the bytes left: a corrupt length cannot ask for memory.
  @inlinable
  public mutating func count() throws(DecodingFailure) -> Int {
    let value = try unsigned()
    guard value <= UInt64(end - at) else { throw .truncated(at: at) }
    return Int(value)
  }

  /// An integer that fits `Int`.
  public mutating func int() throws(DecodingFailure) -> Int {
    let value = try unsigned()
    guard value <= UInt64(Int.max) else { throw .malformed("an integer out of range", at: at) }
    return Int(value)
  }

  /// Signed, zigzag.
  @inlinable
  public mutating func signed() throws(DecodingFailure) -> Int64 {
    let value = try unsigned()
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  /// Eight bytes, little-endian.
  @inlinable
  public mutating func fixed() throws(DecodingFailure) -> UInt64 {
    guard end - at >= 8 else { throw .truncated(at: at) }
    defer { at += 8 }
    return UInt64(littleEndian: bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: UInt64.self) })
  }

  /// Sixteen bytes.
  @inlinable
  public mutating func identifier() throws(DecodingFailure) -> Identifier {
    let high = try fixed()
    return Identifier(high: high, low: try fixed())
  }

  /// What `optional` wrote: `.none` for an absent one.
  @inlinable
  public mutating func optionalIdentifier() throws(DecodingFailure) -> Identifier {
    try bool() ? try identifier() : .none
  }

  /// A count and so many bytes.
  public mutating func blob() throws(DecodingFailure) -> [UInt8] {
    let length = try count()
    defer { at += length }
    return Array(bytes[at..<at + length])
  }

  /// A count and so many bytes, which must be UTF-8.
  public mutating func string() throws(DecodingFailure) -> String {
    let length = try count()
    defer { at += length }
    return String(decoding: bytes[at..<at + length], as: UTF8.self)
  }

  /// What `optional` wrote.
  public mutating func optionalString() throws(DecodingFailure) -> String? {
    try bool() ? try string() : nil
  }
}
