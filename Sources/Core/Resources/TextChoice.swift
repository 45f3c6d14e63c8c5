/// A closed set of names as they stand on the wire.
package protocol TextChoice: CaseIterable {
  var text: String { get }
}

extension TextChoice {
  /// Nil for a text that names none. Exact, with upper and lower case.
  package init?(text: String) {
    guard let found = Self.allCases.first(where: { $0.text == text }) else { return nil }
    self = found
  }
}
