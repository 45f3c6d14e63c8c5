package import Journal
import Synchronization

/// What an owner has just decided, for the projector of the same partition in the same process: it reads the very bytes that the owner wrote, and needs neither to decode them
/// nor to hold the documents in them a second time. An offer, no promise: what was let go, or comes from elsewhere, is decoded as ever.
package final class Handover: Sendable {
  private struct Entry {
    /// Held, so that nothing else can come to stand at its address.
    var bytes: [UInt8]
    var decision: Decision
  }
  private struct State {
    var entries: [Entry] = []
    var size = 0
  }

  private let most: (entries: Int, bytes: Int)
  private let state = Mutex(State())

  /// - Parameters:
  ///   - entries: decisions kept at most; the oldest goes first.
  ///   - bytes: of journal records kept at most, beyond one.
  package init(entries: Int = 64, bytes: Int = 2 << 20) { most = (entries, bytes) }

  /// `bytes`: as which the decision goes into the journal. O(1), O(entries) when the oldest goes.
  package func put(_ decision: Decision, written bytes: [UInt8]) {
    let gone = state.withLock { state in
      state.entries.append(Entry(bytes: bytes, decision: decision))
      state.size += bytes.count
      var over = 0
      var size = state.size
      while state.entries.count - over > most.entries || (size > most.bytes && state.entries.count - over > 1) {
        size -= state.entries[over].bytes.count
        over += 1
      }
      return Handover.removeFirst(over, &state)
    }
    // Outside the lock: whatever is in them goes here, and both sides are in a hurry.
    _ = consume gone
  }

  /// The decision that was put with these bytes: the same memory, not only the same content, so that nothing has to be compared. What is older goes with it. O(entries).
  package func take(_ bytes: [UInt8]) -> Decision? {
    state.withLock { state -> [Entry] in
      guard let place = state.entries.firstIndex(where: { Handover.isSame($0.bytes, bytes) }) else { return [] }
      return Handover.removeFirst(place + 1, &state)
    }.last?.decision
  }

  private static func removeFirst(_ count: Int, _ state: inout State) -> [Entry] {
    guard count > 0 else { return [] }
    let gone = Array(state.entries[..<count])
    state.entries.removeFirst(count)
    for entry in gone { state.size -= entry.bytes.count }
    return gone
  }

  /// Decisions that nobody has taken.
  package var count: Int { state.withLock { $0.entries.count } }

  private static func isSame(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count, !a.isEmpty else { return false }
    return a.withUnsafeBufferPointer { a in b.withUnsafeBufferPointer { a.baseAddress == $0.baseAddress } }
  }
}
