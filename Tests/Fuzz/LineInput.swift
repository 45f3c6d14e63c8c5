import Machines
import Records
import TaskRouting

/// Bulk files: lines of JSON and records of CSV, cut anyhow, and the work items in them.
enum LineInput {
  private static let limit = 256

  static func run(_ input: [UInt8]) throws {
    let pieces = Pieces(input)
    let whole = [Array(pieces.bytes)]
    try same(try lines(whole), try lines(Array(pieces)), "lines cut in pieces")
    try same(try records(whole), try records(Array(pieces)), "records cut in pieces")
    _ = try? WorkItem.request(whole[0])
    _ = try? TaskRoutingMachine.published(whole[0])
  }

  private static func lines(_ chunks: [[UInt8]]) throws -> [String] {
    var reader = LineReader(limit: limit)
    var found: [String] = []
    func take(_ result: LineReader.Result) throws {
      switch result {
      case .success(let line):
        guard line.bytes.count <= limit else { throw Finding("a line of \(line.bytes.count) bytes") }
        _ = try? WorkItem.request(line.bytes)
        found.append("\(line.number) \(line.bytes)")
      case .failure(let error): found.append("\(error.line) \(error.message)")
      }
    }
    for chunk in chunks { try reader.push(chunk, take) }
    try reader.finish(take)
    return found
  }

  private static func records(_ chunks: [[UInt8]]) throws -> [String] {
    var reader = CSVReader(limit: limit)
    var found: [String] = []
    func take(_ result: CSVReader.Result) throws {
      switch result {
      case .success(let record):
        guard record.cells.count == record.names.count else { throw Finding("\(record.cells.count) cells, \(record.names.count) names") }
        _ = record["attributes"]
        found.append("\(record.line) \(record.cells)")
      case .failure(let error): found.append("\(error.line) \(error.message)")
      }
    }
    for chunk in chunks { try reader.push(chunk, take) }
    try reader.finish(take)
    return found
  }
}
