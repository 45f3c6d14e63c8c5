import Journal
import Ports
import Resources
import TaskEvents
import TaskRouting

/// What a projector has read and not written yet: the documents that changed, the scopes whose marks moved, the events, and what follows from them. A value.
struct Gathered {
  private let packsEvents: Bool
  let target: TopicPartition
  private let consumers: [any EventConsumer]
  private let isHeard: @Sendable (Identifier) -> Bool

  private var documents: [SnapshotKey: [UInt8]?] = [:]
  var scopes: Set<Identifier> = []
  private var derived: [ProjectedRecord] = []
  private var packs: [Identifier: EventPack] = [:]
  /// Events in `packs`.
  private var packed = 0
  /// Workspaces' own documents, read.
  private var workspaces: [Identifier: WorkspaceRecord] = [:]
  /// Events told since it was made.
  private(set) var events = 0

  init(
    packs packsEvents: Bool, events target: TopicPartition, consumers: [any EventConsumer],
    isHeard: @escaping @Sendable (Identifier) -> Bool
  ) {
    self.packsEvents = packsEvents
    self.target = target
    self.consumers = consumers
    self.isHeard = isHeard
  }

  /// About how many records wait to be written.
  var weight: Int { derived.count + packed + documents.count }
  var isEmpty: Bool { documents.isEmpty && derived.isEmpty && scopes.isEmpty }

  /// It will be read again.
  mutating func forget() {
    (documents, scopes, derived, packs, packed, workspaces) = ([:], [], [], [:], 0, [:])
  }

  mutating func change(_ scope: Identifier, _ key: DocumentKey, _ bytes: [UInt8]?) {
    documents[.document(scope: scope, key: key)] = .some(bytes)
    if key.kind == Kind.workspace { workspaces[scope] = nil }
    // By its place: changed by key, a dictionary's value is taken out and put back.
    if let place = packs.index(forKey: scope), !packs.values[place].change(key) { close(scope) }
  }

  /// `now`: the scope's documents as they stand. Answers the event for those who listen live, if there are any.
  mutating func tell(_ fact: Fact, _ scope: Identifier, _ sequence: UInt64, _ now: [DocumentKey: [UInt8]]) -> LiveEvent? {
    guard let kind = FactKind(rawValue: fact.kind), let workspace = workspace(scope, now) else { return nil }
    events += 1
    if packsEvents { pack(fact, scope, sequence) { now[$0] } }
    let isHeard = isHeard(scope)
    guard isHeard || !packsEvents || consumers.contains(where: { $0.wants(kind, workspace: workspace) }) else { return nil }
    guard let event = EventRenderer(scope: scope, workspace: workspace, lookup: { now[$0] }).render(fact, sequence: sequence) else {
      return nil
    }
    let json = isHeard || !packsEvents ? event.cloudEvent() : []
    if !packsEvents { derived.append(ProjectedRecord(target, NewRecord(key: scope.keyBytes, value: json))) }
    for consumer in consumers where consumer.wants(kind, workspace: workspace) {
      if let record = consumer.derive(event, workspace: workspace) { derived.append(record) }
    }
    return isHeard ? LiveEvent(workspace: scope, sequence: sequence, worker: event.worker, json: json) : nil
  }

  private mutating func workspace(_ scope: Identifier, _ now: [DocumentKey: [UInt8]]) -> WorkspaceRecord? {
    if let known = workspaces[scope] { return known }
    guard let bytes = now[DocumentKey(kind: Kind.workspace, id: scope)] else { return nil }
    let record = try? WorkspaceRecord(decoding: bytes)
    workspaces[scope] = record
    return record
  }

  private mutating func pack(_ fact: Fact, _ scope: Identifier, _ sequence: UInt64, _ lookup: DocumentLookup) {
    if packs[scope]?.continues(with: sequence) == false { close(scope) }
    if packs[scope] == nil { packs[scope] = EventPack(scope: scope, first: sequence) }
    guard let place = packs.index(forKey: scope) else { return }
    packs.values[place].add(fact, lookup: lookup)
    packed += 1
    if packs.values[place].isFull { close(scope) }
  }

  private mutating func close(_ scope: Identifier) {
    guard let pack = packs.removeValue(forKey: scope) else { return }
    derived.append(ProjectedRecord(target, NewRecord(key: scope.keyBytes, value: pack.encoded())))
  }

  /// The records of one transaction: what was derived, the documents that changed, the marks that moved, and last the ledger that they correspond to.
  mutating func take(_ state: TopicPartition, _ ledger: Ledger) -> [ProjectedRecord] {
    for scope in packs.keys.sorted() { close(scope) }
    var records = derived
    records.reserveCapacity(derived.count + documents.count + scopes.count + 1)
    // What was made together ends together: side by side in a file, it changes few pages, and not one for each.
    for (key, bytes) in documents.sorted(by: { $0.key < $1.key }) {
      records.append(ProjectedRecord(state, NewRecord(key: key.bytes, value: bytes)))
    }
    for scope in scopes {
      guard let mark = ledger.scopes[scope] else { continue }
      records.append(ProjectedRecord(state, NewRecord(key: SnapshotKey.mark(scope: scope).bytes, value: mark.encoded())))
    }
    records.append(ProjectedRecord(state, NewRecord(key: SnapshotKey.ledger.bytes, value: ledger.encoded())))
    (documents, scopes, derived, packed) = ([:], [], [], 0)
    return records
  }
}
