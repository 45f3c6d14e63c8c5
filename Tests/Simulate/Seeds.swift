/// Seeds that once showed something, and are run every time.
enum Seeds {
  static let kept: [UInt64] = []
}
