import EventLoops
import Ports
import Synchronization

/// A node's place in a group, over all members that it has been there.
///
/// A broker that was away may take two attempts of one node to join for two nodes of one name, and shut the first out: so a node that was shut out joins again. Where it
/// really is two nodes, each shuts the other out once; who is shut out twice within a minute stays out and says so.
final class GroupPlace: Sendable, Cancellable {
  private struct State {
    var member: KafkaMember?
    var fences: [Int64] = []
    var isOver = false
  }

  private let settings: [String: String]
  private let group: String
  private let topics: [String]
  private let loop: EventLoop
  private let refusals: Refusals
  private let notify: @Sendable (KafkaNotice) -> Void
  private let changed: @Sendable (Set<Int>) -> Void
  private let state = Mutex(State())

  init(
    _ settings: [String: String], group: String, topics: [String], loop: EventLoop, refusals: Refusals,
    notify: @escaping @Sendable (KafkaNotice) -> Void, changed: @escaping @Sendable (Set<Int>) -> Void
  ) {
    self.refusals = refusals
    self.settings = settings
    self.group = group
    self.topics = topics
    self.loop = loop
    self.notify = notify
    self.changed = changed
  }

  /// Who is in the group for this node now.
  var member: KafkaMember? { state.withLock { $0.member } }

  func join() {
    guard !state.withLock({ $0.isOver }) else { return }
    do throws(LogFailure) {
      let made = try KafkaMember(
        settings, group: group, topics: topics, loop: loop, refusals: refusals, notify: notify, changed: changed,
        fenced: { [weak self] in self?.fenced($0) })
      state.withLock { $0.member = made }
    } catch {
      notify(.refused("\(error)"))
      _ = loop.schedule(afterMilliseconds: 1000) { [weak self] in self?.join() }
    }
  }

  private func fenced(_ why: String) {
    let now = loop.monotonicMilliseconds
    let (old, times) = state.withLock { state in
      state.fences = state.fences.filter { now - $0 < 60_000 } + [now]
      defer { state.member = nil }
      return (state.member, state.fences.count)
    }
    old?.cancel()
    guard times < 2 else {
      notify(.identityTaken("another node joined \(group) under this node's name: \(why)"))
      return changed([])
    }
    notify(.refused("\(group): shut out by a member of the same name, perhaps an attempt of this node's own; joining again: \(why)"))
    _ = loop.schedule(afterMilliseconds: 1000) { [weak self] in self?.join() }
  }

  func cancel() {
    let member = state.withLock { state in
      state.isOver = true
      return state.member
    }
    member?.cancel()
  }
}
