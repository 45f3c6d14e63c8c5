/// Reads CSV (RFC 4180) from a stream of bytes in constant memory: quotes, doubled quotes, line ends within quotes, LF or CRLF, a byte order mark.
///
/// The first record is the header. Blank lines give nothing but count. A broken record gives one error and the reader goes on behind it;
/// where a quote stays open to the end of the file, that is the next line, so that it costs one line. (Going back is paid from a budget of 1 MiB,
/// so that a hostile file costs no more than that. Beyond it the reader gives up the bytes it has.) A record over the limit is one error, and the
/// reader goes on behind it, whatever lines stand within its quotes: they are a cell's and no records. A header that cannot be used ends the
/// file: one error. Any chunking gives the same.
package struct CSVReader: Sendable {
  package typealias Result = Swift.Result<CSVRecord, RecordError>

  private enum State {
    case cellStart
    case bare
    case quoted
    case quoteInQuoted
  }

  private let limit: Int
  private var state = State.cellStart
  /// Over the limit: on to the end of the record, of which nothing more is kept.
  private var isTooLong = false
  /// The record so far, as it came.
  private var record: [UInt8] = []
  /// Bytes of `record` up to and with its first line end; nil: none yet.
  private var firstLineEnd: Int?
  /// Line ends in `record`, and in what is skipped.
  private var lineEnds = 0
  private var line = 1
  private var budget = 1 << 20
  private var isDead = false

  /// The header, once it has been read.
  package private(set) var header: CSVHeader?

  /// `limit`: bytes of a record without its end of line.
  package init(limit: Int = RecordLimits.bytes) {
    self.limit = limit
  }

  /// Takes a chunk and gives the records that end in it.
  package mutating func push(_ chunk: [UInt8], _ sink: (Result) throws -> Void) rethrows {
    for byte in chunk { try take(byte, sink) }
  }

  /// The stream has ended: a last record without an end counts.
  package mutating func finish(_ sink: (Result) throws -> Void) rethrows {
    if isTooLong, !isDead { return try fail(line, state == .quoted ? .endlessQuote(limit: limit) : .tooLong(limit: limit), sink) }
    while state == .quoted, !isDead { try leaveOpenQuote(sink) }
    if !record.isEmpty { try endRecord(sink) }
  }

  private mutating func take(_ byte: UInt8, _ sink: (Result) throws -> Void) rethrows {
    if isDead { return }
    if byte == 0x0a {
      lineEnds += 1
      if state != .quoted { return try endRecord(sink) }
    }
    advance(byte)
    if isTooLong { return }
    record.append(byte)
    if byte == 0x0a, firstLineEnd == nil { firstLineEnd = record.count }
    // One byte more, because it may be the CR of the line's end, which does not count.
    guard record.count > (state == .quoted ? limit : limit + 1) else { return }
    isTooLong = true
    record.removeAll(keepingCapacity: true)
  }

  private mutating func advance(_ byte: UInt8) {
    switch (state, byte) {
    case (.cellStart, UInt8(ascii: "\"")): state = .quoted
    case (.quoted, UInt8(ascii: "\"")): state = .quoteInQuoted
    case (.quoteInQuoted, UInt8(ascii: "\"")): state = .quoted
    case (.quoted, _): break
    case (.cellStart, UInt8(ascii: ",")), (.bare, UInt8(ascii: ",")), (.quoteInQuoted, UInt8(ascii: ",")): state = .cellStart
    // Behind a closing quote this is an error, which is found when the record is cut: here it only must not swallow lines.
    default: state = .bare
    }
  }

  private mutating func startRecord() {
    line += lineEnds
    lineEnds = 0
    firstLineEnd = nil
    record.removeAll(keepingCapacity: true)
    state = .cellStart
    isTooLong = false
  }

  /// Gives the record up and reads again from its second line, when there is one and the budget allows it. What is read again is shorter
  /// than the limit.
  private mutating func leaveOpenQuote(_ sink: (Result) throws -> Void) rethrows {
    let start = line
    var again: [UInt8] = []
    if let firstLineEnd, budget >= record.count - firstLineEnd {
      again = Array(record[firstLineEnd...])
      budget -= again.count
      lineEnds = 1
    }
    startRecord()
    try fail(start, .openQuote, sink)
    for byte in again { try take(byte, sink) }
  }

  private mutating func endRecord(_ sink: (Result) throws -> Void) rethrows {
    let start = line
    var bytes = record
    let wasTooLong = isTooLong
    startRecord()
    if wasTooLong { return try fail(start, .tooLong(limit: limit), sink) }
    if bytes.last == 0x0d { bytes.removeLast() }
    if start == 1, bytes.starts(with: [0xef, 0xbb, 0xbf]) { bytes.removeFirst(3) }
    if bytes.count > limit { return try fail(start, .tooLong(limit: limit), sink) }
    if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { return }
    switch CSVCells.cut(bytes[...]) {
    case .failure(let problem): try fail(start, problem.reason, sink)
    case .success(let cells): try read(cells, start, sink)
    }
  }

  private mutating func read(_ cells: [[UInt8]], _ start: Int, _ sink: (Result) throws -> Void) rethrows {
    guard let header else { return try readHeader(cells, start, sink) }
    guard cells.count == header.names.count else {
      return try fail(start, .cells(expected: header.names.count, found: cells.count), sink)
    }
    try sink(.success(CSVRecord(line: start, cells: cells, header: header)))
  }

  private mutating func readHeader(_ cells: [[UInt8]], _ start: Int, _ sink: (Result) throws -> Void) rethrows {
    switch CSVHeader.make(cells) {
    case .success(let made): header = made
    case .failure(let error): try fail(start, .header(error.rule), sink)
    }
  }

  /// Without a header no record means anything.
  private mutating func fail(_ start: Int, _ reason: RecordError.Reason, _ sink: (Result) throws -> Void) rethrows {
    if header == nil {
      isDead = true
      record = []
    }
    try sink(.failure(RecordError(line: start, reason: reason)))
  }
}
