import JSON
import Resources
import TaskRouting

/// The wire form of an event: a CloudEvent 1.0 in JSON format (eventing-presence.md 1.8, 2.2).
extension TaskEvent {
  package static let typePrefix = "com.twilio.taskrouter."

  package var type: String { TaskEvent.typePrefix + kind.name }

  /// Path of the thing that it happened to.
  package var source: String {
    let base = "/v1/Workspaces/\(SIDKind.workspace.text(workspace))"
    return resource.path.isEmpty ? base : base + resource.path + resource.sid
  }

  /// One line of JSON. `data` starts with the sequence, so that a reader who only orders need not parse the rest.
  package func cloudEvent() -> [UInt8] {
    var json = JSONWriter(capacity: 2048)
    json.beginObject()
    json.key("specversion")
    json.string("1.0")
    json.key("type")
    json.string(type)
    json.key("source")
    json.string(source)
    json.key("id")
    json.string(SIDKind.cloudEvent.text(identifier))
    json.key("dataschema")
    json.string("https://events-schemas.twilio.com/TaskRouter.WDSEvent/4")
    json.key("datacontenttype")
    json.string("application/json")
    json.key("time")
    json.string(Dates.iso8601Milliseconds(at))
    json.key("data")
    writeData(&json)
    json.endObject()
    return json.bytes
  }

  /// How the sequence is found in the bytes of `cloudEvent()`.
  package static let sequenceMark = Array(#""data":{"sequence":"#.utf8)

  private func writeData(_ json: inout JSONWriter) {
    json.beginObject()
    json.key("sequence")
    json.int(Int64(clamping: sequence))
    let account = SIDKind.account.text(account)
    for (name, value) in [
      ("sid", sid), ("name", EventFields.pascalCase(kind.name.replacing(["." as Character, "-"]))), ("account_sid", account),
      ("account_friendly_name", ""), ("parent_account_sid", account), ("parent_friendly_name", ""),
      ("timestamp", Dates.iso8601Milliseconds(at)), ("level", "INFO"), ("group", resource.type), ("product_name", "TaskRouter"),
      ("publisher", workspaceName), ("publisher_metadata", "{}"), ("payload_type", "application/json"),
    ] {
      json.key(name)
      json.string(value)
    }
    json.key("payload")
    json.beginObject()
    for member in fields.members {
      json.key(member.name)
      switch member.value {
      case .text(let text): json.string(text)
      case .number(let number): json.int(number)
      case .flag(let flag): json.bool(flag)
      }
    }
    json.endObject()
    json.endObject()
  }
}

extension String {
  /// Every one of these characters becomes an underscore.
  fileprivate func replacing(_ characters: Set<Character>) -> String { String(map { characters.contains($0) ? "_" : $0 }) }
}
