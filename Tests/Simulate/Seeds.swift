/// Seeds that once showed something, and are run every time.
enum Seeds {
  /// 5: an owner that waited for a refill that a newer one had begun before it died (found as 237); 504: a message sent before its decision was in the journal; 709: a projector
  /// that never wrote again (found as 61). As what is drawn has moved since, these are the numbers at which the mutations that stand for them (`refused-refill-waits`,
  /// `send-unconfirmed`, `projector-never-writes-again`) are caught today; whoever moves it again looks for them again.
  static let kept: [UInt64] = [5, 504, 709]
}
