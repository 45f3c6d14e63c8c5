/// What is ready to run on a loop, first in, first out. On the loop's thread only.
///
/// Memory of its own and not an array in a property: each piece of work passes through here, and is moved in and out without being counted or checked.
final class ItemRing {
  /// A power of two, so that places wrap by a mask.
  private var capacity = 64
  private var slots = UnsafeMutablePointer<EventLoop.Item>.allocate(capacity: 64)
  private var first = 0
  private(set) var count = 0

  deinit {
    while count > 0 { _ = removeFirst() }
    slots.deallocate()
  }

  /// Amortised O(1).
  func append(_ item: consuming EventLoop.Item) {
    if count == capacity { grow() }
    (slots + ((first + count) & (capacity - 1))).initialize(to: item)
    count += 1
  }

  /// Only while there is one. O(1).
  func removeFirst() -> EventLoop.Item {
    precondition(count > 0, "nothing is ready")
    let item = (slots + first).move()
    first = (first + 1) & (capacity - 1)
    count -= 1
    return item
  }

  private func grow() {
    let wider = UnsafeMutablePointer<EventLoop.Item>.allocate(capacity: capacity * 2)
    let untilEnd = capacity - first
    wider.moveInitialize(from: slots + first, count: untilEnd)
    (wider + untilEnd).moveInitialize(from: slots, count: first)
    slots.deallocate()
    slots = wider
    first = 0
    capacity *= 2
  }
}
