internal import Records

/// Reads "Fire Department Calls for Service": one task for each row, that is for each unit sent.
enum FireDispatch {
  static let columns: Set<String> = [
    "Call Number", "Unit ID", "Unit Type", "ALS Unit", "Final Priority", "Received DtTm", "Entry DtTm", "Dispatch DtTm", "Response DtTm",
    "On Scene DtTm", "Transport DtTm", "Hospital DtTm", "Available DtTm", "RowID",
  ]

  /// What a row says, before anything is mended.
  private struct Row {
    let id: String
    let unit: String
    let unitType: String
    let hasLifeSupport: Bool
    let priority: Int
    let arrival: LocalTime
    let wait: Int?
    let accept: Int?
    let responded: Bool
    let work: Int?
    let hasEnd: Bool
  }

  /// Rows by the day on which their call was received; the count is of rows without such a time.
  static func byDay(_ rows: [CSVRecord], _ columns: Columns) -> (days: [String: [CSVRecord]], undated: Int) {
    var days: [String: [CSVRecord]] = [:]
    var undated = 0
    for row in rows {
      if let arrival = arrival(row, columns) { days[arrival.date, default: []].append(row) } else { undated += 1 }
    }
    return (days, undated)
  }

  static func day(_ records: [CSVRecord], _ columns: Columns) -> ReplayDay {
    var dirt: [ReplayDirt: Int] = [:]
    var rows: [Row] = []
    for record in records {
      if let row = row(record, columns) { rows.append(row) } else { dirt[.unreadable, default: 0] += 1 }
    }
    let usualAccept = median(rows.compactMap { $0.responded ? $0.accept : nil }) ?? 60
    let usualWork = median(rows.compactMap { $0.hasEnd ? $0.work : nil }) ?? 900
    // The file is newest first: reversed, so that the stable sort has little to do and equals come oldest first.
    let tasks = rows.reversed().map { task($0, usualAccept: usualAccept, usualWork: usualWork) }
    for row in rows {
      if !row.responded { dirt[.noResponseTime, default: 0] += 1 }
      if !row.hasEnd { dirt[.noEndOfWork, default: 0] += 1 }
      if row.wait == nil { dirt[.negativeWait, default: 0] += 1 }
    }
    return ReplayDay(
      source: .fireDispatch, date: rows.first?.arrival.date ?? "", workers: workers(rows), tasks: tasks.stablySorted(), dirt: dirt)
  }

  private static func arrival(_ row: CSVRecord, _ columns: Columns) -> LocalTime? {
    .american(columns.text(row, "Received DtTm")) ?? .american(columns.text(row, "Entry DtTm"))
  }

  private static func row(_ record: CSVRecord, _ columns: Columns) -> Row? {
    func time(_ name: String) -> LocalTime? { .american(columns.text(record, name)) }
    let (unit, unitType) = (columns.text(record, "Unit ID"), columns.text(record, "Unit Type"))
    guard !unit.isEmpty, !unitType.isEmpty, let arrival = arrival(record, columns), let dispatch = time("Dispatch DtTm") else { return nil }
    func after(_ other: LocalTime?) -> Int? { other.flatMap { $0 >= dispatch ? $0 - dispatch : nil } }
    let response = after(time("Response DtTm"))
    let end = after(time("Available DtTm")).flatMap { $0 > 0 ? $0 : nil }
    let lastKnown = ["On Scene DtTm", "Transport DtTm", "Hospital DtTm"].compactMap { after(time($0)) }.max()
    let wait = time("Entry DtTm").map { dispatch - $0 }
    return Row(
      id: columns.text(record, "RowID"), unit: unit, unitType: unitType, hasLifeSupport: columns.text(record, "ALS Unit") == "true",
      priority: columns.integer(record, "Final Priority") ?? 0, arrival: arrival, wait: wait.flatMap { $0 >= 0 ? $0 : nil },
      accept: response ?? after(time("On Scene DtTm")), responded: response != nil, work: end ?? lastKnown.flatMap { $0 > 0 ? $0 : nil },
      hasEnd: end != nil)
  }

  private static func task(_ row: Row, usualAccept: Int, usualWork: Int) -> ReplayTask {
    let work = row.work ?? usualWork
    return ReplayTask(
      id: row.id, arrival: row.arrival.ofDay, skill: row.unitType, priority: row.priority, recordedWorker: row.unit,
      // Some units were free again before they had answered: they accepted, at the latest, when they were done.
      acceptDelay: min(row.accept ?? usualAccept, work), work: work, isEstimated: !row.responded || !row.hasEnd, patience: nil,
      recordedWait: row.wait, outcome: row.responded ? .served : .unanswered)
  }

  private static func workers(_ rows: [Row]) -> [ReplayWorker] {
    Dictionary(grouping: rows, by: \.unit).map { unit, rows in
      ReplayWorker(
        name: unit, skills: Set(rows.map(\.unitType)).sorted(), hasLifeSupport: rows.contains(where: \.hasLifeSupport), onDuty: 0..<86_400)
    }.sorted { $0.name < $1.name }
  }
}

extension [ReplayTask] {
  /// By arrival; equal ones keep their order, which `sort` promises only in practice.
  func stablySorted() -> [ReplayTask] {
    enumerated().sorted { ($0.element.arrival, $0.offset) < ($1.element.arrival, $1.offset) }.map(\.element)
  }
}
