/// Requests of one origin that are under way and those that wait for them, first come, first served.
struct HostQueue {
  var active = 0
  private var waiting: [Transfer] = []
  private var first = 0

  var isUnused: Bool { active == 0 && first == waiting.count }

  /// Everybody who still waits.
  var pending: ArraySlice<Transfer> { waiting[first...] }

  mutating func append(_ transfer: Transfer) { waiting.append(transfer) }

  /// Who waits longest; those that gave up meanwhile are passed over. Amortised O(1).
  mutating func next() -> Transfer? {
    while first < waiting.count {
      let transfer = waiting[first]
      first += 1
      if first > 64, first * 2 > waiting.count {
        waiting.removeFirst(first)
        first = 0
      }
      if case .queued = transfer.state { return transfer }
    }
    (waiting, first) = ([], 0)
    return nil
  }
}
