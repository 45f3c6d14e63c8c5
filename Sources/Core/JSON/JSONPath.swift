/// A key, hashed once to be looked for many times.
package struct JSONKey: Sendable, Hashable {
  /// The first word of a key's node: kind, hash and length.
  let head: UInt64
  let text: JSONText

  package init(_ name: String) {
    text = JSONText(name)
    head = UInt64(JSONValue.stringKind) | UInt64(JSONDocument.hash(Array(name.utf8))) << 16 | UInt64(text.count) << 32
  }

  package var name: String { text.string }
}

/// A way into a document such as `skills.languages[0]`, compiled once.
package struct JSONPath: Sendable, Hashable {
  package enum Step: Sendable, Hashable {
    case key(JSONKey)
    case index(Int)
  }

  package let steps: [Step]

  package init(_ steps: [Step]) { self.steps = steps }

  /// Reads `a.b[0].c`. Names are anything but `.`, `[` and `]`; nil for an empty name or a place that is no number.
  package init?(_ text: String) {
    var steps: [Step] = []
    var rest = Substring(text)
    var expectsName = true
    while expectsName || !rest.isEmpty {
      if !expectsName, rest.first == "[" {
        guard let end = rest.firstIndex(of: "]"), let index = Int(rest[rest.index(after: rest.startIndex)..<end]), index >= 0 else {
          return nil
        }
        steps.append(.index(index))
        rest = rest[rest.index(after: end)...]
        continue
      }
      if !expectsName {
        guard rest.removeFirst() == "." else { return nil }
      }
      let name = rest.prefix { $0 != "." && $0 != "[" && $0 != "]" }
      guard !name.isEmpty else { return nil }
      steps.append(.key(JSONKey(String(name))))
      rest = rest[name.endIndex...]
      expectsName = false
    }
    self.steps = steps
  }

  /// The node that it leads to; -1 when it leads nowhere.
  func find(in words: [UInt64], from root: Int) -> Int {
    var node = root
    for step in steps {
      switch step {
      case .key(let key): node = Self.find(key, in: words, from: node)
      case .index(let index): node = Self.find(index, in: words, from: node)
      }
      guard node >= 0 else { return -1 }
    }
    return node
  }

  static func find(_ key: JSONKey, in words: [UInt64], from node: Int) -> Int {
    guard UInt8(truncatingIfNeeded: words[1 + 2 * node]) == JSONValue.objectKind else { return -1 }
    let end = Int(words[2 + 2 * node])
    var place = node + 1
    while place < end {
      if words[1 + 2 * place] == key.head, isSame(key.text, words, Int(words[0] + words[2 + 2 * place])) { return place + 1 }
      place = JSONValue(words: words, node: place + 1).next
    }
    return -1
  }

  private static func isSame(_ text: JSONText, _ words: [UInt64], _ start: Int) -> Bool {
    for index in 0..<text.wordCount where text.words[text.start + index] != words[start + index] { return false }
    return true
  }

  static func find(_ index: Int, in words: [UInt64], from node: Int) -> Int {
    let value = JSONValue(words: words, node: node)
    guard value.code == JSONValue.arrayKind, index >= 0, index < value.count else { return -1 }
    var place = node + 1
    for _ in 0..<index { place = JSONValue(words: words, node: place).next }
    return place
  }
}
