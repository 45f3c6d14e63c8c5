package import Resources

/// The compact form of journal records. Identifiers that occur in a decision's keys, facts and addresses are written once, in a table at its head; the rest refers to
/// them by place. Layout: kind, schema version, fields in the order of the types' declarations.
extension JournalRecord {
  package func encoded() -> [UInt8] {
    switch self {
    case .open(let open):
      var out = ByteWriter(capacity: 64)
      out.byte(1)
      out.byte(JournalRecord.version)
      out.fixed(open.incarnation)
      out.byte(open.level)
      out.string(open.node)
      out.signed(open.at)
      return out.bytes
    case .decision(let decision):
      return DecisionEncoder.encode(decision)
    }
  }

  /// - Throws: `unknownVersion` for a record of a kind or version that this release does not know: the reader must stop, not skip (journal.md, "Acceptance rule").
  package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
    var reader = ByteReader(bytes)
    let kind = try reader.byte()
    let version = try reader.byte()
    guard version == JournalRecord.version else { throw .unknownVersion(kind: "a journal record", version: Int(version)) }
    switch kind {
    case 1:
      self = .open(
        Open(
          incarnation: try reader.fixed(), level: try reader.byte(), node: try reader.string(), at: try reader.signed()))
    case 2:
      self = .decision(try DecisionDecoder.decode(&reader))
    default: throw .unknownVersion(kind: "a journal record of kind \(kind)", version: Int(version))
    }
    guard reader.isAtEnd else { throw .malformed("more than a record", at: reader.position) }
  }
}

private struct DecisionEncoder {
  private var out: ByteWriter
  private var table: [Identifier] = []
  private var places: [Identifier: Int] = [:]

  static func encode(_ decision: Decision) -> [UInt8] {
    var encoder = DecisionEncoder(out: ByteWriter(capacity: 1024))
    encoder.body(decision)
    var head = ByteWriter(capacity: encoder.out.bytes.count + encoder.table.count * 16 + 8)
    head.byte(2)
    head.byte(JournalRecord.version)
    head.count(encoder.table.count)
    for id in encoder.table { head.identifier(id) }
    head.bytes.append(contentsOf: encoder.out.bytes)
    return head.bytes
  }

  private init(out: ByteWriter) { self.out = out }

  private mutating func id(_ id: Identifier) {
    if let place = places[id] { return out.count(place) }
    places[id] = table.count
    out.count(table.count)
    table.append(id)
  }

  private mutating func key(_ key: DocumentKey) {
    out.byte(key.kind)
    id(key.id)
  }

  private mutating func body(_ d: Decision) {
    out.fixed(d.incarnation)
    out.signed(d.epoch)
    out.unsigned(d.sequence)
    out.signed(d.now)
    out.positions(d.positions)
    out.count(d.scopes.count)
    for scope in d.scopes { steps(scope, decided: d.now) }
    messages(d)
    out.imports(d.imports)
    replies(d.replies)
    out.count(d.rejected.count)
    for reject in d.rejected {
      out.byte(reject.input)
      out.signed(reject.offset)
      out.string(reject.reason)
    }
  }

  private mutating func steps(_ scope: ScopeSteps, decided: Int64) {
    id(scope.scope)
    out.unsigned(scope.firstEvent)
    out.count(scope.steps.count)
    for step in scope.steps {
      switch step {
      case .put(let key, let bytes):
        out.byte(0)
        self.key(key)
        out.blob(bytes)
      case .delete(let key):
        out.byte(1)
        self.key(key)
      case .fact(let fact):
        out.byte(2)
        out.byte(fact.kind)
        out.signed(decided - fact.at)
        out.count(fact.subjects.count)
        for subject in fact.subjects { id(subject) }
        out.blob(fact.details)
      }
    }
  }

  private mutating func messages(_ d: Decision) {
    out.count(d.outbox.count)
    for message in d.outbox {
      out.string(message.target)
      out.count(message.partition)
      out.unsigned(message.number)
      out.blob(message.key)
      out.blob(message.payload)
    }
    out.count(d.sent.count)
    for (peer, number) in d.sent.sorted(by: { $0.key < $1.key }) {
      out.string(peer.topic)
      out.count(peer.partition)
      out.unsigned(number)
    }
    out.sources(d.received)
  }

