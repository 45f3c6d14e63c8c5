package import Resources

/// A record of a journal that this release cannot read: where it is, and what helps.
package struct UnreadableRecord: Error, CustomStringConvertible {
  package let offset: Int64
  package let failure: DecodingFailure

  package var description: String {
    guard case .unknownVersion = failure else { return "at \(offset): \(failure); nothing is skipped" }
    return "at \(offset): \(failure); nothing is skipped: run a release that reads it on this node"
  }
}

extension JournalRecord {
  /// Of a journal's record at `offset`, as its readers need it: what is wrong is told with the place.
  package init(decoding value: [UInt8]?, at offset: Int64) throws(UnreadableRecord) {
    do throws(DecodingFailure) { try self.init(decoding: value ?? []) } catch { throw UnreadableRecord(offset: offset, failure: error) }
  }
}
