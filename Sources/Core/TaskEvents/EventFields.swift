import Journal
package import Resources
import TaskRouting

/// A value of an event's payload.
package enum EventValue: Sendable, Equatable {
  case text(String)
  case number(Int64)
  case flag(Bool)
  case sid(SIDKind, Identifier)

  /// As a form parameter or an old-style `event_data` member has it: always text.
  package var text: String {
    switch self {
    case .text(let text): text
    case .number(let number): String(number)
    case .flag(let flag): flag ? "true" : "false"
    case .sid(let kind, let id): kind.text(id)
    }
  }
}

/// The payload of one event: the blocks of taskrouter.md 9.4 in snake_case, in a fixed order.
package struct EventFields: Sendable {
  package private(set) var members: [(name: String, value: EventValue)] = []

  package init() { members.reserveCapacity(48) }

  package mutating func add(_ name: String, _ text: String) { members.append((name, .text(text))) }
  package mutating func add(_ name: String, _ number: Int64) { members.append((name, .number(number))) }
  package mutating func add(_ name: String, _ flag: Bool) { members.append((name, .flag(flag))) }

  package mutating func add(_ name: String, _ kind: SIDKind, _ id: Identifier) { members.append((name, .sid(kind, id))) }

  package subscript(_ name: String) -> EventValue? { members.first { $0.name == name }?.value }

  /// `task_queue_sid` → `TaskQueueSid`: how webhooks call it (taskrouter.md 9.2).
  package static func pascalCase(_ name: String) -> String {
    var out = ""
    out.reserveCapacity(name.utf8.count)
    var upper = true
    for character in name {
      if character == "_" {
        upper = true
      } else {
        out += upper ? String(character).uppercased() : String(character)
        upper = false
      }
    }
    return out
  }
}

/// Finds a document of the event's workspace as the fold has it at that moment.
package typealias DocumentLookup = (DocumentKey) -> [UInt8]?
