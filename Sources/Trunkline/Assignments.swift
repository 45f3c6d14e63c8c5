import Ports
import Synchronization

/// Keeps something running for every partition that a group assigns to this node.
final class Assignments<Item: Sendable>: Sendable {
  private struct State {
    var items: [Int: Item] = [:]
    var isJoined = false
    var member: (any Cancellable)?
  }

  private let begin: @Sendable (Int) -> Item
  private let end: @Sendable (Int, Item) -> Void
  private let state = Mutex(State())

  init(begin: @escaping @Sendable (Int) -> Item, end: @escaping @Sendable (Int, Item) -> Void) {
    self.begin = begin
    self.end = end
  }

  func join(_ membership: any Membership, _ group: String, topics: [String]) {
    let member = membership.join(group, topics: topics) { [weak self] in self?.set($0) }
    state.withLock { $0.member = member }
  }

  /// The group has said at least once what is whose.
  var isJoined: Bool { state.withLock { $0.isJoined } }
  var items: [(partition: Int, item: Item)] { state.withLock { $0.items.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } } }

  /// Calls come one after another.
  private func set(_ partitions: Set<Int>) {
    let gone = state.withLock { state in
      state.isJoined = true
      let gone = state.items.filter { !partitions.contains($0.key) }
      for partition in gone.keys { state.items[partition] = nil }
      return gone
    }
    for (partition, item) in gone { end(partition, item) }
    for partition in partitions.sorted() where state.withLock({ $0.items[partition] == nil }) {
      let item = begin(partition)
      state.withLock { $0.items[partition] = item }
    }
  }

  /// Takes no more assignments; what runs goes on until whoever stops the node has ended it.
  func leave() {
    let member = state.withLock { state in
      defer { state.member = nil }
      return state.member
    }
    member?.cancel()
  }
}
