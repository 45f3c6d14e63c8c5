import Resources

/// A record of a journal that this release cannot read: where it is, and what helps.
struct UnreadableRecord: Error, CustomStringConvertible {
  let offset: Int64
  let failure: DecodingFailure

  var description: String {
    guard case .unknownVersion = failure else { return "at \(offset): \(failure); nothing is skipped" }
    return "at \(offset): \(failure); nothing is skipped: run a release that reads it on this node"
  }
}
