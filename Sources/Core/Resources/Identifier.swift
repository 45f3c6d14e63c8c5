/// 128 bits that name one thing. The two letters in front of its text form come from what it names (`SIDKind`), so they are not stored.
public struct Identifier: Hashable, Sendable, Comparable {
  /// The first eight bytes: of new ones the time and a place.
  public var high: UInt64
  /// The other eight: of new ones the rest of the place, and chance.
  public var low: UInt64

  /// Any 128 bits are an identifier.
  @inlinable
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The identifier that names nothing; absent references are encoded with it.
  public static let none = Identifier(high: 0, low: 0)

  /// Whether it names nothing.
  @inlinable
  public var isNone: Bool { high == 0 && low == 0 }

  /// Identifiers are given out at random, so nobody can make them collide: two multiplications do, where the standard hash was a tenth of loading a snapshot. No table
  /// may have identifiers for keys that a client has chosen.
  @inlinable
  public func _rawHashValue(seed: Int) -> Int { Identifier.mixed(high, low, seed) }

  /// The hash of two words.
  @inlinable
  public static func mixed(_ high: UInt64, _ low: UInt64, _ seed: Int) -> Int {
    var z = (low ^ UInt64(bitPattern: Int64(seed))) &* 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 32) ^ high) &* 0xD6E8_FEB8_6659_FD93
    return Int(truncatingIfNeeded: z ^ (z >> 32))
  }

  /// By the first half, then by the second.
  @inlinable
  public static func < (a: Identifier, b: Identifier) -> Bool {
    a.high != b.high ? a.high < b.high : a.low < b.low
  }

  /// An identifier that follows from two others (a worker's channel from worker and channel, an event's from workspace and number): the same on every node, so it
  /// needs no storage. Mixes with the finaliser of splitmix64 in both halves.
  public func combined(with other: Identifier) -> Identifier {
    Identifier(
      high: Identifier.mix(high &+ 0x9E37_79B9_7F4A_7C15 &* (other.high | 1) &+ other.low),
      low: Identifier.mix(low ^ Identifier.mix(other.low &+ 0x6A09_E667_F3BC_C909) ^ other.high))
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// 32 lower-case hexadecimal digits.
  public var hex: String {
    String(unsafeUninitializedCapacity: 32) { buffer in
      write(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
      return 32
    }
  }

  /// Writes 32 lower-case hexadecimal digits from a place of a buffer on, which must have room for them.
  func write(into buffer: UnsafeMutableRawBufferPointer, at start: Int) {
    Identifier.write(high, into: buffer, at: start)
    Identifier.write(low, into: buffer, at: start + 16)
  }

  private static func write(_ value: UInt64, into buffer: UnsafeMutableRawBufferPointer, at start: Int) {
    buffer.storeBytes(of: digits(UInt32(truncatingIfNeeded: value >> 32)).bigEndian, toByteOffset: start, as: UInt64.self)
    buffer.storeBytes(of: digits(UInt32(truncatingIfNeeded: value)).bigEndian, toByteOffset: start + 8, as: UInt64.self)
  }

  /// The eight digits of a number, the first in the highest byte: each half-byte gets a byte of its own, and what is above nine the way from `9` to `a` besides.
  private static func digits(_ value: UInt32) -> UInt64 {
    var spread = UInt64(value)
    spread = (spread | spread << 16) & 0x0000_FFFF_0000_FFFF
    spread = (spread | spread << 8) & 0x00FF_00FF_00FF_00FF
    spread = (spread | spread << 4) & 0x0F0F_0F0F_0F0F_0F0F
    let letters = (spread &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return spread &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
  }

  /// Reads 32 hexadecimal digits of either case; nil for anything else.
  public init?(hex: some Sequence<UInt8>) {
    var high: UInt64 = 0
    var low: UInt64 = 0
    var count = 0
    for byte in hex {
      let digit: UInt64
      switch byte {
      case 48...57: digit = UInt64(byte - 48)
      case 97...102: digit = UInt64(byte - 87)
      case 65...70: digit = UInt64(byte - 55)
      default: return nil
      }
      if count < 16 { high = high << 4 | digit } else { low = low << 4 | digit }
      count += 1
      if count > 32 { return nil }
    }
    guard count == 32 else { return nil }
    self.init(high: high, low: low)
  }
}

/// What an identifier names, as the two letters in front of it (taskrouter.md 1.3, voice.md 0.6).
public enum SIDKind: String, Sendable, CaseIterable {
  case account = "AC"
  case workspace = "WS"
  case activity = "WA"
  case worker = "WK"
  case workerChannel = "WC"
  case taskChannel = "TC"
  case taskQueue = "WQ"
  case workflow = "WW"
  case task = "WT"
  case reservation = "WR"
  case event = "EV"
  case cloudEvent = "EZ"

  /// Bytes of the full text form.
  static let length = 34

  /// The full text form: two letters and 32 hexadecimal digits.
  public func text(_ id: Identifier) -> String {
    String(unsafeUninitializedCapacity: SIDKind.length) { buffer in
      write(id, into: UnsafeMutableRawBufferPointer(buffer))
      return SIDKind.length
    }
  }

  /// The full text form, put behind what stands in `bytes`.
  public func append(_ id: Identifier, to bytes: inout [UInt8]) {
    withUnsafeTemporaryAllocation(byteCount: SIDKind.length, alignment: 1) { buffer in
      write(id, into: buffer)
      bytes.append(contentsOf: buffer)
    }
  }

  private func write(_ id: Identifier, into buffer: UnsafeMutableRawBufferPointer) {
    var place = 0
    for letter in rawValue.utf8 {
      buffer[place] = letter
      place += 1
    }
    id.write(into: buffer, at: place)
  }

  /// Reads a full text form of this kind; nil when the letters or the digits are wrong. The letters are compared as they stand.
  public func parse(_ text: some StringProtocol) -> Identifier? {
    text.utf8.withContiguousStorageIfAvailable { parse($0) } ?? parse(bytes: Array(text.utf8)[...])
  }

  /// The same for a text that has not been made a string.
  public func parse(bytes: ArraySlice<UInt8>) -> Identifier? { bytes.withUnsafeBufferPointer { parse($0) } }

  private func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> Identifier? {
    guard bytes.count == SIDKind.length, bytes.starts(with: rawValue.utf8) else { return nil }
    return Identifier(hex: bytes.dropFirst(2))
  }
}
