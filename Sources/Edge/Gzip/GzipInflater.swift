internal import CZlib

/// Unpacks gzip as it arrives, members one after another, in pieces of at most 64 KiB: a bomb costs time, never memory.
///
/// Either `push` each chunk and take the pieces in a closure, or `feed` a chunk and call `next` until it gives nil, where the taker waits between.
package struct GzipInflater: ~Copyable {
  /// Bytes of a piece at most.
  package static let pieceLimit = 64 * 1024

  private enum Stage {
    /// Between members: the first must follow, others may.
    case start
    case inside
  }

  private let stream: OpaquePointer
  private var stage = Stage.start
  private var input: [UInt8] = []
  private var taken = 0
  /// Compressed bytes before `input`.
  private var offset = 0
  private var members = 0
  private var failure: GzipError?

  package init() throws(GzipError) {
    guard let stream = cz_inflate_new() else { throw .noMemory }
    self.stream = stream
  }

  deinit {
    cz_free(stream)
  }

  /// Takes a chunk. The one before must have been read to its end with `next`; what is left of it is read first otherwise.
  package mutating func feed(_ chunk: [UInt8]) {
    offset += taken
    if taken == input.count {
      input = chunk
    } else {
      input = Array(input[taken...]) + chunk
    }
    taken = 0
  }

  /// The next piece of what was fed; nil: feed more, or finish. After an error it throws the same again.
  package mutating func next() throws(GzipError) -> [UInt8]? {
    if let failure { throw failure }
    do {
      return try step()
    } catch {
      failure = error
      throw error
    }
  }

  /// Unpacks a chunk into `sink`, piece by piece. What `sink` throws is thrown on.
  package mutating func push(_ chunk: [UInt8], _ sink: ([UInt8]) throws -> Void) throws {
    feed(chunk)
    while let piece = try next() { try sink(piece) }
  }

  /// Says that nothing follows. An end inside of a member is `truncated`, and so is nothing at all.
  package mutating func finish() throws(GzipError) {
    if let failure { throw failure }
    if stage == .inside || members == 0 || taken < input.count { throw .truncated }
  }

  private mutating func step() throws(GzipError) -> [UInt8]? {
    while taken < input.count || stage == .inside {
      if stage == .start {
        guard try startsMember() else { return nil }
        stage = .inside
      }
      let before = taken
      let (piece, outcome) = try inflate()
      switch outcome {
      case CZ_END.rawValue:
        members += 1
        stage = .start
        if cz_inflate_reset(stream) != Int32(CZ_MORE.rawValue) { throw .corrupt(offset: offset + taken) }
      case CZ_NO_MEMORY.rawValue: throw .noMemory
      case CZ_CORRUPT.rawValue: throw .corrupt(offset: offset + taken)
      default: if piece.isEmpty, taken == before { return nil }
      }
      if !piece.isEmpty { return piece }
    }
    return nil
  }

  /// True when a member begins here; false: too few bytes to tell. zlib would call other bytes damaged, but who sends plain text as gzip
  /// should be told just that.
  private func startsMember() throws(GzipError) -> Bool {
    for (index, magic) in [UInt8(0x1f), 0x8b].enumerated() where taken + index < input.count {
      if input[taken + index] != magic { throw members == 0 ? .notGzip : .corrupt(offset: offset + taken + index) }
    }
    return input.count - taken >= 2
  }

  private mutating func inflate() throws(GzipError) -> ([UInt8], UInt32) {
    var inLength = input.count - taken
    var outcome: Int32 = 0
    let start = taken
    // Small bodies should not cost 64 KiB each.
    let room = min(GzipInflater.pieceLimit, max(4096, inLength * 8))
    let piece = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      var outLength = room
      input.withUnsafeBytes { bytes in
        outcome = cz_inflate(stream, bytes.baseAddress.map { $0 + start }, &inLength, buffer.baseAddress, &outLength)
      }
      count = outLength
    }
    taken += inLength
    return (piece, UInt32(outcome))
  }
}
