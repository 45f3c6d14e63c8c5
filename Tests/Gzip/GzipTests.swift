import Gzip
import Testing

@Suite struct GzipTests {
  /// Not random, but not to be packed to nothing either.
  static func sample(_ count: Int) -> [UInt8] {
    var state: UInt32 = 1
    return (0..<count).map { index in
      state = state &* 1_664_525 &+ 1_013_904_223
      return index % 3 == 0 ? UInt8(truncatingIfNeeded: state >> 24) : UInt8(ascii: "a")
    }
  }

  private func unpack(_ packed: [UInt8], chunk: Int) throws -> [UInt8] {
    var inflater = try GzipInflater()
    var plain: [UInt8] = []
    var start = 0
    while start < packed.count {
      try inflater.push(Array(packed[start..<min(start + chunk, packed.count)])) { piece in
        #expect(piece.count <= GzipInflater.pieceLimit)
        plain += piece
      }
      start += chunk
    }
    try inflater.finish()
    return plain
  }

  @Test(arguments: [1, 2, 7, 1_000, 1_000_000]) func givesBackWhatWasPackedInAnyChunks(chunk: Int) throws {
    let plain = Self.sample(200_000)
    let packed = try GzipDeflater.pack(plain)
    #expect(packed.count < plain.count)
    #expect(try unpack(packed, chunk: chunk) == plain)
  }

  @Test(arguments: [1, 2, 3, 50, 1_000]) func readsSeveralMembers(chunk: Int) throws {
    let packed = try GzipDeflater.pack(Array("one\n".utf8)) + GzipDeflater.pack([]) + GzipDeflater.pack(Array("two\n".utf8))
    #expect(try unpack(packed, chunk: chunk) == Array("one\ntwo\n".utf8))
  }

  @Test func aBombComesInBoundedPieces() throws {
    let packed = try GzipDeflater.pack([UInt8](repeating: 0, count: 20_000_000))
    #expect(packed.count < 50_000)
    var total = 0
    var inflater = try GzipInflater()
    try inflater.push(packed) { total += $0.count }
    try inflater.finish()
    #expect(total == 20_000_000)
  }

  @Test func theTakerMayStop() throws {
    struct Enough: Error {}
    let packed = try GzipDeflater.pack([UInt8](repeating: 0, count: 1_000_000))
    var inflater = try GzipInflater()
    var pieces = 0
    #expect(throws: Enough.self) {
      try inflater.push(packed) { _ in
        pieces += 1
        if pieces == 2 { throw Enough() }
      }
    }
    #expect(pieces == 2)
  }

  @Test(arguments: [1, 100]) func namesWhatIsWrong(chunk: Int) throws {
    let packed = try GzipDeflater.pack(Self.sample(5_000))
    #expect(throws: GzipError.notGzip) { try unpack(Array("{\"attributes\":{}}".utf8), chunk: chunk) }
    #expect(throws: GzipError.notGzip) { try unpack([0x1f, 0x00, 0x00], chunk: chunk) }
    #expect(throws: GzipError.truncated) { try unpack([], chunk: chunk) }
    #expect(throws: GzipError.truncated) { try unpack([0x1f], chunk: chunk) }
    #expect(throws: GzipError.truncated) { try unpack(Array(packed.dropLast()), chunk: chunk) }
    #expect(throws: GzipError.truncated) { try unpack(Array(packed.prefix(12)), chunk: chunk) }
    var wrongSum = packed
    wrongSum[packed.count - 6] ^= 1
    #expect(throws: GzipError.self) { try unpack(wrongSum, chunk: chunk) }
    #expect(throws: GzipError.corrupt(offset: packed.count)) { try unpack(packed + Array("tail".utf8), chunk: chunk) }
  }

  @Test func damagedBytesNeverTrap() throws {
    let packed = try GzipDeflater.pack(Self.sample(2_000))
    for index in packed.indices {
      var damaged = packed
      damaged[index] ^= 0x55
      _ = try? unpack(damaged, chunk: 333)
    }
  }
}
