/// Why a file gives no day to replay.
package enum ReplayError: Error, Equatable, CustomStringConvertible {
  /// The header fits neither kind of file.
  case unknownColumns(found: [String])
  /// The file ends before its header does, or the header cannot be read.
  case noHeader(reason: String)
  /// The day is not in the file, or none of its rows can be used.
  case noSuchDay(String, known: [String])

  package var description: String {
    switch self {
    case .unknownColumns(let found):
      "the columns must be those of the fire department's calls ('Call Number', 'Unit ID', 'Received DtTm', …) or of the bank's calls "
        + "('vru+line', 'call_id', 'q_start', …); received \(found.prefix(8).map { "'\($0)'" }.joined(separator: ", "))"
    case .noHeader(let reason): "the first line must be a CSV header: \(reason)"
    case .noSuchDay(let day, let known):
      "the day must be one with usable rows in the file (\(known.isEmpty ? "there is none" : known.joined(separator: ", "))); received \(day)"
    }
  }
}
