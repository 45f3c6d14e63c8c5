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
  private let log: any EventLog
  private let figures: Figures

  /// `live` gets events as soon as they are read, those of workspaces that are heard.
  init(
    home: Home, loop: EventLoop, watch: RunnerWatch, readiness: Readiness, figures: Figures,
    live: @escaping @Sendable (_ partition: Int, [LiveEvent]) -> Void, isHeard: @escaping @Sendable (Identifier) -> Bool
  ) {
    log = home.log
    self.figures = figures
    pairs = Assignments(
      begin: { partition in
        var work = Projector.Options(family: "work", partition: partition, hasEvents: true)
        work.inputs = ["work.commands", "work.bulk"]
        work.packsEvents = !home.isShared
        var account = Projector.Options(family: "account", partition: partition, hasEvents: false)
        account.inputs = ["account.commands"]
        let made = [
          Projector(
            options: work, log: home.log, queue: loop, handover: home.handover(partition), consumers: [EventCallouts(partition: partition)],
            live: { live(partition, $0) },
            isHeard: isHeard,
            notify: { watch.take($0, "work", partition) }),
          Projector(options: account, log: home.log, queue: loop, notify: { watch.take($0, "account", partition) }),
        ]
        for projector in made { projector.start() }
        return made
      },
      // Somebody else goes on from what is written.
      end: { partition, gone in
        for (place, projector) in zip(Projectors.places(partition), gone) {
          projector.stop(within: 0) {
            readiness.clear("projector/\(place)")
            figures.projectors.end(place)
          }
        }
      })
  }

  /// In the order in which they are made.
  private static func places(_ partition: Int) -> [Place] { [Place("work", partition), Place("account", partition)] }

  /// Called again and again; `asksForEnds`: also how far the journals are, which may be a question to other machines.
  func check(_ readiness: Readiness, asksForEnds: Bool) {
    for (partition, pair) in pairs.items {
      for (place, projector) in zip(Projectors.places(partition), pair) {
        projector.look { standing in
          readiness.set("projector/\(place)", isReady: standing.trouble == nil, reason: standing.trouble)
          figures.projectors.set(place, standing)
        }
        guard asksForEnds else { continue }
        log.bounds(TopicPartition(place.family + ".journal", partition)) { found in
          if case .success(let bounds) = found { figures.projectors.sawEnd(place, bounds.end) }
        }
      }
    }
  }

  var isJoined: Bool { pairs.isJoined }

  func join(_ membership: any Membership) { pairs.join(membership, Projectors.group, topics: Projectors.topics) }

  func finish() async {
    pairs.leave()
    let all = pairs.items.flatMap(\.item)
    await withDiscardingTaskGroup { group in
      for projector in all { group.addTask { await withCheckedContinuation { done in projector.stop { done.resume() } } } }
    }
  }
}
