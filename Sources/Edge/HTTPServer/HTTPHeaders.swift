/// The header fields of a request in the order in which they came: one block of bytes and where the fields lie in it.
package struct HTTPHeaders: Sendable {
  struct Field {
    var nameStart: UInt32
    var nameEnd: UInt32
    var valueStart: UInt32
    var valueEnd: UInt32
  }
  /// The whole head as received.
  let bytes: [UInt8]
  let fields: [Field]

  /// The value of the first field called `name`, whatever its case; bytes that are not UTF-8 are replaced. O(fields), no copy but the result.
  package func first(_ name: String) -> String? {
    for field in fields where isNamed(field, name) { return value(field) }
    return nil
  }

  /// The values of all fields called `name`, whatever its case, in order.
  package func all(_ name: String) -> [String] {
    var values: [String] = []
    for field in fields where isNamed(field, name) { values.append(value(field)) }
    return values
  }

  /// All fields as they came.
  package var list: [(name: String, value: String)] {
    fields.map { (String(decoding: bytes[Int($0.nameStart)..<Int($0.nameEnd)], as: UTF8.self), value($0)) }
  }

  func value(_ field: Field) -> String { String(decoding: bytes[Int(field.valueStart)..<Int(field.valueEnd)], as: UTF8.self) }

  func isNamed(_ field: Field, _ name: String) -> Bool {
    let length = Int(field.nameEnd - field.nameStart)
    guard name.utf8.count == length else { return false }
    var at = Int(field.nameStart)
    for byte in name.utf8 {
      if lowercase(bytes[at]) != lowercase(byte) { return false }
      at += 1
    }
    return true
  }
}

/// ASCII only, as header names are.
@inline(__always)
func lowercase(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }

/// Whether two texts are the same but for the case of ASCII letters.
func isSame(_ left: String, _ right: String) -> Bool {
  left.utf8.count == right.utf8.count && zip(left.utf8, right.utf8).allSatisfy { lowercase($0) == lowercase($1) }
}
