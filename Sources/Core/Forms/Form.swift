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
    try bytes.withUnsafeBufferPointer { (all) throws(FormError) in try read(all) }
  }

  private mutating func read(_ all: UnsafeBufferPointer<UInt8>) throws(FormError) {
    var rest = all[...]
    while !rest.isEmpty {
      let pair = rest[..<(rest.firstIndex(of: UInt8(ascii: "&")) ?? rest.endIndex)]
      rest = rest[pair.endIndex...].dropFirst()
      if pair.isEmpty { continue }
      if fields.count == Form.fieldLimit { throw FormError(field: "", rule: "has more than \(Form.fieldLimit) fields") }
      let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
      let rawName = UnsafeBufferPointer(rebasing: pair[..<equals])
      let rawValue = UnsafeBufferPointer(rebasing: pair[equals...].dropFirst())
      guard let name = FormText.decode(rawName) else {
        throw FormError(field: "", rule: "has a field whose name \(Form.rule)", received: String(decoding: rawName, as: UTF8.self))
      }
      guard let value = FormText.decode(rawValue) else {
        throw FormError(field: name, rule: Form.rule, received: String(decoding: rawValue, as: UTF8.self))
      }
      fields.append(Field(name: name, value: value))
    }
  }

  private static let rule = "must be percent-encoded UTF-8 (% and two hexadecimal digits)"
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
