import Forms
package import Ports
import Projection
import Resources
package import TaskEvents
package import TaskRouting

/// What the `callouts` topic carries, told apart by its first byte.
enum CalloutTag {
  static let assignment: UInt8 = 1
  static let event: UInt8 = 2
}

/// An event for the workspace's event callback, ready to be sent (taskrouter.md 9.1).
struct EventCallout: DocumentRecord {
  static let documentName = "an event callout"
  var account = Identifier.none
  var url = ""
  /// Events of one thing are sent one after another.
  var order = ""
  var body = ""

  init() {}
  mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&account)
    try c.field(&url)
    try c.field(&order)
    try c.field(&body)
  }
}

/// Makes an event callout of every event that the workspace's filter lets through.
package struct EventCallouts: EventConsumer {
  private let partition: Int

  package init(partition: Int) { self.partition = partition }

  package func wants(_ kind: FactKind, workspace: WorkspaceRecord) -> Bool {
    !workspace.eventCallbackURL.isEmpty && EventCallouts.passes(kind.name, workspace.eventsFilter)
  }

  package func derive(_ event: TaskEvent, workspace: WorkspaceRecord) -> ProjectedRecord? {
    guard wants(event.kind, workspace: workspace) else { return nil }
    var callout = EventCallout()
    callout.account = event.account
    callout.url = workspace.eventCallbackURL
    callout.order = event.task.isNone ? event.resource.sid : SIDKind.task.text(event.task)
    callout.body = FormText.encode(EventCallouts.parameters(event))
    let value = [CalloutTag.event] + callout.encoded()
    return ProjectedRecord(TopicPartition("callouts", partition), NewRecord(key: event.workspace.keyBytes, value: value))
  }

  static func passes(_ name: String, _ filter: String?) -> Bool {
    guard let filter, !filter.allSatisfy({ $0 == " " || $0 == "," }) else { return true }
    return filter.split(separator: ",").contains { $0.drop { $0 == " " }.prefix { $0 != " " } == name }
  }

  /// The common parameters and the blocks, PascalCase, all text (taskrouter.md 9.2).
  static func parameters(_ event: TaskEvent) -> [(String, String)] {
    event.fields.members.map { member in
      (member.name == "eventtype" ? "EventType" : EventFields.pascalCase(member.name), member.value.text)
    }
  }
}
