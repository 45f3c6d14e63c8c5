import Ports
import Resources

/// Names of keys and forms of values. Everything of one scope lies in one slot (the braces), so that a script may touch it.
struct Layout: Sendable {
  let prefix: String
  let family: String

  /// Documents, list entries and what is known of both: a hash, a sorted set and a hash.
  func keys(_ scope: Identifier) -> [[UInt8]] {
    let base = Array("\(prefix)\(family):{\(scope.hex)}:".utf8)
    return [base + [UInt8(ascii: "d")], base + [UInt8(ascii: "l")], base + [UInt8(ascii: "m")]]
  }

  /// Names the server on which the owner found every scope of the partition at its mark.
  func complete(_ partition: Int) -> [UInt8] { key(partition, "complete") }

  /// Every scope of the partition that was ever written on this server.
  func scopes(_ partition: Int) -> [UInt8] { key(partition, "scopes") }

  /// Written when an owner begins to compare: gone when the server has been emptied since.
  func witness(_ partition: Int) -> [UInt8] { key(partition, "witness") }

  private func key(_ partition: Int, _ name: String) -> [UInt8] { Array("\(prefix){\(family)/\(partition)}:\(name)".utf8) }

  /// 128 bits so that their order as bytes is that of the identifiers.
  static func bytes(_ id: Identifier) -> [UInt8] { bigEndian(id.high) + bigEndian(id.low) }

  static func field(_ key: DocumentKey) -> [UInt8] { [key.kind] + bytes(key.id) }

  static func key(_ field: [UInt8]) -> DocumentKey? {
    guard field.count == 17 else { return nil }
    let halves = [field[1..<9], field[9..<17]].map { $0.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
    return DocumentKey(kind: field[0], id: Identifier(high: halves[0], low: halves[1]))
  }

  /// A number whose order as text is its own: offsets and attempts from 0 on; empty for -1, before everything.
  static func number(_ value: Int64) -> [UInt8] {
    if value < 0 { return [] }
    let digits = String(value).utf8
    return Array(repeating: UInt8(ascii: "0"), count: 19 - digits.count) + digits
  }

  static func mark(_ bytes: [UInt8]) -> Int64? { bytes.isEmpty ? -1 : Int64(String(decoding: bytes, as: UTF8.self)) }

  static func token(_ token: RefillToken) -> [UInt8] { number(token.epoch) + [UInt8(ascii: ":")] + number(token.attempt) }

  /// The value of a document: how many list entries it has (two bytes), each as index, parent and value, then its bytes. The script takes the entries from there when
  /// the document changes.
  static func value(_ bytes: [UInt8], entries: IndexEntries) -> [UInt8] {
    let count = entries.count
    var value: [UInt8] = [UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)]
    value.reserveCapacity(2 + count * entryBytes + bytes.count)
    for entry in entries {
      value.append(entry.index)
      value.append(contentsOf: Layout.bytes(entry.parent))
      value.append(contentsOf: ordered(entry.value))
    }
    value.append(contentsOf: bytes)
    return value
  }

  /// The document in a value; nil for a value that is none of ours.
  static func document(_ value: [UInt8]) -> [UInt8]? {
    guard value.count >= 2 else { return nil }
    let start = 2 + (Int(value[0]) << 8 | Int(value[1])) * entryBytes
    return value.count >= start ? Array(value[start...]) : nil
  }

  /// What all members of one list begin with.
  static func list(_ range: DocumentRange) -> [UInt8] { [range.kind, range.index] + bytes(range.parent) }

  /// The rest of a member: where it stands, then whose it is.
  static func place(_ value: Int64, _ id: Identifier) -> [UInt8] { ordered(value) + bytes(id) }

  /// Index, parent, value.
  private static let entryBytes = 25

  /// With the sign bit flipped, bytes are in the order of the numbers.
  private static func ordered(_ value: Int64) -> [UInt8] { bigEndian(UInt64(bitPattern: value) ^ 1 << 63) }

  private static func bigEndian(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - $0 * 8)) }
  }
}
