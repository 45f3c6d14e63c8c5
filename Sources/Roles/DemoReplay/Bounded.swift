/// Does `work` for each item, at most `limit` at once. Results in the order of the items; the first error ends it.
package func bounded<Item: Sendable, Value: Sendable>(
  _ items: [Item], limit: Int, _ work: @escaping @Sendable (Item) async throws -> Value
) async throws -> [Value] {
  // Most instants have one thing to do: no group for it.
  if items.count == 1 { return [try await work(items[0])] }
  return try await withThrowingTaskGroup(of: (Int, Value).self) { group in
    var results = [Value?](repeating: nil, count: items.count)
    var next = 0
    func start() {
      let place = next
      let item = items[place]
      next += 1
      group.addTask { (place, try await work(item)) }
    }
    while next < min(limit, items.count) { start() }
    while let (place, value) = try await group.next() {
      results[place] = value
      if next < items.count { start() }
    }
    return results.compactMap { $0 }
  }
}
