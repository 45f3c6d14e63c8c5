/// A closed set of names as they stand on the wire. Raw values count from 0 on.
package protocol TextChoice: CaseIterable, RawRepresentable<UInt8> {
  var text: String { get }
}

extension TextChoice {
  /// Nil for a text that names none. Exact, with upper and lower case.
  package init?(text: String) {
    // Not by way of all cases, which are made anew as an array each time.
    var raw: UInt8 = 0
    while let choice = Self(rawValue: raw) {
      if choice.text == text {
        self = choice
        return
      }
      raw += 1
    }
    return nil
  }
}
