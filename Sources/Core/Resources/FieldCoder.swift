/// Goes through the fields of a document once for writing and once for reading, so that both can never disagree.
/// Public, as are its words (`ByteWriter`, `ByteReader`, `Identifier`): only then is it specialised in other modules.
public protocol FieldCoder {
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
public protocol FieldCoded: Sendable {
  /// A blank value to read into.
  init()
  mutating func code<Coder: FieldCoder>(_ coder: inout Coder) throws(DecodingFailure)
}

/// A document of a machine: its fields behind a schema version.
public protocol DocumentRecord: FieldCoded {
  /// What this is called in an error.
  static var documentName: String { get }
  static var schemaVersion: UInt8 { get }
  /// Reads what `encoded` wrote; refuses other versions. O(size).
  ///
  /// Other modules do not see how a document of the package names its fields, so there the default goes by witness tables, at several times the cost: what is read often
  /// there has an own one, `self = try .read(bytes)`.
  init(decoding bytes: [UInt8]) throws(DecodingFailure)
}

extension DocumentRecord {
  /// 1, unless a document says otherwise.
  public static var schemaVersion: UInt8 { 1 }

  /// Version and fields. O(size).
  @inlinable
  public func encoded() -> [UInt8] {
    var coder = FieldWriter()
    coder.out.byte(Self.schemaVersion)
    var copy = self
    // A writer throws nothing; the shared signature does.
    do { try copy.code(&coder) } catch { preconditionFailure("a writer of fields threw \(error)") }
    return coder.out.bytes
  }

  /// As `DocumentRecord` asks.
  @inlinable
  public init(decoding bytes: [UInt8]) throws(DecodingFailure) { self = try Self.read(bytes) }

  /// Reads what `encoded` wrote, for an `init(decoding:)` of a document's own; refuses other versions. O(size).
  @inlinable
  public static func read(_ bytes: [UInt8]) throws(DecodingFailure) -> Self {
    var coder = try fields(of: bytes)
    var record = Self()
    try record.code(&coder)
    return record
  }

  /// A reader behind the version.
  @inlinable
  static func fields(of bytes: [UInt8]) throws(DecodingFailure) -> FieldReader {
    var coder = FieldReader(ByteReader(bytes))
    let version = try coder.reader.byte()
    guard version == Self.schemaVersion else { throw .unknownVersion(kind: Self.documentName, version: Int(version)) }
    return coder
  }
}

/// A document whose first fields say in which lists it stands.
public protocol HeadedRecord: DocumentRecord {
  /// The fields that `code` begins with.
  mutating func codeHead<Coder: FieldCoder>(_ coder: inout Coder) throws(DecodingFailure)
}

extension HeadedRecord {
  /// Reads the head of what `encoded` wrote and leaves the rest blank; refuses other versions. O(head).
  @inlinable
  public init(headOf bytes: [UInt8]) throws(DecodingFailure) {
    var coder = try Self.fields(of: bytes)
    self.init()
    try codeHead(&coder)
  }
}

/// Writes fields one behind the other.
public struct FieldWriter: FieldCoder {
  /// What has been written so far. A waiting task, of which there may be a million, takes about so much and no more.
  public var out = ByteWriter(capacity: 104)

  /// Nothing written.
  @inlinable public init() {}

  /// As `FieldCoder` asks.
  @inlinable public mutating func field(_ value: inout Identifier) throws(DecodingFailure) { out.optional(value) }
  /// As `FieldCoder` asks.
  @inlinable public mutating func field(_ value: inout Int64) throws(DecodingFailure) { out.signed(value) }
  /// As `FieldCoder` asks.
  @inlinable public mutating func field(_ value: inout Int) throws(DecodingFailure) { out.signed(Int64(value)) }
  /// As `FieldCoder` asks.
  @inlinable public mutating func field(_ value: inout UInt64) throws(DecodingFailure) { out.unsigned(value) }
  /// As `FieldCoder` asks.
  @inlinable public mutating func field(_ value: inout Bool) throws(DecodingFailure) { out.bool(value) }
  /// As `FieldCoder` asks.
  @inlinable public mutating func field(_ value: inout String) throws(DecodingFailure) { out.string(value) }
  /// As `FieldCoder` asks.
  @inlinable public mutating func field(_ value: inout String?) throws(DecodingFailure) { out.optional(value) }
  /// As `FieldCoder` asks.
  @inlinable public mutating func field<Value: RawRepresentable<UInt8>>(choice value: inout Value) throws(DecodingFailure) {
    out.byte(value.rawValue)
  }
  /// As `FieldCoder` asks.
  @inlinable public mutating func list<Element: FieldCoded>(_ values: inout [Element]) throws(DecodingFailure) {
    out.count(values.count)
    for place in values.indices { try values[place].code(&self) }
  }
}

/// Reads fields in the order in which they were written.
public struct FieldReader: FieldCoder {
  /// Where it stands.
  public var reader: ByteReader

  /// Reads on from where `reader` stands.
  @inlinable public init(_ reader: ByteReader) { self.reader = reader }

  /// As `FieldCoder` asks.
  @inlinable public mutating func field(_ value: inout Identifier) throws(DecodingFailure) { value = try reader.optionalIdentifier() }
  /// As `FieldCoder` asks.
  @inlinable public mutating func field(_ value: inout Int64) throws(DecodingFailure) { value = try reader.signed() }
  /// As `FieldCoder` asks.
  @inlinable public mutating func field(_ value: inout Int) throws(DecodingFailure) { value = Int(try reader.signed()) }
  /// As `FieldCoder` asks.
  @inlinable public mutating func field(_ value: inout UInt64) throws(DecodingFailure) { value = try reader.unsigned() }
  /// As `FieldCoder` asks.
  @inlinable public mutating func field(_ value: inout Bool) throws(DecodingFailure) { value = try reader.bool() }
  /// As `FieldCoder` asks.
  @inlinable public mutating func field(_ value: inout String) throws(DecodingFailure) { value = try reader.string() }
  /// As `FieldCoder` asks.
  @inlinable public mutating func field(_ value: inout String?) throws(DecodingFailure) { value = try reader.optionalString() }
  /// As `FieldCoder` asks.
  @inlinable public mutating func field<Value: RawRepresentable<UInt8>>(choice value: inout Value) throws(DecodingFailure) {
    let raw = try reader.byte()
    guard let known = Value(rawValue: raw) else { throw .malformed("an unknown \(Value.self) \(raw)", at: reader.position) }
    value = known
  }
  /// As `FieldCoder` asks.
  @inlinable public mutating func list<Element: FieldCoded>(_ values: inout [Element]) throws(DecodingFailure) {
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
