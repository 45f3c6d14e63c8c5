/// The known name that somebody probably meant.
enum Nearest {
  /// The nearest of `known` by edit distance (ties: the first), or nil when none is near. Bounded: names over 64 bytes are not compared.
  static func name(to given: String, in known: [String]) -> String? {
    let wanted = Array(given.lowercased().utf8)
    guard !wanted.isEmpty, wanted.count <= 64 else { return nil }
    var best: (name: String, distance: Int)?
    for name in known {
      let distance = distance(wanted, Array(name.lowercased().utf8))
      if best.map({ distance < $0.distance }) ?? true { best = (name, distance) }
    }
    if let best, best.distance <= max(1, wanted.count / 3) { return best.name }
    let longer = known.filter { $0.hasPrefix(given) }
    return longer.count == 1 ? longer.first : nil
  }

  /// Optimal string alignment: insertions, deletions, replacements, and neighbours swapped cost one each.
  private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
    var beforeLast = [Int](repeating: 0, count: other.count + 1)
    var last = Array(0...other.count)
    for row in 0..<one.count {
      var current = [row + 1]
      current.reserveCapacity(other.count + 1)
      for column in 0..<other.count {
        let replaced = last[column] + (one[row] == other[column] ? 0 : 1)
        var cost = min(replaced, last[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, one[row] == other[column - 1], one[row - 1] == other[column] {
          cost = min(cost, beforeLast[column - 1] + 1)
        }
        current.append(cost)
      }
      beforeLast = last
      last = current
    }
    return last[other.count]
  }
}
