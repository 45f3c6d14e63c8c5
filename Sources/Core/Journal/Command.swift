package import Resources

/// Where an answer goes: a node, and the number under which that node keeps the waiting request.
package struct ReplyAddress: Hashable, Sendable {
  package var node: String
  package var request: UInt64

  package init(node: String, request: UInt64) {
    self.node = node
    self.request = request
  }
}

/// A client's promise that two commands are the same one: the key, hashed together with its account, and the hash of the request it came with.
package struct IdempotencyKey: Hashable, Sendable {
  package var key: Identifier
  package var content: Identifier

  package init(key: Identifier, content: Identifier) {
    self.key = key
    self.content = content
  }
}

/// How a command came, which decides what makes it happen once.
package enum Origin: Hashable, Sendable {
  /// A request; it may carry an idempotency key.
  case request
  /// The numbered outbox of another partition (journal.md, "Outbox").
  case outbox(source: String, number: UInt64)
  /// One line of an import, or a run of `count` lines that were refused before the log.
  case line(importing: Identifier, number: UInt64, count: UInt64)
  /// Asks what the owner knows of an import once everything before it is decided; changes nothing.
  case question(importing: Identifier)
}

/// The envelope around everything that asks a machine for something. `body` is the machine's own encoding.
package struct Command: Hashable, Sendable {
  /// What changes together and in order; also the record's key.
  package var scope: Identifier
  package var account: Identifier
  package var origin: Origin
  package var replyTo: ReplyAddress?
  package var idempotency: IdempotencyKey?
  package var body: [UInt8]

  package init(
    scope: Identifier, account: Identifier, origin: Origin = .request, replyTo: ReplyAddress? = nil, idempotency: IdempotencyKey? = nil,
    body: [UInt8]
  ) {
    self.scope = scope
    self.account = account
    self.origin = origin
    self.replyTo = replyTo
    self.idempotency = idempotency
    self.body = body
  }

  static let version: UInt8 = 1

  package func encoded() -> [UInt8] {
    var out = ByteWriter(capacity: body.count + 96)
    out.byte(Command.version)
    out.identifier(scope)
    out.identifier(account)
    switch origin {
    case .request: out.byte(0)
    case .outbox(let source, let number):
      out.byte(1)
      out.string(source)
      out.unsigned(number)
    case .line(let importing, let number, let count):
      out.byte(2)
      out.identifier(importing)
      out.unsigned(number)
      out.unsigned(count)
    case .question(let importing):
      out.byte(3)
      out.identifier(importing)
    }
    out.bool(replyTo != nil)
    if let replyTo {
      out.string(replyTo.node)
      out.unsigned(replyTo.request)
    }
    out.bool(idempotency != nil)
    if let idempotency {
      out.identifier(idempotency.key)
      out.identifier(idempotency.content)
    }
    out.blob(body)
    return out.bytes
  }

  package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version == Command.version else { throw .unknownVersion(kind: "a command", version: Int(version)) }
    scope = try reader.identifier()
    account = try reader.identifier()
    switch try reader.byte() {
    case 0: origin = .request
    case 1: origin = .outbox(source: try reader.string(), number: try reader.unsigned())
    case 2: origin = .line(importing: try reader.identifier(), number: try reader.unsigned(), count: try reader.unsigned())
    case 3: origin = .question(importing: try reader.identifier())
    case let other: throw .malformed("an origin of kind \(other)", at: reader.position)
    }
    replyTo = try reader.bool() ? ReplyAddress(node: try reader.string(), request: try reader.unsigned()) : nil
    idempotency = try reader.bool() ? IdempotencyKey(key: try reader.identifier(), content: try reader.identifier()) : nil
    body = try reader.blob()
  }
}

/// The answer to one command: a status, and either the document that it is about or what was wrong. Never a body (journal.md, "Words").
package struct Reply: Hashable, Sendable {
  package var to: ReplyAddress
  package var verdict: Verdict

  package init(to: ReplyAddress, verdict: Verdict) {
    self.to = to
    self.verdict = verdict
  }

  package static func encode(_ replies: [Reply]) -> [UInt8] {
    var out = ByteWriter(capacity: replies.count * 48)
    out.count(replies.count)
    for reply in replies {
      out.unsigned(reply.to.request)
      reply.verdict.write(to: &out)
    }
    return out.bytes
  }

  /// Reads what `encode` wrote for one node: the node's own name is not repeated.
  package static func decode(_ bytes: [UInt8], node: String) throws(DecodingFailure) -> [Reply] {
    var reader = ByteReader(bytes)
    let count = try reader.count()
    var replies: [Reply] = []
    replies.reserveCapacity(count)
    for _ in 0..<count {
      let request = try reader.unsigned()
      replies.append(Reply(to: ReplyAddress(node: node, request: request), verdict: try Verdict(from: &reader)))
    }
    return replies
  }
}

/// What a machine says to a command.
package struct Verdict: Hashable, Sendable {
  /// An HTTP status.
  package var status: Int
  /// The document that the answer is about, in the command's scope or another.
  package var scope: Identifier
  package var document: DocumentKey?
  /// The number of the error, 0 for none, and its text.
  package var code: Int
  package var message: String
  /// A number that some answers carry (how many lines of an import are decided).
  package var number: UInt64
  /// An idempotency key was known: this is the answer of the first time.
  package var replayed: Bool

  package init(
    status: Int, scope: Identifier = .none, document: DocumentKey? = nil, code: Int = 0, message: String = "", number: UInt64 = 0
  ) {
    self.status = status
    self.scope = scope
    self.document = document
    self.code = code
    self.message = message
    self.number = number
    replayed = false
  }

  package var isError: Bool { status >= 400 }

  package func write(to out: inout ByteWriter) {
    out.count(status)
    out.byte((document == nil ? 0 : 1) | (code == 0 ? 0 : 2) | (number == 0 ? 0 : 4) | (replayed ? 8 : 0))
    if let document {
      out.identifier(scope)
      out.byte(document.kind)
      out.identifier(document.id)
    }
    if code != 0 {
      out.count(code)
      out.string(message)
    }
    if number != 0 { out.unsigned(number) }
  }

  package init(from reader: inout ByteReader) throws(DecodingFailure) {
    self.init(status: try reader.int())
    let flags = try reader.byte()
    if flags & 1 != 0 {
      scope = try reader.identifier()
      document = DocumentKey(kind: try reader.byte(), id: try reader.identifier())
    }
    if flags & 2 != 0 {
      code = try reader.int()
      message = try reader.string()
    }
    if flags & 4 != 0 { number = try reader.unsigned() }
    replayed = flags & 8 != 0
  }
}
