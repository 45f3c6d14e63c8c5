/// Reads one partition's logs alone, as an auditor would, and holds every accepted decision against the rules of docs/journal.md.
package struct Auditor {
  package struct Record {
    var offset: Int64
    var appended: Int64
    var value: [UInt8]

    package init(offset: Int64, appended: Int64, value: [UInt8]) {
      self.offset = offset
      self.appended = appended
      self.value = value
    }
  }
  private let inputs: [[Record]]
  private let lethal: [UInt8]
  private let most: Int
  private let deadly: UInt64
  /// Nobody steps the wall clock, so no decision may be ahead of it.
  private let isSteady: Bool

  private var opens: [Int64: UInt64] = [:]
  private var epoch: Int64 = -1
  private var sequence: UInt64 = 0
  /// What the present owner's decisions said, for those that land twice.
  private var said: [[UInt8]] = []
  private var now: Int64 = 0
  private var positions: [UInt8: Int64] = [:]
  private var events: [Name: UInt64] = [:]
  private var numbers: [String: UInt64] = [:]
  private var marked: [String: UInt64] = [:]
  private var messages: [String: [[UInt8]]] = [:]
  private var sources: [String: UInt64] = [:]
  private var lines = LineNumbers()
  package var imports: [Name: UInt64] { lines.taken }
  private var work: WorkRules
  /// Documents that one slice of a long command may touch, and the scopes that are being cleared away in slices.
  private let slice: Int
  private var clearing: Set<Name> = []
  /// Idempotency keys that decisions have written so far.
  private var keys: Set<Name> = []
  private var errands: Set<Errand> = []
  /// How many tasks hold each mark `"mark":"…"`.
  package private(set) var marks: [String: Int] = [:]
  package private(set) var accepted = 0
  package private(set) var refused = 0
  package private(set) var rejected = 0

  /// `inputs` in the order of their numbers; a record that holds `lethal` ends who handles it; one shorter than `most` can
  /// always be decided; one slice of a long command touches `slice` documents; offers wait for `patience` milliseconds;
  /// of timers and long commands those may end who does them whose number `deadly` divides.
  package init(inputs: [[Record]], lethal: [UInt8], most: Int, slice: Int, patience: Int64, deadly: UInt64, isSteady: Bool) {
    self.inputs = inputs
    self.deadly = deadly
    self.lethal = lethal
    self.most = most
    self.isSteady = isSteady
    self.slice = slice
    work = WorkRules(patience: patience)
  }

  package mutating func take(_ journal: [Record]) throws(AuditFailure) {
    for record in journal { try take(record) }
  }

  private mutating func take(_ record: Record) throws(AuditFailure) {
    var bytes = Bytes(record.value)
    let kind = try bytes.byte()
    guard try bytes.byte() == 1, kind == 1 || kind == 2 else { throw AuditFailure("FORM", "an unknown record at \(record.offset)") }
    if kind == 1 {
      opens[record.offset] = try bytes.fixed()
      epoch = record.offset
      sequence = 0
      said = []
      return
    }
    let decision = try Judged(&bytes)
    guard bytes.isEmpty else { throw AuditFailure("FORM", "more than a decision at \(record.offset)") }
    guard opens[decision.epoch] == decision.incarnation else {
      throw AuditFailure("EPOCH", "a decision at \(record.offset) names an Open at \(decision.epoch) that is not its owner's")
    }
    guard decision.epoch == epoch else {
      refused += 1
      return
    }
    guard decision.sequence == sequence else {
      // A copy of one that counts already, or one whose predecessor was lost on the way.
      guard decision.sequence > sequence || said[Int(decision.sequence)] == record.value else {
        throw AuditFailure("SEQUENCE", "\(decision.sequence) is used again where \(sequence) is next, at \(record.offset)")
      }
      refused += 1
      return
    }
    sequence += 1
    said.append(record.value)
    accepted += 1
    guard record.value.count <= most else { throw AuditFailure("SIZE", "\(record.value.count) bytes at \(record.offset)") }
    guard !isSteady || decision.now <= record.appended else {
      throw AuditFailure("NOW", "the decision at \(record.offset) is \(decision.now - record.appended) ms ahead of the clock")
    }
    try judge(decision, at: record.offset)
  }

  private mutating func judge(_ decision: Judged, at offset: Int64) throws(AuditFailure) {
    guard decision.now >= now else { throw AuditFailure("NOW", "time goes back from \(now) to \(decision.now) at \(offset)") }
    now = decision.now
    for scope in decision.scopes {
      for document in scope.documents where document.kind == Judged.key { keys.insert(document.id) }
    }
    try judgeInputs(decision, offset)
    try judgeErrands(decision, offset)
    for scope in decision.scopes {
      let next = (events[scope.scope] ?? 0) + 1
      guard scope.facts.isEmpty || scope.firstEvent == next else {
        throw AuditFailure("EVENTS", "\(scope.firstEvent) where \(next) is next, at \(offset)")
      }
      events[scope.scope] = next - 1 + UInt64(scope.facts.count)
      if clearing.contains(scope.scope), scope.deletes > slice {
        throw AuditFailure("SLICE", "\(scope.deletes) documents go at once at \(offset)")
      }
      try judgeDeleted(scope, offset)
      for fact in scope.facts { try work.take(fact, at: offset) }
      for document in scope.documents where document.kind == 9 { count(document.bytes) }
    }
    for message in decision.outbox {
      let next = (numbers[message.target] ?? 0) + 1
      guard message.number == next else {
        throw AuditFailure("OUTBOX", "\(message.target) gets \(message.number), not \(next), at \(offset)")
      }
      numbers[message.target] = next
      messages[message.target, default: []].append(message.payload)
    }
    for (target, number) in decision.sent {
      guard number >= marked[target] ?? 0, number <= numbers[target] ?? 0 else {
        throw AuditFailure("SENT", "\(target) is marked up to \(number), of \(numbers[target] ?? 0), at \(offset)")
      }
      marked[target] = number
    }
  }

  /// Of a deleted workspace nothing more is told, and nothing in it is written but idempotency keys.
  private mutating func judgeDeleted(_ scope: Judged.Scope, _ offset: Int64) throws(AuditFailure) {
    if clearing.contains(scope.scope), let written = scope.documents.first(where: { $0.kind != Judged.idempotencyKey }) {
      throw AuditFailure("DELETED", "a document of kind \(written.kind) is written in a deleted workspace at \(offset)")
    }
    for fact in scope.facts {
      guard !clearing.contains(scope.scope) else {
        throw AuditFailure("DELETED", "fact \(fact.kind) about a deleted workspace at \(offset)")
      }
      if fact.kind == Judged.Fact.workspaceDeleted { clearing.insert(scope.scope) }
    }
  }

  /// Every input record is consumed once, in order; numbered ones are taken once; whoever waits is answered by the decision that consumed its command.
  private mutating func judgeInputs(_ decision: Judged, _ offset: Int64) throws(AuditFailure) {
    var received: [String: UInt64] = [:]
    var lines: [Name: UInt64] = [:]
    let answered = Set(decision.replies)
    for (input, position) in decision.positions.sorted(by: { $0.key < $1.key }) {
      let from = positions[input] ?? 0
      guard position > from else { throw AuditFailure("ONCE", "input \(input) goes from \(from) to \(position) at \(offset)") }
      positions[input] = position
      let consumed = inputs[Int(input)].drop { $0.offset < from }.prefix { $0.offset < position }
      guard consumed.last?.offset == position - 1 else {
        throw AuditFailure("ONCE", "input \(input) ends before \(position), at \(offset)")
      }
      for record in consumed {
        self.lines.forget(before: record.appended)
        guard record.appended <= decision.now else { throw AuditFailure("NOW", "a command is decided before it came, at \(offset)") }
        let reason = decision.rejected.first { $0.input == input && $0.offset == record.offset }?.reason
        if let reason, reason.contains("three times"), record.value.firstRange(of: lethal) == nil {
          throw AuditFailure("INNOCENT", "\(input)/\(record.offset) is rejected at \(offset): \(reason)")
        }
        if let reason, reason.contains("its decision takes"), record.value.count < most {
          throw AuditFailure("INNOCENT", "\(input)/\(record.offset) of \(record.value.count) bytes is rejected at \(offset): \(reason)")
        }
        if reason != nil, let key = try key(of: record), !keys.contains(key) {
          throw AuditFailure("KEY", "\(input)/\(record.offset) is rejected at \(offset), and its key is not written")
        }
        if reason == nil, record.value.firstRange(of: lethal) != nil, try isTaken(record),
          try key(of: record).map({ !keys.contains($0) }) ?? true
        {
          throw AuditFailure("POISON", "\(input)/\(record.offset) ends whoever handles it, and is handled at \(offset)")
        }
        if record.value.first == UInt8(ascii: "{") { continue }
        let asked = try Asked(record.value)
        switch asked.origin {
        case .outbox(let source, let number) where number == (sources[source] ?? 0) + 1:
          sources[source] = number
          received[source] = number
        case .outbox: continue
        case .line(let importing, let number, let count) where self.lines.isNext(number, of: importing):
          self.lines.take(number + count - 1, of: importing, at: record.appended)
          lines[importing] = number + count - 1
        case .line: continue
        case .request, .question: break
        }
        // The directory answers for the making and deleting of a workspace: the message to it stands in the outbox.
        if let to = asked.replyTo, !answered.contains(to), !decision.outbox.contains(where: { (try? Asked($0.payload))?.replyTo == to }) {
          throw AuditFailure("ANSWER", "request \(to.request) of \(to.node) is consumed at \(offset) without an answer")
        }
      }
    }
    guard received == decision.received else {
      throw AuditFailure("RECEIVED", "\(decision.received) at \(offset), the input says \(received)")
    }
    guard lines == decision.imports else { throw AuditFailure("IMPORTS", "\(decision.imports) at \(offset), the input says \(lines)") }
    for entry in decision.rejected where entry.input < Errand.first {
      guard (positions[entry.input] ?? 0) > entry.offset else { throw AuditFailure("REJECTED", "\(entry) at \(offset) is not consumed") }
      rejected += 1
    }
  }

  /// The key of a request that is answered from it when it comes again.
  private func key(of record: Record) throws(AuditFailure) -> Name? {
    guard record.value.first != UInt8(ascii: "{") else { return nil }
    let asked = try Asked(record.value)
    guard case .request = asked.origin else { return nil }
    return asked.key
  }

  /// What owners do by themselves is given up where it ends them, once each, and by a document: no later owner finds it again.
  private mutating func judgeErrands(_ decision: Judged, _ offset: Int64) throws(AuditFailure) {
    var removed = 0
    for entry in decision.rejected where entry.input >= Errand.first {
      guard UInt64(bitPattern: entry.offset) % deadly == 0 else { throw AuditFailure("INNOCENT", "\(entry) is given up at \(offset)") }
      guard errands.insert(Errand(input: entry.input, number: entry.offset)).inserted else {
        throw AuditFailure("ERRAND", "\(entry) is given up again at \(offset)")
      }
      if entry.input == Errand.timer { removed += 1 }
    }
    let silences = decision.scopes.flatMap(\.documents).filter { $0.kind == Judged.silence }
    guard silences.count >= removed else {
      throw AuditFailure("ERRAND", "\(removed) timers are removed at \(offset), \(silences.count) documents say so")
    }
    for silence in silences { work.silence(silence.id) }
  }

  /// Whether a numbered record would be the next: others are passed over unhandled, whatever they hold.
  private func isTaken(_ record: Record) throws(AuditFailure) -> Bool {
    guard record.value.first != UInt8(ascii: "{") else { return true }
    switch try Asked(record.value).origin {
    case .line(let importing, let number, _): return lines.isNext(number, of: importing)
    default: return true
    }
  }

  private mutating func count(_ bytes: [UInt8]) {
    let begin = Array("\"mark\":\"".utf8)
    guard let found = bytes.firstRange(of: begin) else { return }
    let mark = bytes[found.upperBound...].prefix { $0 != UInt8(ascii: "\"") }
    marks[String(decoding: mark, as: UTF8.self), default: 0] += 1
  }

  /// Whether a record came through an outbox: commands say so, and everything in `rejects` did.
  private func isMessage(_ record: [UInt8]) -> Bool {
    guard record.first != UInt8(ascii: "{"), let asked = try? Asked(record) else { return true }
    if case .outbox = asked.origin { return true }
    return false
  }

  /// At the end: everything is consumed, every message arrived at its target and is marked, nobody is left in between.
  package func close(targets: [String: [[UInt8]]]) throws(AuditFailure) {
    for (place, input) in inputs.enumerated() {
      let end = (input.last?.offset ?? -1) + 1
      guard positions[UInt8(place)] ?? 0 == end else {
        throw AuditFailure("QUIET", "input \(place) is consumed up to \(positions[UInt8(place)] ?? 0) of \(end)")
      }
    }
    for (target, number) in numbers where marked[target] != number {
      throw AuditFailure("QUIET", "\(target) has \(number) messages, \(marked[target] ?? 0) of them marked as sent")
    }
    for (target, there) in targets {
      let sent = Set(messages[target] ?? [])
      for record in there where isMessage(record) && !sent.contains(record) {
        throw AuditFailure("GHOST", "\(target) has a message that no decision tells of")
      }
    }
    for (target, sent) in messages {
      guard let there = targets[target].map(Set.init) else { continue }
      for (place, message) in sent.enumerated() where !there.contains(message) {
        throw AuditFailure("LOST", "message \(place + 1) to \(target) never came")
      }
    }
  }
}
