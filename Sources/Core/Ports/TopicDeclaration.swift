/// What a topic is, fixed at creation: how adapters that make their own topics are told of them.
package struct TopicDeclaration: Sendable, Hashable {
  package var name: String
  /// At least 1. Never changes: keys would move to other partitions.
  package var partitions: Int
  /// Only the latest record of each key is kept, tombstones for at least an hour (journal.md, "Projection").
  package var compacted: Bool
  /// Follows from journals and is made again from them: a log may keep it apart, so that nobody who waits for a decision waits for it.
  package var isDerived: Bool

  /// By convention snapshots are named `*.state` and are the compacted ones.
  package init(_ name: String, partitions: Int, compacted: Bool? = nil, isDerived: Bool = false) {
    self.name = name
    self.partitions = partitions
    self.compacted = compacted ?? name.hasSuffix(".state")
    self.isDerived = isDerived
  }

  /// Of the product's topics: those that only projectors write.
  package static func isDerived(_ topic: String) -> Bool { topic.hasSuffix(".state") || topic == "events" || topic == "callouts" }
}
