/// Goes through the fields of a document once for writing and once for reading, so that both can never disagree.
package protocol FieldCoder {
  mutating func field(_ value: inout Identifier) throws(DecodingFailure)
  mutating func field(_ value: inout Int64) throws(DecodingFailure)
  mutating func field(_ value: inout Int) throws(DecodingFailure)
  mutating func field(_ value: inout UInt64) throws(DecodingFailure)
  mutating func field(_ value: inout Bool) throws(DecodingFailure)
  mutating func field(_ value: inout String) throws(DecodingFailure)
  mutating func field(_ value: inout String?) throws(DecodingFailure)
  mutating func field<Value: RawRepresentable<UInt8>>(choice value: inout Value) throws(DecodingFailure)
  mutating func list<Element: FieldCoded>(_ values: inout [Element]) throws(DecodingFailure)
}

/// Something that names its fields, in order, to a coder.
package protocol FieldCoded: Sendable {
  /// A blank value to read into.
  init()
  mutating func code<Coder: FieldCoder>(_ coder: inout Coder) throws(DecodingFailure)
}

/// A document of a machine: its fields behind a schema version.
package protocol DocumentRecord: FieldCoded {
  /// What this is called in an error.
  static var documentName: String { get }
  static var schemaVersion: UInt8 { get }
}

extension DocumentRecord {
  package static var schemaVersion: UInt8 { 1 }

  @inlinable
  package func encoded() -> [UInt8] {
    var coder = FieldWriter()
    coder.out.byte(Self.schemaVersion)
    var copy = self
    // A writer throws nothing; the shared signature does.
    do { try copy.code(&coder) } catch { preconditionFailure("a writer of fields threw \(error)") }
    return coder.out.bytes
  }

  @inlinable
  package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
    var coder = FieldReader(ByteReader(bytes))
    let version = try coder.reader.byte()
    guard version == Self.schemaVersion else { throw .unknownVersion(kind: Self.documentName, version: Int(version)) }
    self.init()
    try code(&coder)
  }
}

package struct FieldWriter: FieldCoder {
  package var out = ByteWriter(capacity: 160)

  @inlinable package init() {}

  @inlinable package mutating func field(_ value: inout Identifier) throws(DecodingFailure) { out.optional(value) }
  @inlinable package mutating func field(_ value: inout Int64) throws(DecodingFailure) { out.signed(value) }
  @inlinable package mutating func field(_ value: inout Int) throws(DecodingFailure) { out.signed(Int64(value)) }
  @inlinable package mutating func field(_ value: inout UInt64) throws(DecodingFailure) { out.unsigned(value) }
  @inlinable package mutating func field(_ value: inout Bool) throws(DecodingFailure) { out.bool(value) }
  @inlinable package mutating func field(_ value: inout String) throws(DecodingFailure) { out.string(value) }
  @inlinable package mutating func field(_ value: inout String?) throws(DecodingFailure) { out.optional(value) }
  @inlinable package mutating func field<Value: RawRepresentable<UInt8>>(choice value: inout Value) throws(DecodingFailure) {
    out.byte(value.rawValue)
  }
  @inlinable package mutating func list<Element: FieldCoded>(_ values: inout [Element]) throws(DecodingFailure) {
    out.count(values.count)
    for place in values.indices { try values[place].code(&self) }
  }
}

package struct FieldReader: FieldCoder {
  package var reader: ByteReader

  @inlinable package init(_ reader: ByteReader) { self.reader = reader }

  @inlinable package mutating func field(_ value: inout Identifier) throws(DecodingFailure) { value = try reader.optionalIdentifier() }
  @inlinable package mutating func field(_ value: inout Int64) throws(DecodingFailure) { value = try reader.signed() }
  @inlinable package mutating func field(_ value: inout Int) throws(DecodingFailure) { value = Int(try reader.signed()) }
  @inlinable package mutating func field(_ value: inout UInt64) throws(DecodingFailure) { value = try reader.unsigned() }
  @inlinable package mutating func field(_ value: inout Bool) throws(DecodingFailure) { value = try reader.bool() }
  @inlinable package mutating func field(_ value: inout String) throws(DecodingFailure) { value = try reader.string() }
  @inlinable package mutating func field(_ value: inout String?) throws(DecodingFailure) { value = try reader.optionalString() }
  @inlinable package mutating func field<Value: RawRepresentable<UInt8>>(choice value: inout Value) throws(DecodingFailure) {
    let raw = try reader.byte()
    guard let known = Value(rawValue: raw) else { throw .malformed("an unknown \(Value.self) \(raw)", at: reader.position) }
    value = known
  }
  @inlinable package mutating func list<Element: FieldCoded>(_ values: inout [Element]) throws(DecodingFailure) {
    let count = try reader.count()
    values = []
    values.reserveCapacity(count)
    for _ in 0..<count {
      var element = Element()
      try element.code(&self)
      values.append(element)
    }
  }
}
