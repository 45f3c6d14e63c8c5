/// What may become of a task and of an offer, told from the facts alone: a small machine of its own (docs/taskrouter.md; numbers of facts as the journal has them).
struct WorkRules {
  private enum Offer {
    case waiting, held, wrapping, ended
  }
  private var offers: [Name: Offer] = [:]
  /// When each offer was made; it waits for `patience` milliseconds.
  private var made: [Name: Int64] = [:]
  private let patience: Int64
  /// Offers whose time is never over: waiting for it ended the process.
  private var silent: Set<Name> = []
  private var holder: [Name: Name] = [:]
  private var tasks: Set<Name> = []
  private var gone: Set<Name> = []

  init(patience: Int64) { self.patience = patience }

  mutating func silence(_ id: Name) { silent.insert(id) }

  mutating func take(_ fact: Judged.Fact, at offset: Int64) throws(AuditFailure) {
    switch fact.kind {
    case 22:
      guard tasks.insert(fact.subjects[0]).inserted else { throw AuditFailure("TASK", "made twice, the second time at \(offset)") }
    case 23...26, 29...35:
      guard !gone.contains(fact.subjects[0]) else { throw AuditFailure("TASK", "fact \(fact.kind) about a deleted task at \(offset)") }
    case 27, 28:
      guard gone.insert(fact.subjects[0]).inserted else { throw AuditFailure("TASK", "deleted twice, the second time at \(offset)") }
      holder[fact.subjects[0]] = nil
    case 36...43:
      try checkTime(fact, offset)
      try offer(fact.kind, fact.subjects[0], of: fact.subjects[1], offset)
    default: return
    }
  }

  /// Whoever accepts in time wins, and nobody is timed out before.
  private mutating func checkTime(_ fact: Judged.Fact, _ offset: Int64) throws(AuditFailure) {
    let offer = fact.subjects[0]
    if fact.kind == 36 { made[offer] = fact.at }
    if silent.contains(offer) {
      guard fact.kind != Judged.Fact.offerTimedOut else { throw AuditFailure("SILENCE", "a timer fires that was removed, at \(offset)") }
      return
    }
    guard let made = made[offer] else { return }
    let waited = fact.at - made
    if fact.kind == 37, waited >= patience { throw AuditFailure("TIME", "an offer is accepted after \(waited) ms, at \(offset)") }
    if fact.kind == 39, waited < patience { throw AuditFailure("TIME", "an offer times out after \(waited) ms, at \(offset)") }
  }

  private mutating func offer(_ kind: UInt8, _ id: Name, of task: Name, _ offset: Int64) throws(AuditFailure) {
    let before = offers[id]
    func refuse(_ what: String) -> AuditFailure {
      AuditFailure("OFFER", "\(what) at \(offset), where it was \(before.map { "\($0)" } ?? "unknown")")
    }
    switch kind {
    case 36:
      guard before == nil, holder[task] == nil else { throw refuse("made for a task that somebody holds, or made twice,") }
      offers[id] = .waiting
    case 37:
      guard before == .waiting else { throw refuse("accepted") }
      guard holder[task] == nil else { throw AuditFailure("HOLDER", "a task gets a second holder at \(offset)") }
      holder[task] = id
      offers[id] = .held
    case 38, 39, 41:
      guard before == .waiting else { throw refuse("ended by fact \(kind)") }
      offers[id] = .ended
    case 42:
      guard before == .held else { throw refuse("wrapping") }
      offers[id] = .wrapping
    default:
      guard let before, before != .ended else { throw refuse("ended by fact \(kind)") }
      offers[id] = .ended
      if holder[task] == id { holder[task] = nil }
    }
  }
}

/// How far the lines of each import are taken. An import is forgotten when something comes that was appended seven days after its last line.
struct LineNumbers {
  private(set) var taken: [Name: UInt64] = [:]
  private var appended: [Name: Int64] = [:]

  func isNext(_ number: UInt64, of importing: Name) -> Bool { number == (taken[importing] ?? 0) + 1 }

  mutating func take(_ last: UInt64, of importing: Name, at instant: Int64) {
    taken[importing] = last
    appended[importing] = instant
  }

  mutating func forget(before instant: Int64) {
    for (importing, last) in appended where last + 7 * 86_400_000 <= instant {
      taken[importing] = nil
      appended[importing] = nil
    }
  }
}
