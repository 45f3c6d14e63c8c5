import Resources

/// What befalls a history.
enum Fault: UInt64, CaseIterable, Sendable {
  /// Every process ends, whatever it was doing; some of what was in flight is in the log.
  case crash
  case wipe, busLoss
  /// The wall clock steps by up to two seconds.
  case clockStep
  /// An append is lost, lands unreported, lands twice, lands late.
  case append
  case landLate
  /// A second owner, which believes that the partition is its own as the first still does; then one of them ends.
  case secondOwner
  /// Hot state is away, or does what it is asked and never says so, or is slow: then calls of the dead arrive late.
  case hotAway, hotSlow
  case replicate, failOver, rebalance
  /// A process that is not scheduled for a while, and then goes on as if nothing had been.
  case pause
  /// The log takes nothing for a while, and then everything.
  case outage
  /// Somebody waits for an answer for seconds: bulk holds back.
  case courtesy
  /// A process is killed inside a command that has done nothing wrong.
  case killedInside
  /// The sender of an import starts again, from the beginning or from what it remembers.
  case importerCrash
  /// Reads that come before what they ask for: empty, and not at the end.
  case lateReads
  /// A projector's transaction is lost, or lands and is reported as lost; the projector lives.
  case transaction
}

/// What one seed draws for its whole history: kinds of faults, and what there is besides requests. Histories differ sharply so, instead of each being a little of everything.
struct Swarm: Sendable {
  let faults: Set<Fault>
  /// Requests make bulk hold back for so many milliseconds of the monotonic clock; 0: never.
  let courtesy: Int64
  /// Bulk is held back during all of the quiet end too.
  let isCourteousToTheEnd: Bool
  let imports: Int
  let publishes: Bool
  /// Some commands end whoever handles them.
  let hasPoison: Bool
  /// So do some timers and long commands.
  let hasDeadlyErrands: Bool
  /// A second workspace that is deleted in slices, and then another.
  let hasNeighbour: Bool
  /// Some commands are larger than a decision may be.
  let hasGiants: Bool
  /// Journal and inputs are trimmed, down to so many milliseconds; nil: nothing is.
  let retention: Int64?
  /// What faults leave behind has to come right without a restart.
  let endsWithoutRestart: Bool
  /// The step at which one owner is overtaken by another before it has read its own Open.
  let overtakenAt: Int?
  /// The step from which on some decisions land twice, or are reported without an offset.
  let misreportsAt: Int?
  /// When everything else is well again, hot state is still away for a while.
  let endsWithoutHotState: Bool
  /// The last thing that goes wrong is one of several messages on their way at once.
  let losesMessages: Bool
  /// Somebody still asks for things in a deleted workspace, and its tasks were soon due.
  let asksTheDeleted: Bool
  /// An owner dies between its last append and the answer.
  let diesBeforeAnswering: Bool
  /// A newer owner begins to fill hot state and dies of it, while the older one lives.
  let abandonsRefill: Bool
  /// An owner leaves in order while requests come in.
  let leavesInOrder: Bool
  /// A week passes at the end.
  let comesBackLater: Bool

  init(seed: UInt64) {
    // Not the generator of the history: what is drawn more here must not shift everything else.
    var random = SeededGenerator(seed: seed ^ 0x5157_4152_4D00)
    func one(of count: UInt64) -> Bool { random.next() % count == 0 }
    var faults: Set<Fault> = []
    for fault in Fault.allCases where one(of: 2) { faults.insert(fault) }
    self.faults = faults
    courtesy = faults.contains(.courtesy) ? Int64(random.next() % 3) * 1000 : 0
    isCourteousToTheEnd = one(of: 2) && faults.contains(.courtesy)
    imports = one(of: 3) ? 0 : 1 + Int(random.next() % 3)
    publishes = one(of: 2)
    hasPoison = one(of: 3)
    hasNeighbour = one(of: 2)
    hasGiants = one(of: 3)
    retention = one(of: 2) ? Int64(random.next() % 3) * 4000 : nil
    endsWithoutRestart = one(of: 2)
    hasDeadlyErrands = one(of: 3)
    overtakenAt = one(of: 4) ? 150 + Int(random.next() % 500) : nil
    misreportsAt = one(of: 3) ? 80 + Int(random.next() % 550) : nil
    endsWithoutHotState = one(of: 4)
    losesMessages = one(of: 4)
    asksTheDeleted = one(of: 2)
    diesBeforeAnswering = one(of: 4)
    comesBackLater = one(of: 4)
    abandonsRefill = one(of: 4)
    leavesInOrder = one(of: 4)
  }
}
