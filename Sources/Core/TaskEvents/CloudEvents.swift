import JSON
import Resources
import TaskRouting

/// The wire form of an event: a CloudEvent 1.0 in JSON format (eventing-presence.md 1.8, 2.2).
extension TaskEvent {
  package static let typePrefix = "com.twilio.taskrouter."

  package var type: String { EventNames.of(kind).type }

  /// What the bytes of `cloudEvent()` begin with for events of a kind, and no others.
  static func head(of kind: FactKind) -> [UInt8] { Array(#"{"specversion":"1.0","type":"\#(EventNames.of(kind).type)""#.utf8) }
  package static let workspaceDeletedHead = head(of: .workspaceDeleted)
  package static let workerDeletedHead = head(of: .workerDeleted)

  /// Path of the thing that it happened to.
  package var source: String {
    let base = "/v1/Workspaces/\(SIDKind.workspace.text(workspace))"
    return resource.path.isEmpty ? base : base + resource.path + resource.sid
  }

  /// One line of JSON. `data` starts with the sequence, so that a reader who only orders need not parse the rest.
  package func cloudEvent() -> [UInt8] {
    let names = EventNames.of(kind)
    var json = JSONWriter(capacity: 2048)
    json.beginObject()
    json.member("specversion", "1.0")
    json.member("type", names.type)
    json.member("source", source)
    json.sid("id", .cloudEvent, identifier)
    json.member("dataschema", "https://events-schemas.twilio.com/TaskRouter.WDSEvent/4")
    json.member("datacontenttype", "application/json")
    json.key("time")
    json.plain { Dates.appendISO8601Milliseconds(at, to: &$0) }
    json.key("data")
    writeData(&json, names)
    json.endObject()
    return json.bytes
  }

  private static let sequenceMark = Array(#""data":{"sequence":"#.utf8)

  /// The number in the bytes of `cloudEvent()`, found without parsing them.
  package static func sequence(of json: [UInt8]) -> UInt64? {
    guard let start = place(of: sequenceMark, in: json) else { return nil }
    var value: UInt64 = 0
    var at = start + sequenceMark.count
    while at < json.count, (48...57).contains(json[at]) {
      value = value &* 10 &+ UInt64(json[at] - 48)
      at += 1
    }
    return value
  }

  /// Where `mark` stands first.
  package static func place(of mark: [UInt8], in json: [UInt8]) -> Int? {
    guard !mark.isEmpty, json.count >= mark.count else { return nil }
    return json.withUnsafeBufferPointer { hay in
      mark.withUnsafeBufferPointer { needle in
        var at = 0
        let last = hay.count - needle.count
        while at <= last {
          if hay[at] == needle[0] {
            var place = 1
            while place < needle.count, hay[at + place] == needle[place] { place += 1 }
            if place == needle.count { return at }
          }
          at += 1
        }
        return nil
      }
    }
  }

  private static let metadataMark = Array(#""publisher_metadata":""#.utf8)

  /// JSON in a string: whom the event concerns beside those in its payload.
  private var metadata: String {
    concerned.isEmpty ? "{}" : "{\"worker_sids\":[\(concerned.map { "\"\(SIDKind.worker.text($0))\"" }.joined(separator: ","))]}"
  }

  /// Whether the metadata in the bytes of `cloudEvent()` name a worker, found without parsing them. Quotes inside strings are escaped, so nothing else looks like it.
  package static func concerns(_ sid: [UInt8], _ json: [UInt8]) -> Bool {
    guard let mark = place(of: metadataMark, in: json) else { return false }
    let start = mark + metadataMark.count
    guard json.count > start + 2, json[start + 1] == UInt8(ascii: "\\"), let end = json[start...].firstIndex(of: UInt8(ascii: "]")) else {
      return false
    }
    return place(of: sid, in: Array(json[start..<end])) != nil
  }

  private func writeData(_ json: inout JSONWriter, _ names: EventNames) {
    json.beginObject()
    json.key("sequence")
    json.int(Int64(clamping: sequence))
    json.sid("sid", .event, identifier)
    json.member("name", names.pascalCase)
    json.sid("account_sid", .account, account)
    json.member("account_friendly_name", "")
    json.sid("parent_account_sid", .account, account)
    json.member("parent_friendly_name", "")
    json.key("timestamp")
    json.plain { Dates.appendISO8601Milliseconds(at, to: &$0) }
    json.member("level", "INFO")
    json.member("group", resource.type)
    json.member("product_name", "TaskRouter")
    json.member("publisher", workspaceName)
    json.member("publisher_metadata", metadata)
    json.member("payload_type", "application/json")
    json.key("payload")
    json.beginObject()
    for member in fields.members {
      json.key(member.name)
      switch member.value {
      case .text(let text): json.string(text)
      case .number(let number): json.int(number)
      case .flag(let flag): json.bool(flag)
      case .sid(let kind, let id): json.plain { kind.append(id, to: &$0) }
      }
    }
    json.endObject()
    json.endObject()
  }
}

/// The names of a kind of event, made once.
struct EventNames: Sendable {
  let type: String
  let pascalCase: String

  private init(_ kind: FactKind) {
    type = TaskEvent.typePrefix + kind.name
    pascalCase = EventFields.pascalCase(kind.name.replacing(["." as Character, "-"]))
  }

  private static let all: [EventNames?] = (0...UInt8.max).map { raw in FactKind(rawValue: raw).map { EventNames($0) } }

  static func of(_ kind: FactKind) -> EventNames { all[Int(kind.rawValue)] ?? EventNames(kind) }
}

extension JSONWriter {
  fileprivate mutating func member(_ name: String, _ value: String) {
    key(name)
    string(value)
  }
  fileprivate mutating func sid(_ name: String, _ kind: SIDKind, _ id: Identifier) {
    key(name)
    plain { kind.append(id, to: &$0) }
  }
}

extension String {
  /// Every one of these characters becomes an underscore.
  fileprivate func replacing(_ characters: Set<Character>) -> String { String(map { characters.contains($0) ? "_" : $0 }) }
}
