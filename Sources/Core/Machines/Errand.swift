package import Resources

/// Something that a machine does without being asked: a timer, or a long command that goes on. Every owner calls it the same, also after a restart, so that evidence
/// against it holds (journal.md, "Poison").
package struct Errand: Hashable, Sendable {
  package var scope: Identifier
  /// The document that it is about.
  package var document: DocumentKey
  /// A timer's instant, or what tells one long command about the document from the next.
  package var at: Int64

  package init(scope: Identifier, document: DocumentKey, at: Int64) {
    self.scope = scope
    self.document = document
    self.at = at
  }

  /// Its name where there is room for 64 bits only. Many timers are due at one instant, so the instant alone names none of them.
  package var number: Int64 {
    let about = scope.combined(with: document.id)
    let whole = about.combined(with: Identifier(high: UInt64(document.kind), low: UInt64(bitPattern: at)))
    return Int64(bitPattern: whole.high ^ whole.low)
  }
}
