/// A document as a tree. Every node knows its line, counted from 1, so that whoever finds fault with it can say where.
package indirect enum YAMLValue: Sendable, Hashable {
  case scalar(String, line: Int)
  case sequence([YAMLValue], line: Int)
  case mapping([YAMLMember], line: Int)

  package var line: Int {
    switch self {
    case .scalar(_, let line), .sequence(_, let line), .mapping(_, let line): line
    }
  }

  /// The text of a scalar as written: whether it is a number is for the reader to say.
  package var text: String? { if case .scalar(let text, _) = self { text } else { nil } }

  package var elements: [YAMLValue]? { if case .sequence(let elements, _) = self { elements } else { nil } }

  package var members: [YAMLMember]? { if case .mapping(let members, _) = self { members } else { nil } }

  /// A member of a mapping; nil where there is none or this is no mapping.
  package subscript(key key: String) -> YAMLValue? { members?.first { $0.key == key }?.value }
}

/// One key of a mapping and its value; keys are texts and stand there once.
package struct YAMLMember: Sendable, Hashable {
  package let key: String
  package let value: YAMLValue
}

/// Why a text is not a document that we read, and where.
package struct YAMLError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Counted from 1.
  package let line: Int
  package let reason: String

  package init(line: Int, reason: String) {
    self.line = line
    self.reason = reason
  }

  package var description: String { "line \(line): \(reason)" }
}
