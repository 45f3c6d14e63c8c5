/// Why a text is no expression, and where.
package struct ExpressionError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Characters (Unicode scalars) before the fault, from 0.
  package let offset: Int
  /// What the language wants there.
  package let expected: String
  /// What stands there.
  package let found: String

  package var description: String { "at character \(offset + 1): expected \(expected), found \(found)" }
}
