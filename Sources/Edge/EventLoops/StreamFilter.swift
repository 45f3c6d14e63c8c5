/// Why a filter cannot go on, in words for a log.
package struct StreamFilterError: Error, Sendable, Equatable {
  package let reason: String

  package init(reason: String) { self.reason = reason }
}

/// What stands between the bytes of the wire and whoever uses a stream: encryption. Used on the stream's loop only; after each call `output()` holds what is to go out.
package protocol StreamFilter: AnyObject {
  /// What was agreed with the peer before anything can be said.
  var isReady: Bool { get }
  /// The peer said, in the filter's own way, that nothing more comes.
  var isEnded: Bool { get }
  /// Takes bytes of the wire and gives back what they say.
  func received(_ bytes: RawSpan) throws(StreamFilterError) -> [UInt8]
  /// Takes bytes of the user; before the filter is ready they wait in it.
  func write(_ bytes: RawSpan) throws(StreamFilterError)
  /// Says to the peer that nothing more comes.
  func end()
  /// Takes out what is to be sent.
  func output() -> [UInt8]
}
