package import Handover
package import Ports

/// Which partition a runner owns, and its bounds.
package struct RunnerOptions: Sendable {
  /// The family of topics: `work` has `work.commands`, `work.bulk`, `work.journal`, `work.state`.
  package var family: String
  package var partition: Int
  /// The node's name, as its Opens say it.
  package var node: String
  /// Input topics in order of precedence; an input's place is its number in decisions.
  package var inputs: [String]
  /// Decisions in flight at once.
  package var mostInFlight = 4
  /// While one is in flight, another is made of the first input's records only where so many wait: each costs the log, hot state, the bus and the projector.
  package var worthwhile = 64
  /// Records of the first input in one decision; of later ones, which yield to it.
  package var batch = 256
  package var yieldingBatch = 64
  /// Of later inputs while somebody waits for answers here: one such decision at a time, and then a pause of so many times what it took.
  package var courteousBatch = 32
  package var courteousPause: Int64 = 2
  /// Timers likewise, but for those that are late by more than so many milliseconds: these do not rest.
  package var courteousTimers = 64
  /// Beside commands: enough that nothing ordinary is late where commands never cease, too few to be felt.
  package var timersBesideCommands = 8
  package var timerPatience: Int64 = 1000
  /// About where a decision is closed, and the most that the log takes in one record.
  package var decisionBytes = 256 * 1024
  package var recordBytes = 1_048_000
  /// So much of a record that is not handled goes to `rejects`, of its key and of its value.
  package var rejectedBytes = 65_536
  /// Documents that one slice of a long command may touch. The pause before the next leaves most of the log to everybody else.
  package var sliceDocuments = 100
  /// Milliseconds.
  package var slicePause: Int64 = 5
  /// How long requests wait for their answers: what a successor still answers.
  package var patience: Int64 = 15_000
  /// Between two comparisons of all marks with hot state; 0 where nothing else can change it.
  package var compareInterval: Int64 = 0
  /// Confirmed decisions that wait for hot state; beyond that the oldest are not answered any more: their requests have given up.
  package var mostAwaiting = 20_000
  /// Documents that go into hot state in one piece of a refill.
  package var refillDocuments = 1000
  /// Decisions that the projector of the same process may be behind; beyond, imports and long commands wait for it, for a start reads all of that again.
  package var mostUnprojected: Int64 = 4000
  /// Timers fired in one decision: a few milliseconds, in which nobody else on the loop is served.
  package var mostTimers = 100

  package init(family: String, partition: Int, node: String, inputs: [String]) {
    self.family = family
    self.partition = partition
    self.node = node
    self.inputs = inputs
  }

  /// Whom a record answers that nobody waits for.
  static var nobody: String { "-" }

  package var journal: TopicPartition { TopicPartition(family + ".journal", partition) }
  package var state: TopicPartition { TopicPartition(family + ".state", partition) }
  /// How this partition is called as a source of messages.
  package var source: String { "\(family).journal/\(partition)" }
}

/// What a runner works with.
package struct RunnerPorts: Sendable {
  package var log: any EventLog
  package var hot: any HotState
  package var bus: any SignalBus
  package var clock: any Clock
  package var identifiers: any IdentifierSource
  package var poison: any PoisonGuard
  package var courtesy: any Courtesy
  package var meter: any RunnerMeter
  /// Where a machine is made of a snapshot: a million documents take seconds, in which whoever shares the runner's queue would not be served. Nil: on the runner's.
  package var loading: (any WorkQueue)?
  /// For the partition's projector, if it lives in this process and reads what was written here without a copy.
  package var handover: Handover?

  package init(
    log: any EventLog, hot: any HotState, bus: any SignalBus, clock: any Clock, identifiers: any IdentifierSource,
    poison: any PoisonGuard = NoPoison(), courtesy: any Courtesy = NoCourtesy(), meter: any RunnerMeter = NoMeter(),
    loading: (any WorkQueue)? = nil, handover: Handover? = nil
  ) {
    self.log = log
    self.hot = hot
    self.bus = bus
    self.clock = clock
    self.identifiers = identifiers
    self.poison = poison
    self.courtesy = courtesy
    self.meter = meter
    self.loading = loading
    self.handover = handover
  }
}

/// Keeps the evidence of what kills the process (journal.md, "Poison"): input records by their offsets, timers and long commands (`ErrandInput`) by their numbers.
package protocol PoisonGuard: Sendable {
  /// What the calling thread is about to handle; `clear` follows when it is done.
  func note(input: UInt8, partition: Int, position: Int64)
  func clear()
  /// Whether this has killed its owner three times.
  func isPoisoned(input: UInt8, partition: Int, position: Int64) -> Bool
}

/// Keeps no evidence: for tests, and for machines that have no page to keep it in.
package struct NoPoison: PoisonGuard {
  package init() {}
  package func note(input: UInt8, partition: Int, position: Int64) {}
  package func clear() {}
  package func isPoisoned(input: UInt8, partition: Int, position: Int64) -> Bool { false }
}

/// What a runner tells whoever watches it. Every failure has a name here.
package enum RunnerNotice: Sendable, Equatable {
  case opened(epoch: Int64)
  case ready(documents: Int, scopes: Int)
  case fenced(byOffset: Int64)
  case sessionLost(String)
  case refusedRecords(Int)
  case rejected(input: String, offset: Int64, reason: String)
  case unreadable(String)
  case hotStateBehind(scopes: Int)
  case hotStateUnavailable(String)
  case inputOutOfRange(String)
  case inputDisplaced(String)
  case decisionTooLarge(bytes: Int)
}

extension RunnerNotice {
  /// In words for whoever looks after the partition; nil where nothing is wrong with it.
  var trouble: String? {
    switch self {
    case .fenced(let offset): "another owner opened it at \(offset); it is opened again"
    case .sessionLost(let why), .unreadable(let why), .inputOutOfRange(let why): why
    case .hotStateUnavailable(let why): why
    case .decisionTooLarge(let bytes): "a decision of \(bytes) bytes is larger than the journal takes; commands are decided one by one"
    case .opened, .ready, .refusedRecords, .rejected, .hotStateBehind, .inputDisplaced: nil
    }
  }
}

/// What a runner has done since it was made.
package struct RunnerCounters: Sendable {
  package var commands = 0
  package var decisions = 0
  package var bytes = 0
  package var timers = 0
  package var refills = 0
  package var reopened = 0
}
