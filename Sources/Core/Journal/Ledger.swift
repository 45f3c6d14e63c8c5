package import Resources

/// Where a scope stands: the offset of the last accepted decision that touched it, and how many events it has had.
package struct ScopeMark: Hashable, Sendable {
  package var offset: Int64
  package var events: UInt64

  package init(offset: Int64 = -1, events: UInt64 = 0) {
    self.offset = offset
    self.events = events
  }
}

/// What a partition has sent to one target: the next number, how far a decision has marked it as sent, and what is between.
package struct SendState: Hashable, Sendable {
  package var next: UInt64 = 1
  package var marked: UInt64 = 0
  package var unmarked: [OutboxMessage] = []

  package init() {}
}

/// What a reader of a journal thinks of one record.
package enum Acceptance: Sendable, Equatable {
  case opened
  case accepted
  /// Of somebody who had lost the partition: skip and count.
  case refused
}

/// The state of folding a journal by the acceptance rule (journal.md, "Ledger"). Nobody can start in the middle of a journal without one.
package struct Ledger: Hashable, Sendable {
  /// Offset of the next record to fold.
  package var nextOffset: Int64 = 0
  package var epoch: Int64 = -1
  package var incarnation: UInt64 = 0
  package var nextSequence: UInt64 = 0
  package var positions: [UInt8: Int64] = [:]
  package var now: Int64 = 0
  package var scopes: [Identifier: ScopeMark] = [:]
  package var targets: [Peer: SendState] = [:]
  package var sources: [String: UInt64] = [:]
  package var imports: [Identifier: ImportMark] = [:]

  package init() {}

  /// How long an import is remembered after its last line, in milliseconds of append time.
  package static let importMemory: Int64 = 7 * 86_400_000

  /// The acceptance rule: folds one record, in offset order.
  package mutating func feed(_ record: JournalRecord, at offset: Int64) -> Acceptance {
    nextOffset = offset + 1
    switch record {
    case .open(let open):
      epoch = offset
      incarnation = open.incarnation
      nextSequence = 0
      return .opened
    case .decision(let decision):
      guard decision.epoch == epoch, decision.incarnation == incarnation, decision.sequence == nextSequence else { return .refused }
      take(decision, at: offset)
      return .accepted
    }
  }

  /// Folds a decision that is known to be accepted.
  package mutating func take(_ decision: Decision, at offset: Int64) {
    nextOffset = offset + 1
    nextSequence = decision.sequence &+ 1
    now = max(now, decision.now)
    for (input, position) in decision.positions { positions[input] = position }
    for scope in decision.scopes {
      var mark = scopes[scope.scope] ?? ScopeMark()
      mark.offset = offset
      mark.events += UInt64(scope.facts)
      scopes[scope.scope] = mark
    }
    for message in decision.outbox {
      let peer = Peer(topic: message.target, partition: message.partition)
      targets[peer, default: SendState()].next = message.number &+ 1
      targets[peer]?.unmarked.append(message)
    }
    for (peer, number) in decision.sent {
      targets[peer]?.marked = number
      targets[peer]?.unmarked.removeAll { $0.number <= number }
    }
    for (source, number) in decision.received { sources[source] = number }
    for mark in decision.imports { imports[mark.id] = mark }
  }

  /// Forgets imports whose last line is older than `importMemory` before an input record's append time. Never by the clock: an owner away longer would forget before
  /// the waiting repeats come.
  package mutating func forgetImports(beforeRecordAppendedAt appended: Int64) {
    guard !imports.isEmpty else { return }
    imports = imports.filter { $0.value.appended + Ledger.importMemory > appended }
  }
}

extension Ledger {
  static let version: UInt8 = 1

  /// Everything but the scopes' marks, which are records of their own in a snapshot so that a projection writes only those that moved.
  package func encoded() -> [UInt8] {
    var out = ByteWriter(capacity: 256)
    out.byte(Ledger.version)
    out.signed(nextOffset)
    out.signed(epoch)
    out.fixed(incarnation)
    out.unsigned(nextSequence)
    out.signed(now)
    out.positions(positions)
    out.count(targets.count)
    for (peer, state) in targets.sorted(by: { $0.key < $1.key }) {
      out.string(peer.topic)
      out.count(peer.partition)
      out.unsigned(state.next)
      out.unsigned(state.marked)
      out.count(state.unmarked.count)
      for message in state.unmarked {
        out.unsigned(message.number)
        out.blob(message.key)
        out.blob(message.payload)
      }
    }
    out.sources(sources)
    out.imports(imports.sorted { $0.key < $1.key }.map(\.value))
    return out.bytes
  }

  package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
    self.init()
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version == Ledger.version else { throw .unknownVersion(kind: "a ledger", version: Int(version)) }
    nextOffset = try reader.signed()
    epoch = try reader.signed()
    incarnation = try reader.fixed()
    nextSequence = try reader.unsigned()
    now = try reader.signed()
    positions = try reader.positions()
    for _ in 0..<(try reader.count()) {
      let peer = Peer(topic: try reader.string(), partition: try reader.int())
      var state = SendState()
      state.next = try reader.unsigned()
      state.marked = try reader.unsigned()
      for _ in 0..<(try reader.count()) {
        state.unmarked.append(
          OutboxMessage(
            target: peer.topic, partition: peer.partition, number: try reader.unsigned(), key: try reader.blob(), payload: try reader.blob()
          ))
      }
      targets[peer] = state
    }
    sources = try reader.sources()
    for mark in try reader.imports() { imports[mark.id] = mark }
  }
}
