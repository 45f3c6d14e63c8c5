/// What is wrong with a log, in words.
package struct AuditFailure: Error, CustomStringConvertible {
  package let rule: String
  package let what: String
  package var description: String { "AUDIT \(rule): \(what)" }

  init(_ rule: String, _ what: String) {
    self.rule = rule
    self.what = what
  }
}

/// Reads the log's bytes after docs/journal.md alone: none of the product's code, so that a mistake there is not made here a second time.
struct Bytes {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  var isEmpty: Bool { rest.isEmpty }

  mutating func byte() throws(AuditFailure) -> UInt8 {
    guard let first = rest.popFirst() else { throw AuditFailure("FORM", "a record ends too soon") }
    return first
  }
  mutating func unsigned() throws(AuditFailure) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let next = try byte()
      value |= UInt64(next & 0x7F) << shift
      if next < 0x80 { return value }
      shift += 7
    }
  }
  mutating func count() throws(AuditFailure) -> Int { Int(truncatingIfNeeded: try unsigned()) }
  mutating func signed() throws(AuditFailure) -> Int64 {
    let value = try unsigned()
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }
  mutating func fixed() throws(AuditFailure) -> UInt64 {
    var value: UInt64 = 0
    for place in 0..<8 { value |= UInt64(try byte()) << UInt64(place * 8) }
    return value
  }
  mutating func name() throws(AuditFailure) -> Name { Name(high: try fixed(), low: try fixed()) }
  mutating func blob() throws(AuditFailure) -> [UInt8] {
    let length = try count()
    guard length <= rest.count else { throw AuditFailure("FORM", "a field is longer than its record") }
    defer { rest = rest.dropFirst(length) }
    return Array(rest.prefix(length))
  }
  mutating func text() throws(AuditFailure) -> String { String(decoding: try blob(), as: UTF8.self) }
}

/// Sixteen bytes that name something.
package struct Name: Hashable, Sendable {
  var high: UInt64
  var low: UInt64
}
