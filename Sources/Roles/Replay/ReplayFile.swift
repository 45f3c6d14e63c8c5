internal import Records

/// A file of recorded work: its rows by day, each day read when it is asked for.
package struct ReplayFile: Sendable {
  package let source: ReplayDay.Source
  /// Days with at least one usable row, each with how many tasks it gives; ascending.
  package let days: [(date: String, tasks: Int)]
  /// Rows that belong to no day because they are not CSV or have no date.
  package let unreadable: Int

  private let read: [String: ReplayDay]

  /// Reads all of a CSV file (RFC 4180) whose header tells which kind it is. Linear in its length.
  package init(_ csv: [UInt8]) throws(ReplayError) {
    var rows: [CSVRecord] = []
    var failures: [RecordError] = []
    var reader = CSVReader()
    let sink: (CSVReader.Result) -> Void = { result in
      switch result {
      case .success(let row): rows.append(row)
      case .failure(let error): failures.append(error)
      }
    }
    reader.push(csv, sink)
    reader.finish(sink)
    guard let header = reader.header else { throw .noHeader(reason: failures.first?.message ?? "the file is empty") }
    guard let source = Self.source(of: Set(header.names)) else { throw .unknownColumns(found: header.names) }
    self.source = source
    let columns = Columns(header.names)
    let (byDay, undated) = source == .fireDispatch ? FireDispatch.byDay(rows, columns) : CallCentre.byDay(rows, columns)
    unreadable = failures.count + undated
    read = byDay.mapValues { source == .fireDispatch ? FireDispatch.day($0, columns) : CallCentre.day($0, columns) }
      .filter { !$1.tasks.isEmpty }
    days = read.map { ($0, $1.tasks.count) }.sorted { $0.0 < $1.0 }
  }

  /// The day, as `2017-01-01`; without one, the day with the most tasks, of equals the first.
  package func day(_ date: String? = nil) throws(ReplayError) -> ReplayDay {
    let busiest = days.max { ($0.tasks, $1.date) < ($1.tasks, $0.date) }?.date
    guard let wanted = date ?? busiest, let day = read[wanted] else {
      throw .noSuchDay(date ?? "no day", known: days.map(\.date))
    }
    return day
  }

  private static func source(of names: Set<String>) -> ReplayDay.Source? {
    if names.isSuperset(of: FireDispatch.columns) { return .fireDispatch }
    if names.isSuperset(of: CallCentre.columns) { return .callCentre }
    return nil
  }
}

/// Where the columns stand, so that a row's cell is found without comparing names.
struct Columns {
  private let places: [String: Int]

  init(_ names: [String]) {
    places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
  }

  /// The cell as text without spaces around it; empty when the column is missing or not UTF-8.
  func text(_ row: CSVRecord, _ name: String) -> String {
    guard let place = places[name], let text = String(validating: row.cells[place], as: UTF8.self) else { return "" }
    var cut = text[...].drop(while: \.isWhitespace)
    while cut.last?.isWhitespace == true { cut.removeLast() }
    return String(cut)
  }

  func integer(_ row: CSVRecord, _ name: String) -> Int? { Int(text(row, name)) }
}

/// The middle value (the lower of two); nil of nothing.
func median(_ values: [Int]) -> Int? {
  values.isEmpty ? nil : values.sorted()[(values.count - 1) / 2]
}
