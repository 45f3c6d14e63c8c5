import Callouts
import EventLoops
import Gateway
import Ports
import Projection
import Resources

/// The projector role: what is made from the journals of the partitions that are assigned.
struct Projectors: Sendable {
  static let group = "projectors"
  static let topics = ["work.journal", "account.journal"]

  private let pairs: Assignments<[Projector]>

  /// `live` gets events as soon as they are read, those of workspaces that are heard.
  init(
    home: Home, loop: EventLoop, watch: RunnerWatch, live: @escaping @Sendable (_ partition: Int, [LiveEvent]) -> Void,
    isHeard: @escaping @Sendable (Identifier) -> Bool
  ) {
    pairs = Assignments(
      begin: { partition in
        var work = Projector.Options(family: "work", partition: partition, hasEvents: true)
        work.inputs = ["work.commands", "work.bulk"]
        work.packsEvents = !home.isShared
        var account = Projector.Options(family: "account", partition: partition, hasEvents: false)
        account.inputs = ["account.commands"]
        let made = [
          Projector(
            options: work, log: home.log, queue: loop, consumers: [EventCallouts(partition: partition)], live: { live(partition, $0) },
            isHeard: isHeard,
            notify: { watch.take($0, "work", partition) }),
          Projector(options: account, log: home.log, queue: loop, notify: { watch.take($0, "account", partition) }),
        ]
        for projector in made { projector.start() }
        return made
      },
      // Somebody else goes on from what is written.
      end: { _, gone in for projector in gone { projector.stop(within: 0) } })
  }

  var isJoined: Bool { pairs.isJoined }

  func join(_ membership: any Membership) { pairs.join(membership, Projectors.group, topics: Projectors.topics) }

  func finish() async {
    pairs.leave()
    for (_, pair) in pairs.items {
      for projector in pair { await withCheckedContinuation { continuation in projector.stop { continuation.resume() } } }
    }
  }
}
