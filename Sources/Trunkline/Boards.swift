import Observability
import PartitionRunner
import Projection
import Synchronization

/// A partition of a family.
struct Place: Hashable, Sendable, CustomStringConvertible {
  let family: String
  let partition: Int

  init(_ family: String, _ partition: Int) { (self.family, self.partition) = (family, partition) }

  var description: String { "\(family)/\(partition)" }
  var labels: Metrics.Labels { ["family": family, "partition": "\(partition)"] }
}

/// How this node's owners stand, told about once a second. A partition that goes to another node takes its series with it.
final class OwnerBoard: Sendable {
  private let standings = Mutex<[Place: RunnerStanding]>([:])
  private let refills: Counter

  init(metrics: Metrics) {
    refills = metrics.counter("trunkline_hot_state_refills_total", help: "Scopes that hot state was filled with again from the journal")
    show(metrics, "trunkline_partition_ready", "Partitions that this node owns: 1 when decided and readable, 0 when not") {
      $0.isReady ? 1 : 0
    }
    show(
      metrics, "trunkline_partition_hot_state_behind_scopes",
      "Scopes of an owned partition that hot state does not have as the journal says"
    ) {
      Double($0.behind)
    }
    show(metrics, "trunkline_partition_decisions_in_flight", "Decisions of an owned partition on their way into the journal") {
      Double($0.inFlight)
    }
    show(
      metrics, "trunkline_partition_decisions_unapplied", "Decisions of an owned partition in the journal whose requests wait for hot state"
    ) {
      Double($0.awaiting)
    }
  }

  private func show(_ metrics: Metrics, _ name: StaticString, _ help: StaticString, _ value: @escaping @Sendable (RunnerStanding) -> Double)
  {
    metrics.gauges(name, help: help) { [weak self] in
      self?.standings.withLock { $0.map { ($0.key.labels, value($0.value)) } } ?? []
    }
  }

  func set(_ place: Place, _ standing: RunnerStanding) {
    let before = standings.withLock { $0.updateValue(standing, forKey: place) }
    refills.add(Int64(standing.refills - (before?.refills ?? 0)))
  }

  func end(_ place: Place) { standings.withLock { _ = $0.removeValue(forKey: place) } }
}

/// How this node's projectors stand, and how far behind their journals they are.
final class ProjectorBoard: Sendable {
  private struct State {
    var standing: ProjectorStanding
    /// Ends of the journal that were seen and are not projected yet, and when: the oldest says since when there is something to do.
    var ends: [(end: Int64, seen: Int64)] = []
    var end: Int64 = 0
  }

  private let states = Mutex<[Place: State]>([:])
  private let events: Counter
  private let now: @Sendable () -> Int64

  /// `now`: milliseconds of a clock that only grows.
  init(metrics: Metrics, now: @escaping @Sendable () -> Int64) {
    self.now = now
    events = metrics.counter("trunkline_events_written_total", help: "Events made from journals; after a failure some are made again")
    show(metrics, "trunkline_projector_running", "Projectors of this node: 1 when working, 0 when stopped by what they cannot read") {
      state, _ in
      state.standing.trouble == nil ? 1 : 0
    }
    show(metrics, "trunkline_projector_lag_records", "Records of a journal that are not projected yet") { state, _ in
      Double(max(0, state.end - state.standing.position))
    }
    show(
      metrics, "trunkline_projector_lag_seconds", "For how long the oldest record that is not projected yet has been seen in the journal"
    ) {
      state, now in state.ends.first.map { Double(now - $0.seen) / 1000 } ?? 0
    }
  }

  private func show(
    _ metrics: Metrics, _ name: StaticString, _ help: StaticString, _ value: @escaping @Sendable (State, Int64) -> Double
  ) {
    metrics.gauges(name, help: help) { [weak self] in
      guard let self else { return [] }
      let now = now()
      return states.withLock { $0.map { ($0.key.labels, value($0.value, now)) } }
    }
  }

  func set(_ place: Place, _ standing: ProjectorStanding) {
    states.withLock { states in
      var state = states[place] ?? State(standing: standing)
      events.add(Int64(standing.events - (states[place]?.standing.events ?? 0)))
      state.standing = standing
      state.ends.removeAll { $0.end <= standing.position }
      states[place] = state
    }
  }

  /// Only for projectors that have told how they stand: a late answer about one that is gone is not kept.
  func sawEnd(_ place: Place, _ end: Int64) {
    let now = now()
    states.withLock { states in
      guard var state = states[place] else { return }
      state.end = max(state.end, end)
      // One that stopped collects no more than an hour's.
      if end > state.standing.position, end > state.ends.last?.end ?? 0, state.ends.count < 3600 { state.ends.append((end, now)) }
      states[place] = state
    }
  }

  func end(_ place: Place) { states.withLock { _ = $0.removeValue(forKey: place) } }
}
