import Accounts
import Journal
import Resources
import TaskEvents
import TaskRouting

/// How `trunkline journal show` calls what stands in a journal: things by the SIDs that clients know, facts with their reasons.
struct JournalWords {
  /// "work" or "account": kinds of documents are numbered per family.
  let family: String

  /// A scope: a workspace, or an account.
  func scope(_ id: Identifier) -> String { (family == "work" ? SIDKind.workspace : .account).text(id) }

  func name(_ kind: UInt8) -> String {
    guard family == "account" else { return Kind.name(kind) }
    switch kind {
    case AccountKind.account: return "account"
    case AccountKind.subaccount: return "subaccount"
    case AccountKind.workspace: return "workspace"
    default: return "document of kind \(kind)"
    }
  }

  /// The SID where clients know the thing by one; otherwise the identifier's digits.
  func sid(_ key: DocumentKey) -> String {
    let kind = family == "work" ? JournalWords.sidKind(key.kind) : key.kind == AccountKind.workspace ? .workspace : .account
    return kind?.text(key.id) ?? key.id.hex
  }

  private static func sidKind(_ kind: UInt8) -> SIDKind? {
    switch kind {
    case Kind.workspace: .workspace
    case Kind.activity: .activity
    case Kind.worker, Kind.workerAttributes: .worker
    case Kind.taskChannel: .taskChannel
    case Kind.taskQueue: .taskQueue
    case Kind.workflow, Kind.workflowConfiguration: .workflow
    case Kind.task, Kind.taskAttributes: .task
    case Kind.reservation: .reservation
    default: nil
    }
  }

  // MARK: Facts

  /// What a fact is about, the first thing first. Identifiers that say nothing are left out.
  func subjects(_ fact: Fact) -> [String] {
    let kinds = JournalWords.kinds(FactKind(rawValue: fact.kind))
    return fact.subjects.enumerated().filter { !$1.isNone }.map { place, id in
      kinds.indices.contains(place) ? kinds[place].text(id) : id.hex
    }
  }

  private static func kinds(_ kind: FactKind?) -> [SIDKind] {
    guard let kind else { return [] }
    switch kind.subject {
    case .workspace: return [.workspace]
    case .activity: return [.activity]
    case .taskChannel: return [.taskChannel]
    case .taskQueue: return [.taskQueue]
    case .workflow: return [.workflow]
    case .worker: return kind == .workerActivityUpdate ? [.worker, .activity, .activity] : [.worker, .taskChannel]
    case .reservation: return [.reservation, .task, .worker, .taskQueue]
    case .task: return [.task, .taskQueue]
    }
  }

  /// A detail of a fact, under the name that it has in events (events.md).
  enum Detail {
    case number(Int64)
    case text(String)
  }

  /// What is remembered beside a fact: of an offer why it was made, of a task's end its reason. Filters are counted from 0; see `filter`.
  func details(_ fact: Fact) -> [(name: String, value: Detail)] {
    guard let kind = FactKind(rawValue: fact.kind), !fact.details.isEmpty else { return [] }
    switch kind.subject {
    case .reservation: return (try? ReservationFactDetails(fieldBytes: fact.details)).map(details) ?? []
    case .task: return (try? TaskFactDetails(fieldBytes: fact.details)).map(details) ?? []
    case .worker where [.workerCapacityUpdate, .workerChannelAvailabilityUpdate].contains(kind):
      return (try? ChannelFactDetails(fieldBytes: fact.details)).map(details) ?? []
    default: return []
    }
  }

  private func details(_ found: ReservationFactDetails) -> [(name: String, value: Detail)] {
    var details: [(name: String, value: Detail)] = []
    if let rule = found.ruleName {
      details += [
        ("routing_rule", .text(rule)), ("routing_candidates", .number(found.candidates)), ("workflow_filter", .number(found.filter)),
        ("workflow_target", .number(found.target)),
      ]
    }
    return details + [
      ("task_status", .text(found.taskStatus.text)), ("task_priority", .number(found.priority)), ("version", .number(found.version)),
    ]
  }

  private func details(_ found: TaskFactDetails) -> [(name: String, value: Detail)] {
    var details: [(name: String, value: Detail)] = [
      ("task_status", .text(found.status.text)), ("task_priority", .number(found.priority)), ("version", .number(found.version)),
    ]
    if let reason = found.reason { details.append(("reason", .text(reason))) }
    return details
  }

  private func details(_ found: ChannelFactDetails) -> [(name: String, value: Detail)] {
    [
      ("capacity", .number(Int64(found.capacity))), ("previous_capacity", .number(Int64(found.previousCapacity))),
      ("tasks", .number(Int64(found.live))),
      ("available", .text(found.isAvailable ? "yes" : "no")),
    ]
  }

  /// The same for people, in one line; empty when there is nothing to say.
  func reason(_ fact: Fact) -> String {
    let details = details(fact)
    func text(_ name: String) -> String? {
      details.first { $0.name == name }.map {
        switch $0.value {
        case .number(let value): String(value)
        case .text(let value): value
        }
      }
    }
    var parts: [String] = []
    if let rule = text("routing_rule") {
      parts.append("by \(rule) among \(text("routing_candidates") ?? "?")")
      parts.append(
        JournalWords.place(
          filter: text("workflow_filter").flatMap { Int($0) } ?? 0, target: text("workflow_target").flatMap { Int($0) } ?? 0))
    }
    if let status = text("task_status") { parts.append("task \(status), priority \(text("task_priority") ?? "?")") }
    if let capacity = text("capacity") {
      parts.append("capacity \(capacity), \(text("tasks") ?? "?") in use, available: \(text("available") ?? "?")")
    }
    if let reason = text("reason") { parts.append("\"\(reason)\"") }
    return parts.joined(separator: "; ")
  }

  /// Where in its workflow a task stands.
  static func place(filter: Int, target: Int) -> String {
    switch filter {
    case Placement.direct: "routed past its workflow"
    case Placement.defaultFilter: "default filter"
    default: "filter \(filter), target \(target)"
    }
  }
}
