package import Journal
package import Resources

/// The idempotency keys of one scope: documents like all others, so they survive takeover (journal.md). Kept for `lifetime`, then forgotten.
package struct IdempotencyKeys: Sendable {
  /// The document kind, the same in every machine.
  package static let kind: UInt8 = 250
  /// 24 hours, in milliseconds.
  package static let lifetime: Int64 = 86_400_000

  private struct Known: Sendable {
    var content: Identifier
    var verdict: Verdict
    var expires: Int64
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
    guard let first = known[key.key] else { return nil }
    guard first.content == key.content else {
      return Verdict(
        status: 409, code: 20409,
        message: "Idempotency-Key was used within the last 24 hours with another request (method, path or body differ)")
    }
    var verdict = first.verdict
    verdict.replayed = true
    return verdict
  }

  package mutating func remember(_ key: IdempotencyKey, _ verdict: Verdict, at now: Int64, scope: Identifier, into effects: inout Effects) {
    let entry = Known(content: key.content, verdict: verdict, expires: now + IdempotencyKeys.lifetime)
    known[key.key] = entry
    expiries.insert(Expiry(at: entry.expires, key: key.key))
    effects.put(scope, DocumentKey(kind: IdempotencyKeys.kind, id: key.key), IdempotencyKeys.encode(entry))
  }

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
    guard var entry = known[first.key] else { return }
    entry.expires = .max
    known[first.key] = entry
    effects.put(scope, DocumentKey(kind: IdempotencyKeys.kind, id: first.key), IdempotencyKeys.encode(entry))
  }

  /// Forgets the key whose time is over.
  package mutating func expireFirst(scope: Identifier, into effects: inout Effects) {
    guard let first = expiries.first else { return }
    expiries.remove(first)
    known[first.key] = nil
    effects.delete(scope, DocumentKey(kind: IdempotencyKeys.kind, id: first.key))
  }

  package mutating func load(_ id: Identifier, _ bytes: [UInt8]) throws(DecodingFailure) {
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version == 1 else { throw .unknownVersion(kind: "an idempotency key", version: Int(version)) }
    let entry = Known(content: try reader.identifier(), verdict: try Verdict(from: &reader), expires: try reader.signed())
    known[id] = entry
    if entry.expires < .max { expiries.insert(Expiry(at: entry.expires, key: id)) }
  }

  package func documents() -> [(key: DocumentKey, bytes: [UInt8])] {
    known.map { (key: DocumentKey(kind: IdempotencyKeys.kind, id: $0.key), bytes: IdempotencyKeys.encode($0.value)) }
  }

  private static func encode(_ entry: Known) -> [UInt8] {
    var out = ByteWriter(capacity: 64)
    out.byte(1)
    out.identifier(entry.content)
    entry.verdict.write(to: &out)
    out.signed(entry.expires)
    return out.bytes
  }
}
