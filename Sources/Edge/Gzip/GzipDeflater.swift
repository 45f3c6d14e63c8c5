internal import CZlib

/// Packs bytes as one gzip member, in pieces of at most 64 KiB.
package struct GzipDeflater: ~Copyable {
  private let stream: OpaquePointer
  private var isFinished = false

  /// `level`: 1 (fast) to 9 (small).
  package init(level: Int = 6) throws(GzipError) {
    guard let stream = cz_deflate_new(Int32(max(1, min(level, 9)))) else { throw .noMemory }
    self.stream = stream
  }

  deinit {
    cz_free(stream)
  }

  /// Packs a chunk; what is ready goes into `sink`. What `sink` throws is thrown on. After `finish` it does nothing.
  package mutating func push(_ chunk: [UInt8], _ sink: ([UInt8]) throws -> Void) throws {
    guard !chunk.isEmpty else { return }
    try run(chunk, finish: false, sink)
  }

  /// Ends the member and gives out the rest.
  package mutating func finish(_ sink: ([UInt8]) throws -> Void) throws {
    try run([], finish: true, sink)
    isFinished = true
  }

  /// The whole of `bytes` as gzip.
  package static func pack(_ bytes: [UInt8], level: Int = 6) throws -> [UInt8] {
    var packed: [UInt8] = []
    var deflater = try GzipDeflater(level: level)
    try deflater.push(bytes) { packed += $0 }
    try deflater.finish { packed += $0 }
    return packed
  }

  private mutating func run(_ chunk: [UInt8], finish: Bool, _ sink: ([UInt8]) throws -> Void) throws {
    if isFinished { return }
    var taken = 0
    var piece = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      var inLength = chunk.count - taken
      var outLength = piece.count
      let start = taken
      let outcome = piece.withUnsafeMutableBytes { out in
        chunk.withUnsafeBytes { bytes in
          cz_deflate(stream, bytes.baseAddress.map { $0 + start }, &inLength, out.baseAddress, &outLength, finish ? 1 : 0)
        }
      }
      if outcome == CZ_CORRUPT.rawValue { throw GzipError.noMemory }
      taken += inLength
      let isFull = outLength == piece.count
      if outLength > 0 { try sink(Array(piece[..<outLength])) }
      if outcome == CZ_END.rawValue || (!isFull && taken == chunk.count && !finish) { return }
    }
  }
}
