import JSON
package import Resources

/// What is wrong with a work item, naming the member and the rule.
package struct WorkItemError: Error, Sendable, Hashable {
  package var message: String

  package init(_ message: String) { self.message = message }
}

/// A work item as JSON, the way it comes in bulk: a line of an import, or a record of `work.bulk` that another system published.
///
///     {"workflow_sid"?, "task_channel"?, "priority"?, "timeout"?, "attributes": {…}}, and published: "workspace_sid"
package enum WorkItem {
  /// The request to create it, and the workspace if it names one (`isPublished`: it must; else it must not).
  package static func request(_ bytes: [UInt8], isPublished: Bool = false) throws(WorkItemError) -> (
    workspace: Identifier?, request: Request
  ) {
    let document: JSONDocument
    do throws(JSONError) { document = try JSONDocument(parsing: bytes) } catch { throw WorkItemError("not JSON: \(error)") }
    guard document.isObject else { throw WorkItemError(isPublished ? "the value must be a JSON object" : "a line must be a JSON object") }
    var request = Request(.createTask)
    var workspace: Identifier?
    for (key, value) in document.root.pairs {
      switch key.string {
      case "workflow_sid" where value.isNull, "task_channel" where value.isNull, "priority" where value.isNull,
        "timeout" where value.isNull:
        continue
      case "workspace_sid" where isPublished:
        guard let text = value.string, let id = SIDKind.workspace.parse(text) else {
          throw WorkItemError("workspace_sid must be WS followed by 32 hexadecimal digits")
        }
        workspace = id
      case "workflow_sid": request.arguments[.workflow] = try workflow(value.string)
      case "task_channel": request.arguments[.taskChannel] = try channel(value.string)
      case "priority": request.arguments[.priority] = try priority(value.integer)
      case "timeout": request.arguments[.timeout] = try timeout(value.integer)
      case "attributes": request.arguments[.attributes] = .bytes(try attributes(value, bytes.count))
      case let other:
        let known = "workflow_sid, task_channel, priority, timeout and attributes\(isPublished ? ", with workspace_sid," : "")"
        throw WorkItemError("unknown key '\(other.prefix(100))': \(known) are known")
      }
    }
    guard request.arguments[.attributes] != nil else { throw WorkItemError("attributes is missing") }
    guard workspace != nil || !isPublished else { throw WorkItemError("workspace_sid is missing") }
    return (workspace, request)
  }

  private static func attributes(_ value: JSONValue, _ capacity: Int) throws(WorkItemError) -> [UInt8] {
    guard value.kind == .object else { throw WorkItemError("attributes must be a JSON object") }
    var json = JSONWriter(capacity: capacity)
    json.write(value)
    guard json.bytes.count <= 4096 else {
      throw WorkItemError("attributes must have at most 4096 characters; received \(json.bytes.count)")
    }
    return json.bytes
  }

  package static func workflow(_ text: String?) throws(WorkItemError) -> Argument {
    guard let text, let id = SIDKind.workflow.parse(text) else {
      throw WorkItemError("workflow_sid must be WW followed by 32 hexadecimal digits")
    }
    return .identifier(id)
  }

  package static func channel(_ text: String?) throws(WorkItemError) -> Argument {
    guard let text, !text.isEmpty, text.count <= 64 else {
      throw WorkItemError("task_channel must be the unique name or SID of a task channel")
    }
    return .text(text)
  }

  package static func priority(_ value: Int64?) throws(WorkItemError) -> Argument { try integer("priority", value, 0...2_147_483_647) }

  package static func timeout(_ value: Int64?) throws(WorkItemError) -> Argument { try integer("timeout", value, 1...1_209_600) }

  private static func integer(_ name: String, _ value: Int64?, _ range: ClosedRange<Int64>) throws(WorkItemError) -> Argument {
    guard let value, range.contains(value) else {
      throw WorkItemError("\(name) must be an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return .integer(value)
  }
}
