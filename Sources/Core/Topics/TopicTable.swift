/// All topics. The files in `topics/` are the reviewed source, with the reasons; `scripts/check-topics.py` compares them with each line here, so that
/// the binary needs no folder beside it.
package enum TopicTable {
  private static let hour: Int64 = 3_600_000
  private static let day: Int64 = 86_400_000

  package static let all: [Topic] = [
    Topic(
      "work.commands", embedded: 4, cluster: 24, retention: .position(atLeast: 7 * day, bound: "owner position"), timestamps: .logAppend,
      durability: .ordered, visibility: .internal),
    Topic(
      "work.bulk", embedded: 4, cluster: 24, retention: .position(atLeast: 7 * day, bound: "owner position"), timestamps: .logAppend,
      durability: .synced, visibility: .internal),
    Topic(
      "work.journal", embedded: 4, cluster: 24, retention: .position(atLeast: 7 * day, bound: "projector ledger"), timestamps: .logAppend,
      durability: .synced, visibility: .internal),
    Topic(
      "work.state", embedded: 4, cluster: 24, retention: .latest(tombstones: day, embeddedTombstones: hour), timestamps: .create,
      durability: .synced, visibility: .internal),
    Topic(
      "account.commands", embedded: 4, cluster: 24, retention: .position(atLeast: 7 * day, bound: "owner position"), timestamps: .logAppend,
      durability: .ordered, visibility: .internal),
    Topic(
      "account.journal", embedded: 4, cluster: 24, retention: .position(atLeast: 7 * day, bound: "projector ledger"),
      timestamps: .logAppend, durability: .synced, visibility: .internal),
    Topic(
      "account.state", embedded: 4, cluster: 24, retention: .latest(tombstones: day, embeddedTombstones: hour), timestamps: .create,
      durability: .synced, visibility: .internal),
    Topic(
      "events", embedded: 4, cluster: 24, retention: .time(7 * day), timestamps: .create, durability: .synced, visibility: .public),
    Topic(
      "callouts", embedded: 4, cluster: 24, retention: .time(7 * day), timestamps: .logAppend, durability: .synced, visibility: .internal),
    Topic(
      "callouts.state", embedded: 4, cluster: 24, retention: .latest(tombstones: day, embeddedTombstones: hour), timestamps: .create,
      durability: .synced, visibility: .internal),
    Topic(
      "rejects", embedded: 4, cluster: 24, retention: .time(30 * day), timestamps: .logAppend, durability: .synced, visibility: .internal),
  ]
}
