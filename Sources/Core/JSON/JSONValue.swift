/// One value of a document, as a place on its tape: copying it copies nothing else.
package struct JSONValue: Sendable {
  /// `integer` is within Int64, `unsigned` above it and within UInt64, `double` was written with a fraction or an exponent.
  package enum Kind: UInt8, Sendable { case null, bool, integer, unsigned, double, string, array, object }

  let words: [UInt64]
  let node: Int

  /// The numbers that the tape uses, which the C header fixes.
  static let falseKind: UInt8 = 1
  static let trueKind: UInt8 = 2
  static let stringKind: UInt8 = 6
  static let arrayKind: UInt8 = 7
  static let objectKind: UInt8 = 8

  var head: UInt64 { words[1 + 2 * node] }
  var payload: UInt64 { words[2 + 2 * node] }
  var code: UInt8 { UInt8(truncatingIfNeeded: head) }

  package var kind: Kind {
    switch code {
    case 0: .null
    case Self.falseKind, Self.trueKind: .bool
    case 3: .integer
    case 4: .unsigned
    case 5: .double
    case Self.stringKind: .string
    case Self.arrayKind: .array
    default: .object
    }
  }

  package var isNull: Bool { code == 0 }
  package var bool: Bool? { code == Self.trueKind ? true : code == Self.falseKind ? false : nil }
  /// The number, when it was written as an integer and fits.
  package var integer: Int64? { code == 3 ? Int64(bitPattern: payload) : nil }
  /// The number, when it was written as an integer that is not negative.
  package var unsigned: UInt64? { code == 4 ? payload : code == 3 && Int64(bitPattern: payload) >= 0 ? payload : nil }
  /// Any number; integers beyond 53 bits are rounded.
  package var double: Double? {
    switch code {
    case 3: Double(Int64(bitPattern: payload))
    case 4: Double(payload)
    case 5: Double(bitPattern: payload)
    default: nil
    }
  }

  /// The string, without an allocation.
  package var text: JSONText? {
    code == Self.stringKind ? JSONText(words: words, start: Int(words[0] + payload), count: Int(head >> 32)) : nil
  }

  package var string: String? { text?.string }

  /// Elements of an array or pairs of an object; 0 for everything else.
  package var count: Int { code >= Self.arrayKind ? Int(head >> 32) : 0 }

  /// The node after this value and all that is in it.
  var next: Int { code >= Self.arrayKind ? Int(payload) : node + 1 }
}

extension JSONValue {
  /// The elements of an array; nothing for everything else.
  package var elements: Elements { Elements(words: words, node: node + 1, left: code == Self.arrayKind ? count : 0) }
  /// The pairs of an object in the order of the text; nothing for everything else.
  package var pairs: Pairs { Pairs(words: words, node: node + 1, left: code == Self.objectKind ? count : 0) }

  package struct Elements: Sequence, IteratorProtocol, Sendable {
    let words: [UInt64]
    var node: Int
    var left: Int

    package mutating func next() -> JSONValue? {
      guard left > 0 else { return nil }
      left -= 1
      let value = JSONValue(words: words, node: node)
      node = value.next
      return value
    }
  }

  package struct Pairs: Sequence, IteratorProtocol, Sendable {
    let words: [UInt64]
    var node: Int
    var left: Int

    package mutating func next() -> (key: JSONText, value: JSONValue)? {
      guard left > 0 else { return nil }
      left -= 1
      let key = JSONValue(words: words, node: node)
      let value = JSONValue(words: words, node: node + 1)
      node = value.next
      return (JSONText(words: words, start: Int(words[0] + key.payload), count: Int(key.head >> 32)), value)
    }
  }

  /// The value of a key; nil for a key that is not there and for everything but objects. Where a key is asked for often, a `JSONKey` is cheaper.
  package subscript(key name: String) -> JSONValue? { self[key: JSONKey(name)] }

  /// O(pairs), no allocation.
  package subscript(key key: JSONKey) -> JSONValue? {
    let found = JSONPath.find(key, in: words, from: node)
    return found < 0 ? nil : JSONValue(words: words, node: found)
  }

  /// The element at a place from 0 on; nil beyond the end and for everything but arrays. O(elements before it).
  package subscript(index: Int) -> JSONValue? {
    let found = JSONPath.find(index, in: words, from: node)
    return found < 0 ? nil : JSONValue(words: words, node: found)
  }

  /// What a path leads to from here.
  package subscript(path: JSONPath) -> JSONValue? {
    let found = path.find(in: words, from: node)
    return found < 0 ? nil : JSONValue(words: words, node: found)
  }
}
