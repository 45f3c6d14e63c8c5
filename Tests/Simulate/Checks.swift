import Accounts
import InProcessHotState
import Journal
import Machines
import Ports
import Resources
import TaskRouting

/// What must be so when a history has come to rest.
extension History {
  mutating func check() throws {
    try follow()
    let checker = work.checker
    try checker.checkNothingWaits(client.workspace)
    try checkAnswers(checker)
    for scope in [client.workspace] + client.neighbours { try checkScope(scope, checker) }
    try audit()
    for (key, verdict) in client.answers where verdict.status == 201 {
      let trace = DocumentKey(kind: IdempotencyKeys.kind, id: key)
      guard checker.documents.values.contains(where: { $0[trace] != nil }) || verdict.document?.kind == AccountKind.account else {
        throw Violation(description: "an answered request left no trace: \(verdict)")
      }
    }
    try checkEvents(checker)
    try checkDeleted(checker)
    try checkLedgers()
  }

  /// Whoever has read a snapshot to its ledger has everything that belongs to it.
  private func checkLedgers() throws {
    for topic in ["work.state", "account.state"] {
      guard let last = try world.records(topic).last, last.key != SnapshotKey.ledger.bytes else { continue }
      throw Violation(description: "\(topic) ends with something else than a ledger")
    }
  }

  /// Of a deleted workspace its own document and the keys are left, once its slices are done.
  private func checkDeleted(_ checker: Checker) throws {
    for neighbour in client.neighbours { try checkDeleted(neighbour, checker.documents[neighbour] ?? [:]) }
  }

  private func checkDeleted(_ scope: Identifier, _ left: [DocumentKey: [UInt8]]) throws {
    guard let own = left[DocumentKey(kind: Kind.workspace, id: scope)], try WorkspaceRecord(decoding: own).isDeleted else { return }
    guard !isGivenUp(scope, left) else { return }
    guard left.keys.allSatisfy({ $0.kind == Kind.workspace || $0.kind == IdempotencyKeys.kind }) else {
      throw Violation(description: "a deleted workspace has \(left.count) documents left")
    }
  }

  /// Clearing it away ended the process too often: what is left stays, seen by nobody.
  private func isGivenUp(_ scope: Identifier, _ left: [DocumentKey: [UInt8]]) -> Bool {
    left[DocumentKey(kind: Kind.silence, id: scope)] != nil
  }

  /// Hot state, the snapshot and a machine made anew are what the journal says.
  private func checkScope(_ scope: Identifier, _ checker: Checker) throws {
    let all = checker.documents[scope] ?? [:]
    let kept: Set<UInt8> = [Kind.workspace, IdempotencyKeys.kind, Kind.silence]
    let isSeen: (DocumentKey) -> Bool = isGivenUp(scope, all) ? { kept.contains($0.kind) } : { _ in true }
    let folded = all.filter { isSeen($0.key) }
    let hot = world.hot.present.documents(of: scope).filter { isSeen($0.key) }
    guard hot == folded else {
      throw Violation(description: "hot state is not the fold of the journal: \(difference(hot, folded))")
    }
    try checkSnapshot(scope, checker)
    let machine = try TaskRoutingMachine(settings: world.settings, documents: [scope: folded])
    let again = Dictionary(uniqueKeysWithValues: machine.documents(of: scope).map { ($0.key, $0.bytes) })
    guard again == folded else {
      throw Violation(description: "a machine made from the documents is another: \(difference(again, folded))")
    }
  }

  private func difference(_ a: [DocumentKey: [UInt8]], _ b: [DocumentKey: [UInt8]]) -> String {
    let keys = Set(a.keys).union(b.keys).filter { a[$0] != b[$0] }.sorted()
    return keys.prefix(3).map { "\(Kind.name($0.kind)) \($0.id.hex): \(a[$0]?.count ?? -1) / \(b[$0]?.count ?? -1) bytes" }.joined(
      separator: ", ")
  }

  /// Nobody was told anything that the journal does not say: each answer is that of an accepted decision.
  private func checkAnswers(_ checker: Checker) throws {
    let accounts = accounts.checker
    for heard in client.heard {
      let decided = (checker.replies[heard.number] ?? []).map { ($0, heard.reached) }
      let elsewhere = (accounts.replies[heard.number] ?? []).map { ($0, heard.reachedAccounts) }
      guard !(decided + elsewhere).isEmpty else {
        throw Violation(description: "request \(heard.number) was answered \(heard.verdict), but no accepted decision says so")
      }
      let same = (decided + elsewhere).filter { $0.0.verdict == heard.verdict }
      guard !same.isEmpty else {
        throw Violation(description: "request \(heard.number) was answered \(heard.verdict), the journal says \(decided + elsewhere)")
      }
      // A command that landed twice is decided twice: one of the decisions has to be readable.
      guard same.contains(where: { reply, reached in reply.scopes.allSatisfy { reached[$0] ?? -1 >= reply.offset } }) else {
        throw Violation(description: "request \(heard.number) was answered \(heard.verdict) before hot state had it")
      }
    }
  }

  /// The public topic has every event once, in order.
  private func checkEvents(_ checker: Checker) throws {
    var last: [Identifier: UInt64] = [:]
    for record in try world.records("events") {
      let text = String(decoding: record.value ?? [], as: UTF8.self)
      let scope = Identifier(keyBytes: record.key) ?? .none
      let next = (last[scope] ?? 0) + 1
      guard text.contains("\"data\":{\"sequence\":\(next),") else {
        throw Violation(description: "event \(next) is not next: \(text.prefix(300))")
      }
      last[scope] = next
    }
    for (scope, wanted) in checker.events where last[scope] ?? 0 != wanted {
      throw Violation(description: "\(last[scope] ?? 0) events of \(scope.hex), the journal has \(wanted)")
    }
  }

  private func checkSnapshot(_ scope: Identifier, _ checker: Checker) throws {
    var image = Image()
    for record in try world.records("work.state") { try image.takeSnapshot(key: record.key, value: record.value) }
    let kept = image.documents[scope] ?? [:]
    let folded = checker.documents[scope] ?? [:]
    guard kept == folded else { throw Violation(description: "the snapshot is not the fold: \(difference(kept, folded))") }
    guard image.ledger.scopes[scope]?.offset == checker.marks[scope] else {
      throw Violation(description: "the snapshot's mark is \(String(describing: image.ledger.scopes[scope]))")
    }
  }
}
