import JSON

/// What an operand stands for while an expression is evaluated. Nothing in it is copied out of the documents.
enum Value: Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  /// Above Int64.
  case unsigned(UInt64)
  case double(Double)
  case text(JSONText)
  /// A field of a worker, which is no part of a document.
  case string(String)
  case array(JSONValue)
  case list([Operand])
  /// Opaque: equal to nothing, ordered against nothing, no array.
  case object

  init(_ value: JSONValue) {
    switch value.kind {
    case .null: self = .null
    case .bool: self = .bool(value.bool == true)
    case .integer: self = .integer(value.integer ?? 0)
    case .unsigned: self = .unsigned(value.unsigned ?? 0)
    case .double: self = .double(value.double ?? 0)
    case .string: self = value.text.map { .text($0) } ?? .null
    case .array: self = .array(value)
    case .object: self = .object
    }
  }

  var isArray: Bool {
    switch self {
    case .array, .list: true
    default: false
    }
  }

  var isNull: Bool { if case .null = self { true } else { false } }
}

/// The result of putting two scalars beside each other.
enum Ordering { case less, equal, greater, incomparable }

extension Value {
  /// Whether two scalars are the same; different types never are (taskrouter.md 6.4).
  func equals(_ other: Value) -> Bool {
    switch (self, other) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.text(let a), .text(let b)): a == b
    case (.text(let a), .string(let b)): a.equals(b)
    case (.string(let a), .text(let b)): b.equals(a)
    // By bytes, not by Swift's canonical equivalence.
    case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
    default: compareNumbers(other) == .equal
    }
  }

  /// The order of two numbers or two strings; everything else has none.
  func compare(_ other: Value) -> Ordering {
    if let a = bytes, let b = other.bytes { return a < b ? .less : a == b ? .equal : .greater }
    return compareNumbers(other)
  }

  /// As a text of a document; allocates for a field of a worker.
  var bytes: JSONText? {
    switch self {
    case .text(let text): text
    case .string(let string): JSONText(string)
    default: nil
    }
  }

  /// Exact: an integer is not rounded to be compared with a fraction.
  private func compareNumbers(_ other: Value) -> Ordering {
    switch (whole, other.whole) {
    case (let a?, let b?): return Self.order(a, b)
    case (let a?, nil):
      guard case .double(let b) = other else { return .incomparable }
      return Self.order(a, against: b)
    case (nil, let b?):
      guard case .double(let a) = self else { return .incomparable }
      switch Self.order(b, against: a) {
      case .less: return .greater
      case .greater: return .less
      case let same: return same
      }
    case (nil, nil):
      guard case .double(let a) = self, case .double(let b) = other else { return .incomparable }
      return Self.order(a, b)
    }
  }

  var whole: Int128? {
    switch self {
    case .integer(let value): Int128(value)
    case .unsigned(let value): Int128(value)
    default: nil
    }
  }

  private static func order<Number: Comparable>(_ a: Number, _ b: Number) -> Ordering { a < b ? .less : a == b ? .equal : .greater }

  private static func order(_ a: Int128, against b: Double) -> Ordering {
    // Beyond the range of 64-bit integers the fraction decides by its size alone; within it, its floor is exact.
    if b >= 0x1p64 { return .less }
    if b < -0x1p63 { return .greater }
    let floor = b.rounded(.down)
    let whole = Int128(floor)
    if a != whole { return order(a, whole) }
    return floor == b ? .equal : .less
  }
}