  private mutating func replies(_ replies: [Reply]) {
    out.count(replies.count)
    for reply in replies {
      out.string(reply.to.node)
      out.unsigned(reply.to.request)
      let verdict = reply.verdict
      out.count(verdict.status)
      out.byte(
        (verdict.document == nil ? 0 : 1) | (verdict.code == 0 ? 0 : 2) | (verdict.number == 0 ? 0 : 4) | (verdict.replayed ? 8 : 0))
      if let document = verdict.document {
        id(verdict.scope)
        key(document)
      }
      if verdict.code != 0 {
        out.count(verdict.code)
        out.string(verdict.message)
      }
      if verdict.number != 0 { out.unsigned(verdict.number) }
    }
  }
}

private struct DecisionDecoder {
  private var table: [Identifier] = []

  static func decode(_ reader: inout ByteReader) throws(DecodingFailure) -> Decision {
    var decoder = DecisionDecoder()
    let count = try reader.count()
    decoder.table.reserveCapacity(count)
    for _ in 0..<count { decoder.table.append(try reader.identifier()) }
    return try decoder.body(&reader)
  }

  private func id(_ reader: inout ByteReader) throws(DecodingFailure) -> Identifier {
    let place = try reader.int()
    guard place < table.count else { throw .malformed("identifier \(place) of a table of \(table.count)", at: reader.position) }
    return table[place]
  }

  private func key(_ reader: inout ByteReader) throws(DecodingFailure) -> DocumentKey {
    DocumentKey(kind: try reader.byte(), id: try id(&reader))
  }

  private func body(_ reader: inout ByteReader) throws(DecodingFailure) -> Decision {
    var d = Decision(
      incarnation: try reader.fixed(), epoch: try reader.signed(), sequence: try reader.unsigned(), now: try reader.signed())
    d.positions = try reader.positions()
    for _ in 0..<(try reader.count()) { d.scopes.append(try steps(&reader, decided: d.now)) }
    for _ in 0..<(try reader.count()) {
      d.outbox.append(
        OutboxMessage(
          target: try reader.string(), partition: try reader.int(), number: try reader.unsigned(), key: try reader.blob(),
          payload: try reader.blob()))
    }
    for _ in 0..<(try reader.count()) {
      let peer = Peer(topic: try reader.string(), partition: try reader.int())
      d.sent[peer] = try reader.unsigned()
    }
    d.received = try reader.sources()
    d.imports = try reader.imports()
    for _ in 0..<(try reader.count()) { d.replies.append(try reply(&reader)) }
    for _ in 0..<(try reader.count()) {
      d.rejected.append(RejectedInput(input: try reader.byte(), offset: try reader.signed(), reason: try reader.string()))
    }
    return d
  }

  private func steps(_ reader: inout ByteReader, decided: Int64) throws(DecodingFailure) -> ScopeSteps {
    var scope = ScopeSteps(scope: try id(&reader), firstEvent: try reader.unsigned(), steps: [])
    let count = try reader.count()
    scope.steps.reserveCapacity(count)
    for _ in 0..<count {
      switch try reader.byte() {
      case 0: scope.steps.append(.put(try key(&reader), try reader.blob()))
      case 1: scope.steps.append(.delete(try key(&reader)))
      case 2:
        var fact = Fact(kind: try reader.byte(), at: decided &- (try reader.signed()), subjects: [])
        let subjects = try reader.count()
        fact.subjects.reserveCapacity(subjects)
        for _ in 0..<subjects { fact.subjects.append(try id(&reader)) }
        fact.details = try reader.blob()
        scope.steps.append(.fact(fact))
      case let other: throw .malformed("a step of kind \(other)", at: reader.position)
      }
    }
    return scope
  }

  private func reply(_ reader: inout ByteReader) throws(DecodingFailure) -> Reply {
    let to = ReplyAddress(node: try reader.string(), request: try reader.unsigned())
    var verdict = Verdict(status: try reader.int())
    let flags = try reader.byte()
    if flags & 1 != 0 {
      verdict.scope = try id(&reader)
      verdict.document = try key(&reader)
    }
    if flags & 2 != 0 {
      verdict.code = try reader.int()
      verdict.message = try reader.string()
    }
    if flags & 4 != 0 { verdict.number = try reader.unsigned() }
    verdict.replayed = flags & 8 != 0
    return Reply(to: to, verdict: verdict)
  }
}
