/// Something that is due at an instant of the day. At the same instant the work that ends comes before the patience that ends and before the work that begins.
package enum Deed: Sendable, Equatable {
  case complete(task: Int)
  case arrive(worker: Int)
  case giveUp(task: Int)
  case accept(task: Int)
  case create(task: Int)
  case leave(worker: Int)

  var order: Int {
    switch self {
    case .complete: 0
    case .arrive: 1
    case .giveUp: 2
    case .accept: 3
    case .create: 4
    case .leave: 5
    }
  }
}

/// What is to be done, by time, then by kind of deed, then as it was put in: a binary heap. Times are milliseconds since the day's midnight.
package struct Agenda: Sendable {
  fileprivate struct Entry {
    let at: Int64
    let order: Int
    let serial: Int
    let deed: Deed

    func isBefore(_ other: Entry) -> Bool { (at, order, serial) < (other.at, other.order, other.serial) }
  }
  fileprivate var heap: [Entry] = []
  private var serial = 0

  package init() {}

  package var isEmpty: Bool { heap.isEmpty }
  package var count: Int { heap.count }
  /// When the next deed is due.
  package var next: Int64? { heap.first?.at }

  /// O(log n).
  package mutating func add(_ deed: Deed, at: Int64) {
    serial += 1
    heap.append(Entry(at: at, order: deed.order, serial: serial, deed: deed))
    var child = heap.count - 1
    while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// All deeds of the first kind that is due by `now`, with their times; empty when nothing is.
  package mutating func takeDue(by now: Int64) -> [(deed: Deed, at: Int64)] {
    guard let first = heap.first, first.at <= now else { return [] }
    var found: [(deed: Deed, at: Int64)] = []
    while let top = heap.first, top.at <= now, top.order == first.order {
      found.append((top.deed, top.at))
      removeFirst()
    }
    return found
  }

  private mutating func removeFirst() {
    let last = heap.removeLast()
    guard !heap.isEmpty else { return }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].isBefore(heap[least]) { least = child }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}

extension Agenda {
  /// Forgets deeds. O(n log n).
  package mutating func remove(where isUnwanted: (Deed) -> Bool) {
    let kept = heap.filter { !isUnwanted($0.deed) }
    heap = []
    for entry in kept.sorted(by: { $0.serial < $1.serial }) { add(entry.deed, at: entry.at) }
  }
}
