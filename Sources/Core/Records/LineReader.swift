/// Cuts a stream of bytes into lines (LF or CRLF) in constant memory: for NDJSON.
///
/// Blank lines give nothing but count. A line over the limit gives one error and is skipped without being kept. Any chunking gives the same.
package struct LineReader: Sendable {
  package struct Line: Sendable, Equatable {
    /// From 1.
    package let number: Int
    /// Without its end.
    package let bytes: [UInt8]

    package init(number: Int, bytes: [UInt8]) {
      self.number = number
      self.bytes = bytes
    }
  }

  package typealias Result = Swift.Result<Line, RecordError>

  private let limit: Int
  /// The beginning of a line whose end has not come, at most one byte (a CR) over the limit.
  private var pending: [UInt8] = []
  private var isTooLong = false
  private var isEmptyLine = true

  /// The lines that have ended so far.
  package private(set) var lines = 0

  /// `limit`: bytes of a line without its end.
  package init(limit: Int = RecordLimits.bytes) {
    self.limit = limit
  }

  /// Takes a chunk and gives the lines that end in it.
  package mutating func push(_ chunk: [UInt8], _ sink: (Result) throws -> Void) rethrows {
    var start = 0
    while start < chunk.count, let end = chunk[start...].firstIndex(of: 0x0a) {
      try endLine(chunk[start..<end], sink)
      start = end + 1
    }
    if start < chunk.count { keep(chunk[start...]) }
  }

  /// The stream has ended: a last line without an end counts.
  package mutating func finish(_ sink: (Result) throws -> Void) rethrows {
    if !isEmptyLine { try endLine([], sink) }
  }

  private mutating func keep(_ bytes: ArraySlice<UInt8>) {
    if bytes.isEmpty { return }
    isEmptyLine = false
    if isTooLong { return }
    if pending.count + bytes.count > limit + 1 {
      isTooLong = true
      pending.removeAll(keepingCapacity: false)
    } else {
      pending += bytes
    }
  }

  private mutating func endLine(_ rest: ArraySlice<UInt8>, _ sink: (Result) throws -> Void) rethrows {
    lines += 1
    // The rule is that a line lies within one chunk: then it is copied once.
    var line = rest
    if !isEmptyLine {
      keep(rest)
      line = pending[...]
    }
    let wasTooLong = isTooLong
    // Before the sink, so that a sink that throws leaves the reader at the next line.
    pending = []
    isTooLong = false
    isEmptyLine = true
    if line.last == 0x0d { line = line.dropLast() }
    if lines == 1, line.starts(with: [0xef, 0xbb, 0xbf]) { line = line.dropFirst(3) }
    if wasTooLong || line.count > limit { return try sink(.failure(RecordError(line: lines, reason: .tooLong(limit: limit)))) }
    if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }) { return }
    try sink(.success(Line(number: lines, bytes: Array(line))))
  }
}
