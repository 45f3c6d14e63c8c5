import Resources

/// Fields of an `application/x-www-form-urlencoded` body or of a query string, in their order, repeated names kept.
///
/// `+` is a space, `%XX` a byte of UTF-8. Empty pairs (`a=1&&b=2`) are skipped, a name without `=` has an empty value, names are case-sensitive.
package struct Form: Sendable, Equatable {
  package struct Field: Sendable, Equatable {
    package let name: String
    package let value: String

    package init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  /// Pairs that a form may have: a body of nothing but `&a` must not cost a hundred times its size.
  package static let fieldLimit = 10_000

  package private(set) var fields: [Field]

  package init(_ fields: [Field] = []) {
    self.fields = fields
  }

  /// Cost: two strings a pair.
  package init(parsing bytes: [UInt8]) throws(FormError) {
    fields = []
    for pair in bytes.split(separator: UInt8(ascii: "&")) {
      if fields.count == Form.fieldLimit { throw FormError(field: "", rule: "has more than \(Form.fieldLimit) fields") }
      let equals = pair.firstIndex(of: UInt8(ascii: "="))
      let rawName = pair[..<(equals ?? pair.endIndex)]
      let rawValue = equals.map { pair[($0 + 1)...] } ?? []
      guard let name = Form.decode(rawName) else {
        throw FormError(field: "", rule: "has a field whose name \(Form.rule)", received: String(decoding: rawName, as: UTF8.self))
      }
      guard let value = Form.decode(rawValue) else {
        throw FormError(field: name, rule: Form.rule, received: String(decoding: rawValue, as: UTF8.self))
      }
      fields.append(Field(name: name, value: value))
    }
  }

  private static let rule = "must be percent-encoded UTF-8 (% and two hexadecimal digits)"

  /// nil: a wrong percent sequence, or bytes that are not UTF-8.
  private static func decode(_ raw: ArraySlice<UInt8>) -> String? {
    if !raw.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) { return String(validating: raw, as: UTF8.self) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(raw.count)
    var at = raw.startIndex
    while at < raw.endIndex {
      let byte = raw[at]
      at += 1
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
        continue
      }
      guard at + 2 <= raw.endIndex, let high = nibble(raw[at]), let low = nibble(raw[at + 1]) else { return nil }
      bytes.append(high << 4 | low)
      at += 2
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func nibble(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

/// Reading fields by the value formats of taskrouter.md 1.3.
extension Form {
  /// The first value of a name.
  package func first(_ name: String) -> String? { fields.first { $0.name == name }?.value }

  /// Whether the name occurs, with whatever value.
  package func has(_ name: String) -> Bool { fields.contains { $0.name == name } }

  /// All values of a name, in order.
  package func values(for name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }

  /// The value of a name that must occur and must not be empty.
  package func required(_ name: String) throws(FormError) -> String {
    guard let value = first(name), !value.isEmpty else { throw .missing(name) }
    return value
  }

  /// An array: the name repeated, or values joined by commas with optional spaces, or both. Empty items are left out.
  package func list(_ name: String) -> [String] {
    values(for: name).flatMap { value in
      value.split(separator: ",").map { item in
        String(item.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
      }
    }.filter { !$0.isEmpty }
  }

  /// `true`, `1` and `yes` in any case are true, anything else is false; nil: the name does not occur.
  package func bool(_ name: String) -> Bool? {
    first(name).map { ["true", "1", "yes"].contains($0.lowercased()) }
  }

  /// Decimal digits, with a sign where the range has negative numbers; nil: the name does not occur.
  package func integer(_ name: String, in range: ClosedRange<Int>) throws(FormError) -> Int? {
    guard let text = first(name) else { return nil }
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    let isDecimal = !digits.isEmpty && digits.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    guard isDecimal, let integer = Int(text), range.contains(integer) else {
      throw FormError(field: name, rule: "must be an integer from \(range.lowerBound) to \(range.upperBound)", received: text)
    }
    return integer
  }

  /// An ISO 8601 date as milliseconds since 1970; nil: the name does not occur.
  package func date(_ name: String) throws(FormError) -> Int64? {
    guard let text = first(name) else { return nil }
    guard let date = Dates.parseISO8601(text) else {
      throw FormError(field: name, rule: "must be a date of ISO 8601 such as 2010-08-31T20:36:28Z", received: text)
    }
    return date
  }
}
