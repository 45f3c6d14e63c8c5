package import Journal
package import Machines
package import Resources

/// Tenants and the directory of what is theirs (architecture.md, "Topics": `account.*`).
package struct AccountsMachine: Machine {
  package struct Settings: Sendable {
    package init() {}
  }

  private struct Space: Sendable {
    var record: AccountRecord?
    var subaccounts: [Identifier: EntryRecord] = [:]
    var workspaces: [Identifier: EntryRecord] = [:]
    var nextSerial: Int64 = 1
    var keys = IdempotencyKeys()
  }

  private var spaces: [Identifier: Space] = [:]
  /// When the first idempotency key of each account is to be forgotten.
  private var dues = OrderedIndex<Due>()
  private var dueOf: [Identifier: Int64] = [:]

  private struct Due: Comparable, Sendable {
    var at: Int64
    var scope: Identifier

    static func < (a: Due, b: Due) -> Bool { a.at != b.at ? a.at < b.at : a.scope < b.scope }
  }

  package init(settings: Settings, documents: [Identifier: [DocumentKey: [UInt8]]]) throws(DecodingFailure) {
    for (scope, contents) in documents {
      var space = Space()
      for (key, bytes) in contents {
        switch key.kind {
        case AccountKind.account: space.record = try AccountRecord(decoding: bytes)
        case AccountKind.subaccount: space.subaccounts[key.id] = try EntryRecord(decoding: bytes)
        case AccountKind.workspace: space.workspaces[key.id] = try EntryRecord(decoding: bytes)
        case IdempotencyKeys.kind: try space.keys.load(key.id, bytes)
        default: continue
        }
      }
      let highest = (space.subaccounts.values.map(\.serial) + space.workspaces.values.map(\.serial)).max() ?? 0
      space.nextSerial = highest + 1
      spaces[scope] = space
      schedule(scope)
    }
  }

  private mutating func schedule(_ scope: Identifier) {
    let due = spaces[scope]?.keys.nextDue
    guard due != dueOf[scope] else { return }
    if let old = dueOf[scope] { dues.remove(Due(at: old, scope: scope)) }
    if let due { dues.insert(Due(at: due, scope: scope)) }
    dueOf[scope] = due
  }

  package var nextDue: Int64? { dues.first?.at }
  package func nextDue(of scope: Identifier) -> Int64? { dueOf[scope] }
  package var hasSlice: Bool { false }
  package mutating func slice(limit: Int, _ turn: inout Turn) {}
  package mutating func close(_ turn: inout Turn) {}

  package var sliced: Errand? { nil }
  package mutating func dropSlice(_ turn: inout Turn) {}

  package static func words(for errand: Errand) -> String {
    "the expiry of idempotency key \(errand.document.id.hex) of account \(SIDKind.account.text(errand.scope))"
  }

  private func firstDue(of scope: Identifier?) -> Due? {
    guard let scope else { return dues.first }
    return dueOf[scope].map { Due(at: $0, scope: scope) }
  }

  package func timer(of scope: Identifier?, dueAt now: Int64) -> Errand? {
    guard let first = firstDue(of: scope), first.at <= now else { return nil }
    return spaces[first.scope]?.keys.firstExpiry(scope: first.scope)
  }

  package mutating func dropTimer(of scope: Identifier?, _ turn: inout Turn) {
    guard let first = firstDue(of: scope), first.at <= turn.now else { return }
    spaces[first.scope]?.keys.keepFirst(scope: first.scope, into: &turn.effects)
    schedule(first.scope)
  }

  package mutating func fire(of scope: Identifier?, _ turn: inout Turn) {
    guard let first = firstDue(of: scope), first.at <= turn.now else { return }
    spaces[first.scope]?.keys.expireFirst(scope: first.scope, into: &turn.effects)
    schedule(first.scope)
  }

  package func documents(of scope: Identifier) -> [(key: DocumentKey, bytes: [UInt8])] {
    guard let space = spaces[scope] else { return [] }
    var out = space.keys.documents()
    if let record = space.record { out.append((DocumentKey(kind: AccountKind.account, id: scope), record.encoded())) }
    out += space.subaccounts.map { (DocumentKey(kind: AccountKind.subaccount, id: $0.key), $0.value.encoded()) }
    out += space.workspaces.map { (DocumentKey(kind: AccountKind.workspace, id: $0.key), $0.value.encoded()) }
    return out
  }

  // MARK: Commands

  package mutating func handle(_ command: Command, _ turn: inout Turn) {
    if command.body.first == directoryTag { return takeNote(command, &turn) }
    // Before the body is read: that may have been what ended the process the first time.
    if let key = command.idempotency, let known = spaces[command.scope]?.keys.answer(to: key) {
      return turn.effects.reply(to: command.replyTo, known)
    }
    let request: AccountRequest
    do throws(DecodingFailure) { request = try AccountRequest(decoding: command.body) } catch {
      return turn.effects.reply(to: command.replyTo, Verdict(status: 400, code: 20001, message: "The command cannot be read: \(error)"))
    }
    guard let verdict = perform(request, command, &turn) else { return }
    remember(verdict, of: command, &turn)
    turn.effects.reply(to: command.replyTo, verdict)
  }

  package mutating func reject(_ command: Command, _ verdict: Verdict, _ turn: inout Turn) {
    guard command.idempotency != nil else { return turn.effects.reply(to: command.replyTo, verdict) }
    let answer = spaces[command.scope, default: Space()].keys.settle(command, verdict, at: turn.now, into: &turn.effects)
    schedule(command.scope)
    turn.effects.reply(to: command.replyTo, answer)
  }

  private mutating func remember(_ verdict: Verdict, of command: Command, _ turn: inout Turn) {
    guard let key = command.idempotency else { return }
    spaces[command.scope, default: Space()].keys.remember(key, verdict, at: turn.now, scope: command.scope, into: &turn.effects)
    schedule(command.scope)
  }

  /// Nil when somebody else answers.
  private mutating func perform(_ request: AccountRequest, _ command: Command, _ turn: inout Turn) -> Verdict? {
    let document = DocumentKey(kind: AccountKind.account, id: command.scope)
    switch request.operation {
    case .create, .adopt:
      if spaces[command.scope]?.record != nil { return Verdict(status: 200, scope: command.scope, document: document) }
      var record = AccountRecord()
      record.owner = request.parent.isNone ? command.scope : request.parent
      record.friendlyName = request.friendlyName ?? ""
      record.authToken = request.token ?? ""
      record.created = turn.now
      record.updated = turn.now
      save(command.scope, record, &turn)
      return Verdict(status: 201, scope: command.scope, document: document)
    case .createSubaccount: return createSubaccount(request, command, &turn)
    case .update, .rotate:
      guard var record = spaces[command.scope]?.record else { return Verdict(status: 404, code: 20404) }
      if let refusal = change(&record, request, command.scope) { return refusal }
      record.updated = turn.now
      save(command.scope, record, &turn)
      return Verdict(status: 200, scope: command.scope, document: document)
    }
  }

  private func change(_ record: inout AccountRecord, _ request: AccountRequest, _ scope: Identifier) -> Verdict? {
    if let name = request.friendlyName { record.friendlyName = name }
    if let token = request.token { record.authToken = token }
    guard let text = request.status else { return nil }
    guard let status = AccountStatus(text: text) else {
      return Verdict(status: 400, code: 21475, message: "Status must be one of active, suspended, closed; received '\(text)'")
    }
    if record.owner == scope, status != record.status {
      return Verdict(status: 400, code: 21477, message: "The status of a parent account cannot be changed by the API")
    }
    if record.status == .closed, status != .closed {
      return Verdict(status: 400, code: 21479, message: "The account is closed, which is final")
    }
    record.status = status
    return nil
  }

  /// The entry is made here, the subaccount in its own partition, which answers: then both are readable.
  private mutating func createSubaccount(_ request: AccountRequest, _ command: Command, _ turn: inout Turn) -> Verdict? {
    guard let parent = spaces[command.scope]?.record else { return Verdict(status: 404, code: 20404) }
    guard parent.owner == command.scope else {
      return Verdict(status: 400, code: 21101, message: "A subaccount cannot have subaccounts")
    }
    let verdict = Verdict(status: 201, scope: request.subject, document: DocumentKey(kind: AccountKind.account, id: request.subject))
    add(request.subject, kind: AccountKind.subaccount, to: command.scope, &turn)
    remember(verdict, of: command, &turn)
    var adoption = request
    adoption.operation = .adopt
    adoption.parent = command.scope
    let message = Command(scope: request.subject, account: request.subject, replyTo: command.replyTo, body: adoption.encoded())
    turn.effects.send(Outgoing(target: "account.commands", key: request.subject, payload: .command(message)))
    return nil
  }

  private mutating func save(_ scope: Identifier, _ record: AccountRecord, _ turn: inout Turn) {
    spaces[scope, default: Space()].record = record
    turn.effects.put(scope, DocumentKey(kind: AccountKind.account, id: scope), record.encoded())
  }

  private mutating func add(_ id: Identifier, kind: UInt8, to scope: Identifier, _ turn: inout Turn) {
    var space = spaces[scope] ?? Space()
    var entry = EntryRecord()
    entry.serial = space.nextSerial
    space.nextSerial += 1
    if kind == AccountKind.subaccount { space.subaccounts[id] = entry } else { space.workspaces[id] = entry }
    spaces[scope] = space
    turn.effects.put(scope, DocumentKey(kind: kind, id: id), entry.encoded())
  }

  // MARK: The directory of workspaces

  /// First byte of a note from a workspace's partition; `TaskRouting` writes them (`DirectoryNote`).
  private let directoryTag: UInt8 = 200

  private mutating func takeNote(_ command: Command, _ turn: inout Turn) {
    var reader = ByteReader(Array(command.body.dropFirst()))
    do throws(DecodingFailure) {
      _ = try reader.byte()
      let isThere = try reader.byte() == 1
      let workspace = try reader.identifier()
      let verdict = try Verdict(from: &reader)
      if isThere, spaces[command.scope]?.workspaces[workspace] == nil {
        add(workspace, kind: AccountKind.workspace, to: command.scope, &turn)
      } else if !isThere, spaces[command.scope]?.workspaces[workspace] != nil {
        spaces[command.scope]?.workspaces[workspace] = nil
        turn.effects.delete(command.scope, DocumentKey(kind: AccountKind.workspace, id: workspace))
      }
      turn.effects.reply(to: command.replyTo, verdict)
    } catch {
      turn.effects.reply(to: command.replyTo, Verdict(status: 500, code: 20500, message: "A note of a workspace cannot be read: \(error)"))
    }
  }
}
