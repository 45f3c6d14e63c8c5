/// Tells whether somebody has lately waited for an answer here: work that nobody waits for makes room meanwhile. Instants are the monotonic clock's, in milliseconds.
package protocol Courtesy: Sendable {
  /// Somebody waits for an answer now.
  func note(_ now: Int64)
  func isDue(_ now: Int64) -> Bool
}

/// For whoever has nobody to be courteous to.
package struct NoCourtesy: Courtesy {
  package init() {}
  package func note(_ now: Int64) {}
  package func isDue(_ now: Int64) -> Bool { false }
}
