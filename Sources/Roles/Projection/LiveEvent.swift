import Journal
package import Resources

/// An event on its way to those who listen now.
package struct LiveEvent: Sendable {
  package var workspace: Identifier
  package var sequence: UInt64
  /// Whom it is about, `none` for nobody; nil where only the JSON tells.
  package var worker: Identifier?
  package var json: [UInt8]

  package init(workspace: Identifier, sequence: UInt64, worker: Identifier?, json: [UInt8]) {
    self.workspace = workspace
    self.sequence = sequence
    self.worker = worker
    self.json = json
  }

  /// The bus channel of one partition's events.
  package static func channel(_ partition: Int) -> String { "events/\(partition)" }

  /// As they travel between nodes.
  package static func encode(_ events: [LiveEvent]) -> [UInt8] {
    var out = ByteWriter(capacity: events.reduce(16) { $0 + $1.json.count + 48 })
    out.count(events.count)
    for event in events {
      out.identifier(event.workspace)
      out.unsigned(event.sequence)
      out.identifier(event.worker ?? .none)
      out.blob(event.json)
    }
    return out.bytes
  }

  package static func decode(_ bytes: [UInt8]) throws(DecodingFailure) -> [LiveEvent] {
    var reader = ByteReader(bytes)
    var events: [LiveEvent] = []
    for _ in 0..<(try reader.count()) {
      events.append(
        LiveEvent(
          workspace: try reader.identifier(), sequence: try reader.unsigned(), worker: try reader.identifier(), json: try reader.blob()))
    }
    return events
  }
}
