import Resources
import TaskRouting

/// `Ordering` of a list of tasks: `Attribute:asc|desc`, comma-joined (taskrouter.md 2.8).
struct TaskOrdering: Sendable, Equatable {
  var index = ListIndex.creation
  var ascending = true
  var second: SecondKey?

  /// The order that a query asks for; by creation when it asks for none.
  init(_ text: String?) throws(APIError) {
    guard let text, !text.isEmpty else { return }
    let keys = try TaskOrdering.keys(text)
    let names = keys.map(\.name)
    if names.contains("DateCreated"), names.contains("VirtualStartTime") {
      throw .invalid("Ordering must not combine DateCreated and VirtualStartTime; received '\(Parameters.shown(text))'")
    }
    guard let first = keys.first else { return }
    index = TaskOrdering.index(first.name)
    ascending = first.ascending
    // No two tasks were created at the same place, so nothing is left to a key behind it.
    if index == ListIndex.creation { return }
    if let next = keys.first(where: { $0.name != first.name }) {
      second = SecondKey(index: next.name == "DateCreated" ? nil : TaskOrdering.index(next.name), ascending: next.ascending)
    } else if index == ListIndex.priority {
      // The default order, inside each priority.
      second = SecondKey(index: nil, ascending: true)
    }
  }

  private static func keys(_ text: String) throws(APIError) -> [(name: String, ascending: Bool)] {
    var keys: [(name: String, ascending: Bool)] = []
    for item in text.split(separator: ",") {
      let parts = item.split(separator: ":")
      let name = parts.first.map { $0.trimmed } ?? ""
      let direction = parts.count > 1 ? parts[1].trimmed.lowercased() : "asc"
      guard ["DateCreated", "Priority", "VirtualStartTime"].contains(name), ["asc", "desc"].contains(direction), parts.count <= 2 else {
        throw .invalid(
          "Ordering must be a comma list of DateCreated, Priority or VirtualStartTime with :asc or :desc; received '\(Parameters.shown(text))'"
        )
      }
      keys.append((name, direction == "asc"))
    }
    return keys
  }

  private static func index(_ name: String) -> UInt8 {
    switch name {
    case "Priority": ListIndex.priority
    case "VirtualStartTime": ListIndex.virtualStart
    default: ListIndex.creation
    }
  }
}
