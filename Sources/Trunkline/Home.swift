import EventLoops
import Handover
import Ports
import Resources

/// What a node stands on, whichever home it is in.
struct Home: Sendable {
  var log: any EventLog
  var membership: any Membership
  /// For readers, from anywhere.
  var hot: any HotReads
  var accounts: any HotReads
  var bus: any SignalBus
  /// For live events, of which there may be more than pass: answers do not share their way.
  var events: any SignalBus
  var lanes: [Lane]
  /// By partition: from owners to projectors of `work`. Empty where a projector reads bytes that came from elsewhere.
  var handovers: [Handover] = []
  /// How the node is called in journals and answers.
  var node: String
  /// Other nodes stand on it too: live events travel over the bus, and hot state is compared now and then.
  var isShared: Bool
  /// What it lacks now, by name; looked at again and again.
  var problems: @Sendable () -> [(part: String, reason: String)]
  /// Returns once the log can be used.
  var connect: @Sendable (_ isStopping: @escaping @Sendable () -> Bool) async -> Void
  /// Called every few seconds.
  var tick: @Sendable () -> Void
  /// What was said last is on its way when it returns.
  var shutdown: @Sendable () async -> Void

  func handover(_ partition: Int) -> Handover? { handovers.indices.contains(partition) ? handovers[partition] : nil }

  var partitions: Int { log.partitions(of: "work.journal") ?? 1 }
}

/// A loop that owns whole partitions, and the hot state as their owners write it.
struct Lane: Sendable {
  var loop: EventLoop
  var hot: any HotState
  var accounts: any HotState
}

/// The embedded home: every partition is this node's, behind the folder's lock.
struct SoleMember: Membership {
  let partitions: Int

  func join(_ group: String, topics: [String], changed: @escaping @Sendable (Set<Int>) -> Void) -> any Cancellable {
    changed(Set(0..<partitions))
    return Leave()
  }

  private struct Leave: Cancellable {
    func cancel() {}
  }
}
