internal import Records

/// Reads the call-by-call file of the "Anonymous Bank": one task for each call that asked for an agent.
enum CallCentre {
  static let columns: Set<String> = [
    "vru+line", "call_id", "priority", "type", "date", "vru_exit", "vru_time", "q_start", "q_time", "outcome", "ser_start", "ser_time",
    "server",
  ]

  private struct Call {
    let id: String
    let skill: String
    let priority: Int
    let arrival: Int
    let wait: Int
    /// Nil: gave up.
    let service: Int?
    let served: Range<Int>
    let agent: String?
  }

  /// Rows by the date of the call; the count is of rows without one.
  static func byDay(_ rows: [CSVRecord], _ columns: Columns) -> (days: [String: [CSVRecord]], undated: Int) {
    var days: [String: [CSVRecord]] = [:]
    var undated = 0
    for row in rows {
      if let date = LocalTime.shortDate(columns.text(row, "date")) { days[date, default: []].append(row) } else { undated += 1 }
    }
    return (days, undated)
  }

  static func day(_ records: [CSVRecord], _ columns: Columns) -> ReplayDay {
    var dirt: [ReplayDirt: Int] = [:]
    var calls: [Call] = []
    for record in records {
      switch call(record, columns) {
      case .success(let call): calls.append(call)
      case .failure(let reason): dirt[reason.dirt, default: 0] += 1
      }
    }
    let usual = median(calls.compactMap(\.service)) ?? 120
    let usualBySkill = Dictionary(grouping: calls, by: \.skill).mapValues { median($0.compactMap(\.service)) ?? usual }
    let tasks = calls.map { task($0, usualService: usualBySkill[$0.skill] ?? usual) }
    let date = records.first.flatMap { LocalTime.shortDate(columns.text($0, "date")) } ?? ""
    return ReplayDay(source: .callCentre, date: date, workers: workers(calls), tasks: tasks.stablySorted(), dirt: dirt)
  }

  private struct LeftOut: Error {
    let dirt: ReplayDirt
  }

  private static func call(_ record: CSVRecord, _ columns: Columns) -> Result<Call, LeftOut> {
    let outcome = columns.text(record, "outcome")
    guard
      let menuEnd = LocalTime.clock(columns.text(record, "vru_exit")), let queueStart = LocalTime.clock(columns.text(record, "q_start")),
      let serviceStart = LocalTime.clock(columns.text(record, "ser_start")), let menu = columns.integer(record, "vru_time"),
      let wait = columns.integer(record, "q_time"), let service = columns.integer(record, "ser_time"),
      let priority = columns.integer(record, "priority"), wait >= 0, ["AGENT", "HANG", "PHANTOM"].contains(outcome)
    else { return .failure(LeftOut(dirt: .unreadable)) }
    // The file writes 0:00:00 for "never queued"; nobody was in the queue at midnight with the centre closed.
    let isQueued = queueStart > 0 || wait > 0
    let agent = columns.text(record, "server")
    if outcome == "PHANTOM" { return .failure(LeftOut(dirt: .phantom)) }
    if menu < 0 { return .failure(LeftOut(dirt: .negativeMenuTime)) }
    if outcome == "HANG", !isQueued { return .failure(LeftOut(dirt: .hungUpInMenu)) }
    if outcome == "AGENT", agent == "NO_SERVER" || agent.isEmpty { return .failure(LeftOut(dirt: .noServer)) }
    if outcome == "AGENT", service <= 0 { return .failure(LeftOut(dirt: .noServiceTime)) }
    let isServed = outcome == "AGENT"
    return .success(
      Call(
        id: columns.text(record, "vru+line") + "-" + columns.text(record, "call_id"), skill: columns.text(record, "type"),
        priority: priority,
        arrival: isQueued ? queueStart : menuEnd, wait: isQueued ? wait : 0, service: isServed ? service : nil,
        served: serviceStart..<(serviceStart + max(0, service)), agent: isServed ? agent : nil))
  }

  /// An agent takes a call at once, so accepting costs nothing; one who gives up would have been served as long as others of that kind.
  private static func task(_ call: Call, usualService: Int) -> ReplayTask {
    ReplayTask(
      id: call.id, arrival: call.arrival, skill: call.skill, priority: call.priority, recordedWorker: call.agent, acceptDelay: 0,
      work: call.service ?? usualService, isEstimated: call.service == nil, patience: call.service == nil ? max(1, call.wait) : nil,
      recordedWait: call.wait, outcome: call.service == nil ? .abandoned : .served)
  }

  private static func workers(_ calls: [Call]) -> [ReplayWorker] {
    let served = calls.filter { $0.agent != nil }
    return Dictionary(grouping: served) { $0.agent ?? "" }.map { agent, calls in
      let start = calls.map(\.served.lowerBound).min() ?? 0
      let end = calls.map(\.served.upperBound).max() ?? start
      return ReplayWorker(name: agent, skills: Set(calls.map(\.skill)).sorted(), hasLifeSupport: false, onDuty: start..<end)
    }.sorted { $0.name < $1.name }
  }
}
