package import Journal
import Synchronization

/// What an owner has just decided, for the projector of the same partition in the same process: it reads the very bytes that the owner wrote, and needs neither to decode them
/// nor to hold the documents in them a second time. An offer, no promise: what was let go, or comes from elsewhere, is decoded as ever. Back comes how far the projector is.
package final class Handover: Sendable {
  private struct Entry {
    /// Held, so that nothing else can come to stand at its address.
    var bytes: [UInt8]
    var decision: Decision
  }
  private let most: (entries: Int, bytes: Int)
  private let entries = Mutex<[Entry]>([])
  private struct Progress {
    /// Nil before the projector has read its snapshot.
    var offset: Int64?
    var waiting: (upTo: Int64, resume: @Sendable () -> Void)?
  }
  private let progress = Mutex(Progress())

  /// - Parameters:
  ///   - entries: decisions kept at most; the oldest goes first.
  ///   - bytes: of journal records kept at most, beyond one.
  package init(entries: Int = 64, bytes: Int = 2 << 20) { most = (entries, bytes) }

  /// `bytes`: as which the decision goes into the journal. O(entries).
  package func put(_ decision: Decision, written bytes: [UInt8]) {
    let gone = entries.withLock { entries in
      entries.append(Entry(bytes: bytes, decision: decision))
      var over = max(0, entries.count - most.entries)
      var size = entries[over...].reduce(0) { $0 + $1.bytes.count }
      while size > most.bytes, over < entries.count - 1 {
        size -= entries[over].bytes.count
        over += 1
      }
      return Handover.removeFirst(over, &entries)
    }
    // Outside the lock: whatever is in them goes here, and both sides are in a hurry.
    _ = consume gone
  }

  /// The decision that was put with these bytes: the same memory, not only the same content, so that nothing has to be compared. What is older goes with it. O(entries).
  package func take(_ bytes: [UInt8]) -> Decision? {
    entries.withLock { entries -> [Entry] in
      guard let place = entries.firstIndex(where: { Handover.isSame($0.bytes, bytes) }) else { return [] }
      return Handover.removeFirst(place + 1, &entries)
    }.last?.decision
  }

  // MARK: Progress

  /// How far the journal is projected; nil where nobody knows yet.
  package var projected: Int64? { progress.withLock { $0.offset } }

  /// Everything in the journal before `offset` is projected; nil: the projector has ended, and nobody waits for it.
  package func note(projected offset: Int64?) {
    let resume = progress.withLock { progress -> (@Sendable () -> Void)? in
      progress.offset = offset
      guard let waiting = progress.waiting, waiting.upTo <= offset ?? .max else { return nil }
      progress.waiting = nil
      return waiting.resume
    }
    resume?()
  }

  /// Calls `resume` once, when everything before `offset` is projected; at once where it is, or nobody will tell. Whoever waited before is forgotten.
  package func whenProjected(upTo offset: Int64, _ resume: @escaping @Sendable () -> Void) {
    let isThere = progress.withLock { progress in
      guard let reached = progress.offset, reached < offset else { return true }
      progress.waiting = (offset, resume)
      return false
    }
    if isThere { resume() }
  }

  private static func removeFirst(_ count: Int, _ entries: inout [Entry]) -> [Entry] {
    guard count > 0 else { return [] }
    let gone = Array(entries[..<count])
    entries.removeFirst(count)
    return gone
  }

  /// Decisions that nobody has taken.
  package var count: Int { entries.withLock { $0.count } }

  private static func isSame(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count, !a.isEmpty else { return false }
    return a.withUnsafeBufferPointer { a in b.withUnsafeBufferPointer { a.baseAddress == $0.baseAddress } }
  }
}
