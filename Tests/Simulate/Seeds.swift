/// Seeds that once showed something, and are run every time.
enum Seeds {
  /// 61: a projector that never wrote again; 174, 237: an owner that waited for a refill that a newer one had begun before it died.
  static let kept: [UInt64] = [61, 174, 237]
}
