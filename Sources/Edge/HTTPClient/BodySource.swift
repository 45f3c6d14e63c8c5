/// The request's body while it is sent. Loop's thread only.
struct BodySource {
  private let next: (@Sendable () throws -> [UInt8]?)?
  private let length: Int?
  private var piece: [UInt8]
  private var offset = 0
  /// Bytes of pieces asked for so far.
  private var produced: Int
  private var isAtEnd: Bool
  /// Why `read` answered nil.
  private(set) var failure: String?

  init(_ body: HTTPClientRequest.Body) {
    switch body {
    case .none: (next, length, piece) = (nil, 0, [])
    case .bytes(let bytes): (next, length, piece) = (nil, bytes.count, bytes)
    case .chunks(let length, let next): (self.next, self.length, piece) = (next, length, [])
    }
    produced = piece.count
    isAtEnd = next == nil
  }

  /// Copies the next bytes: how many, 0 at the end, nil after a failure.
  mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
    while offset == piece.count {
      if isAtEnd { return 0 }
      guard refill() else { return nil }
    }
    let count = min(buffer.count, piece.count - offset)
    piece.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count])) }
    offset += count
    return count
  }

  private mutating func refill() -> Bool {
    guard let next else { return false }
    do {
      let more = try next()
      isAtEnd = more == nil
      piece = more ?? []
    } catch {
      return fail("the source failed: \(error)")
    }
    offset = 0
    produced += piece.count
    guard let length else { return true }
    if produced > length { return fail("length is \(length), the source gave at least \(produced) bytes") }
    if isAtEnd, produced < length { return fail("length is \(length), the source gave \(produced) bytes") }
    return true
  }

  private mutating func fail(_ reason: String) -> Bool {
    failure = reason
    return false
  }

  /// Starts over after a connection from the pool turned out to be dead; false when that is not possible.
  mutating func rewind() -> Bool {
    if next != nil, produced > 0 { return false }
    offset = 0
    return true
  }
}
