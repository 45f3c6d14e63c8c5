/// A decision, as far as an auditor looks.
struct Judged {
  static let idempotencyKey: UInt8 = 250
  struct Fact {
    static let workspaceDeleted: UInt8 = 3
    static let offerTimedOut: UInt8 = 39
    var kind: UInt8
    var at: Int64
    var subjects: [Name]
  }
  struct Scope {
    var scope: Name
    var firstEvent: UInt64
    var facts: [Fact] = []
    var deletes = 0
    var documents: [(kind: UInt8, id: Name, bytes: [UInt8])] = []
  }
  struct Message {
    var target: String
    var number: UInt64
    var payload: [UInt8]
  }
  struct Address: Hashable {
    var node: String
    var request: UInt64
  }
  /// Kinds of documents.
  static let silence: UInt8 = 14
  static let key: UInt8 = 250

  var incarnation: UInt64 = 0
  var epoch: Int64 = 0
  var sequence: UInt64 = 0
  var now: Int64 = 0
  var positions: [UInt8: Int64] = [:]
  var scopes: [Scope] = []
  var outbox: [Message] = []
  var sent: [String: UInt64] = [:]
  var received: [String: UInt64] = [:]
  var imports: [Name: UInt64] = [:]
  var replies: [Address] = []
  var rejected: [(input: UInt8, offset: Int64, reason: String)] = []

  init(_ bytes: inout Bytes) throws(AuditFailure) {
    var table: [Name] = []
    for _ in 0..<(try bytes.count()) { table.append(try bytes.name()) }
    func name(_ bytes: inout Bytes) throws(AuditFailure) -> Name {
      let place = try bytes.count()
      guard table.indices.contains(place) else { throw AuditFailure("FORM", "a name that is not in the table") }
      return table[place]
    }
    incarnation = try bytes.fixed()
    epoch = try bytes.signed()
    sequence = try bytes.unsigned()
    now = try bytes.signed()
    for _ in 0..<(try bytes.count()) { positions[try bytes.byte()] = try bytes.signed() }
    for _ in 0..<(try bytes.count()) {
      var scope = Scope(scope: try name(&bytes), firstEvent: try bytes.unsigned())
      for _ in 0..<(try bytes.count()) {
        switch try bytes.byte() {
        case 0: scope.documents.append((try bytes.byte(), try name(&bytes), try bytes.blob()))
        case 1:
          // Keys go when they are old, each by a timer of its own.
          if try bytes.byte() != Judged.idempotencyKey { scope.deletes += 1 }
          _ = try name(&bytes)
        default:
          var fact = Fact(kind: try bytes.byte(), at: now - (try bytes.signed()), subjects: [])
          for _ in 0..<(try bytes.count()) { fact.subjects.append(try name(&bytes)) }
          _ = try bytes.blob()
          scope.facts.append(fact)
        }
      }
      scopes.append(scope)
    }
    for _ in 0..<(try bytes.count()) {
      let target = try bytes.text() + "/" + String(try bytes.count())
      let number = try bytes.unsigned()
      _ = try bytes.blob()
      outbox.append(Message(target: target, number: number, payload: try bytes.blob()))
    }
    for _ in 0..<(try bytes.count()) {
      let target = try bytes.text() + "/" + String(try bytes.count())
      sent[target] = try bytes.unsigned()
    }
    for _ in 0..<(try bytes.count()) { received[try bytes.text()] = try bytes.unsigned() }
    for _ in 0..<(try bytes.count()) {
      imports[try bytes.name()] = try bytes.unsigned()
      _ = try bytes.signed()
    }
    for _ in 0..<(try bytes.count()) {
      replies.append(Address(node: try bytes.text(), request: try bytes.unsigned()))
      _ = try bytes.unsigned()
      let flags = try bytes.byte()
      if flags & 1 != 0 {
        _ = try name(&bytes)
        _ = try bytes.byte()
        _ = try name(&bytes)
      }
      if flags & 2 != 0 {
        _ = try bytes.unsigned()
        _ = try bytes.blob()
      }
      if flags & 4 != 0 { _ = try bytes.unsigned() }
    }
    for _ in 0..<(try bytes.count()) { rejected.append((try bytes.byte(), try bytes.signed(), try bytes.text())) }
  }
}

/// A command's envelope, as far as an auditor looks.
struct Asked {
  enum Origin {
    case request
    case outbox(source: String, number: UInt64)
    case line(importing: Name, number: UInt64, count: UInt64)
    case question
  }
  var scope: Name
  var origin: Origin
  var replyTo: Judged.Address?
  var key: Name?

  init(_ value: [UInt8]) throws(AuditFailure) {
    var bytes = Bytes(value)
    guard try bytes.byte() == 1 else { throw AuditFailure("FORM", "a command of another version") }
    scope = try bytes.name()
    _ = try bytes.name()
    switch try bytes.byte() {
    case 0: origin = .request
    case 1: origin = .outbox(source: try bytes.text(), number: try bytes.unsigned())
    case 2: origin = .line(importing: try bytes.name(), number: try bytes.unsigned(), count: try bytes.unsigned())
    default:
      origin = .question
      _ = try bytes.name()
    }
    if try bytes.byte() != 0 { replyTo = Judged.Address(node: try bytes.text(), request: try bytes.unsigned()) }
    if try bytes.byte() != 0 { key = try bytes.name() }
  }
}

/// What an owner does by itself, as decisions name it where they give it up.
struct Errand: Hashable {
  static let first: UInt8 = 254
  static let timer: UInt8 = 255
  var input: UInt8
  var number: Int64
}
