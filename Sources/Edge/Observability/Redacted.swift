/// A secret on its way through code that prints: whatever describes, dumps or interpolates it shows `********`.
///
/// Wrap a secret where it is read and unwrap it where it is used; a log line, an error message or a failed test in between cannot give it away.
package struct Redacted<Value: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The secret itself, for the one place that needs it.
  package let secret: Value

  package init(_ secret: Value) { self.secret = secret }

  package var description: String { "********" }
  package var debugDescription: String { "********" }
  /// Without children, so that `dump` and a failed expectation show nothing.
  package var customMirror: Mirror { Mirror(self, children: []) }
}

extension Redacted: Equatable where Value: Equatable {}
