/// Arrivals and backlog over time, made from when each task came and stopped waiting.
package struct Curves: Sendable, Equatable {
  /// New tasks in each step.
  package let arrivals: [Int]
  /// Most tasks that waited at once in each step; what waited at its beginning counts.
  package let backlog: [Int]

  /// Exact, O(n log n). A task that stops waiting at the moment when another comes has gone before it.
  ///
  /// - Parameters:
  ///   - waits: seconds at which each task came, and at which it was assigned or given up; nil: it waits to the end.
  ///   - start: seconds at which the first step begins; what came before is not an arrival but may wait.
  ///   - step: seconds of a step, ≥ 1.
  ///   - steps: how many.
  package init(_ waits: [(from: Double, to: Double?)], start: Double, step: Double, steps: Int) {
    let (step, steps) = (max(1, step), max(0, steps))
    let end = start + step * Double(steps)
    var arrivals = [Int](repeating: 0, count: steps)
    var changes: [(at: Double, by: Int)] = []
    for wait in waits where wait.from.isFinite && wait.from < end {
      if wait.from >= start { arrivals[min(steps - 1, Int((wait.from - start) / step))] += 1 }
      guard let to = wait.to else {
        changes.append((wait.from, 1))
        continue
      }
      if to > wait.from { changes += [(wait.from, 1), (to, -1)] }
    }
    changes.sort { ($0.at, $0.by) < ($1.at, $1.by) }
    self.arrivals = arrivals
    backlog = Curves.most(changes, start: start, step: step, steps: steps)
  }

  private static func most(_ changes: [(at: Double, by: Int)], start: Double, step: Double, steps: Int) -> [Int] {
    var backlog: [Int] = []
    var (waiting, next) = (0, 0)
    // What happens at the very beginning of a step belongs to that step, not to what waited before it.
    while next < changes.count, changes[next].at < start {
      waiting += changes[next].by
      next += 1
    }
    for index in 0..<steps {
      let (begin, end) = (start + step * Double(index), start + step * Double(index + 1))
      while next < changes.count, changes[next].at <= begin, changes[next].by < 0 {
        waiting += changes[next].by
        next += 1
      }
      var most = waiting
      while next < changes.count, changes[next].at < end {
        waiting += changes[next].by
        most = max(most, waiting)
        next += 1
      }
      backlog.append(most)
    }
    return backlog
  }
}
