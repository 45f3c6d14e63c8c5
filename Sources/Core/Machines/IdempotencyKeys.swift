package import Journal
package import Resources

/// The idempotency keys of one scope: documents like all others, so they survive takeover (journal.md). Kept for `lifetime`, then forgotten.
package struct IdempotencyKeys: Sendable {
  /// The document kind, the same in every machine.
  package static let kind: UInt8 = 250
  /// 24 hours, in milliseconds.
  package static let lifetime: Int64 = 86_400_000

  /// Read only when it is asked for: the bytes are also what hot state keeps, and many keys never come again.
  private struct Known: Sendable {
    var bytes: [UInt8]
    var expires: Int64

    init(_ entry: KeyEntry) { (bytes, expires) = (entry.encoded(), entry.expires) }

    init(loading bytes: [UInt8]) throws(DecodingFailure) { (self.bytes, expires) = (bytes, try KeyEntry(decoding: bytes).expires) }

    /// Never nil: what stands here was encoded here, or read before.
    var entry: KeyEntry? { try? KeyEntry(decoding: bytes) }
  }
  private struct Expiry: Comparable, Sendable {
    var at: Int64
    var key: Identifier

    static func < (a: Expiry, b: Expiry) -> Bool { a.at != b.at ? a.at < b.at : a.key < b.key }
  }

  private var known: [Identifier: Known] = [:]
  private var expiries = OrderedIndex<Expiry>()

  package init() {}

  package var isEmpty: Bool { known.isEmpty }
  package var count: Int { known.count }
  package var nextDue: Int64? { expiries.first?.at }

  /// The answer of the first time; 409 when the key came with another request; nil for a new key.
  package func answer(to key: IdempotencyKey) -> Verdict? {
    guard let first = known[key.key]?.entry else { return nil }
    guard first.content == key.content else {
      return Verdict(
        status: 409, code: 20409,
        message: "Idempotency-Key was used within the last 24 hours with another request (method, path or body differ)")
    }
    var verdict = first.verdict
    verdict.replayed = true
    return verdict
  }

  /// - Parameter shown: the documents that the answer is made of, the one that the verdict names first.
  package mutating func remember(
    _ key: IdempotencyKey, _ verdict: Verdict, shown: [(key: DocumentKey, bytes: [UInt8])] = [], at now: Int64, scope: Identifier,
    into effects: inout Effects
  ) {
    let answer = shown.isEmpty ? nil : KeptAnswer(instant: now, documents: shown)
    let entry = Known(KeyEntry(content: key.content, verdict: verdict, expires: now + IdempotencyKeys.lifetime, answer: answer))
    known[key.key] = entry
    expiries.insert(Expiry(at: entry.expires, key: key.key))
    effects.put(scope, DocumentKey(kind: IdempotencyKeys.kind, id: key.key), entry.bytes)
  }

  /// What the answer was made of, from a key's document; nil where nothing was kept.
  package static func answer(in document: [UInt8]) -> KeptAnswer? { (try? KeyEntry(decoding: document))?.answer }

  /// What to answer to a command that is not handled: what its key was answered before, else this, which its repeats hear too.
  package mutating func settle(_ command: Command, _ verdict: Verdict, at now: Int64, into effects: inout Effects) -> Verdict {
    guard let key = command.idempotency else { return verdict }
    if let known = answer(to: key) { return known }
    remember(key, verdict, at: now, scope: command.scope, into: &effects)
    return verdict
  }

  /// The timer that `expireFirst` is for.
  package func firstExpiry(scope: Identifier) -> Errand? {
    expiries.first.map { Errand(scope: scope, document: DocumentKey(kind: IdempotencyKeys.kind, id: $0.key), at: $0.at) }
  }

  /// Keeps the key whose time is over, for good.
  package mutating func keepFirst(scope: Identifier, into effects: inout Effects) {
    guard let first = expiries.first else { return }
    expiries.remove(first)
    guard var entry = known[first.key]?.entry else { return }
    entry.expires = .max
    let kept = Known(entry)
    known[first.key] = kept
    effects.put(scope, DocumentKey(kind: IdempotencyKeys.kind, id: first.key), kept.bytes)
  }

  /// Forgets the key whose time is over.
  package mutating func expireFirst(scope: Identifier, into effects: inout Effects) {
    guard let first = expiries.first else { return }
    expiries.remove(first)
    known[first.key] = nil
    effects.delete(scope, DocumentKey(kind: IdempotencyKeys.kind, id: first.key))
  }

  package mutating func load(_ id: Identifier, _ bytes: [UInt8]) throws(DecodingFailure) {
    let entry = try Known(loading: bytes)
    known[id] = entry
    if entry.expires < .max { expiries.insert(Expiry(at: entry.expires, key: id)) }
  }

  package func documents() -> [(key: DocumentKey, bytes: [UInt8])] {
    known.map { (key: DocumentKey(kind: IdempotencyKeys.kind, id: $0.key), bytes: $0.value.bytes) }
  }
}
