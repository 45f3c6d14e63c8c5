import Resources

/// The last identifiers that were seen, up to a number.
struct Recent {
  private let most: Int
  private var known: Set<Identifier> = []
  private var order: [Identifier] = []
  /// Place in `order` of the oldest, once it is full.
  private var oldest = 0

  init(most: Int) { self.most = most }

  /// False when it is among them already. O(1).
  mutating func insert(_ id: Identifier) -> Bool {
    guard known.insert(id).inserted else { return false }
    guard order.count >= most else {
      order.append(id)
      return true
    }
    known.remove(order[oldest])
    order[oldest] = id
    oldest = (oldest + 1) % most
    return true
  }
}
