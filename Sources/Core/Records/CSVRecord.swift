/// A record of a CSV file, with the names of its header.
package struct CSVRecord: Sendable, Equatable {
  /// The line of the file on which the record starts, from 1; the header stands on the first.
  package let line: Int
  /// As many as the header has. Bytes as they stood in the file, quotes undone.
  package let cells: [[UInt8]]
  private let header: CSVHeader

  init(line: Int, cells: [[UInt8]], header: CSVHeader) {
    self.line = line
    self.cells = cells
    self.header = header
  }

  /// The columns, in the order of the cells.
  package var names: [String] { header.names }

  /// The cell under the name; nil: the header has no such name.
  package subscript(name: String) -> [UInt8]? {
    header.names.firstIndex(of: name).map { cells[$0] }
  }
}

/// The first record of a CSV file.
package struct CSVHeader: Sendable, Equatable {
  /// In the order of the cells, spaces around them cut, each once.
  package let names: [String]

  private init(names: [String]) {
    self.names = names
  }

  /// The error says what is wrong, for `RecordError.Reason.header`.
  static func make(_ cells: [[UInt8]]) -> Result<CSVHeader, CSVHeaderError> {
    var names: [String] = []
    // A line of the header may have tens of thousands of names.
    var seen: Set<String> = []
    for cell in cells {
      guard let text = String(validating: cell, as: UTF8.self) else { return .failure(CSVHeaderError(rule: "is not UTF-8")) }
      let name = String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
      if name.isEmpty { return .failure(CSVHeaderError(rule: "has an empty name in cell \(names.count + 1)")) }
      if !seen.insert(name).inserted { return .failure(CSVHeaderError(rule: "has the name \"\(name.prefix(100))\" twice")) }
      names.append(name)
    }
    return .success(CSVHeader(names: names))
  }
}

struct CSVHeaderError: Error {
  let rule: String
}

/// Cuts one record, without its end of line, into cells by RFC 4180.
enum CSVCells {
  static func cut(_ record: ArraySlice<UInt8>) -> Result<[[UInt8]], CSVProblem> {
    var cells: [[UInt8]] = []
    var at = record.startIndex
    while true {
      let isQuoted = at < record.endIndex && record[at] == UInt8(ascii: "\"")
      switch isQuoted ? quoted(record, &at) : bare(record, &at) {
      case .success(let cell): cells.append(cell)
      case .failure(let problem): return .failure(problem)
      }
      if at == record.endIndex { return .success(cells) }
      // A comma stands here, and a cell behind it, be it empty.
      at += 1
    }
  }

  private static func bare(_ record: ArraySlice<UInt8>, _ at: inout Int) -> Result<[UInt8], CSVProblem> {
    let end = record[at...].firstIndex(of: UInt8(ascii: ",")) ?? record.endIndex
    defer { at = end }
    if record[at..<end].contains(UInt8(ascii: "\"")) { return .failure(CSVProblem(reason: .strayQuote)) }
    return .success(Array(record[at..<end]))
  }

  private static func quoted(_ record: ArraySlice<UInt8>, _ at: inout Int) -> Result<[UInt8], CSVProblem> {
    var cell: [UInt8] = []
    at += 1
    while let quote = record[at...].firstIndex(of: UInt8(ascii: "\"")) {
      cell += record[at..<quote]
      at = quote + 1
      if at == record.endIndex || record[at] == UInt8(ascii: ",") { return .success(cell) }
      if record[at] != UInt8(ascii: "\"") { return .failure(CSVProblem(reason: .textAfterQuote)) }
      cell.append(UInt8(ascii: "\""))
      at += 1
    }
    return .failure(CSVProblem(reason: .openQuote))
  }
}

struct CSVProblem: Error {
  let reason: RecordError.Reason
}
