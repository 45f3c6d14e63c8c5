import Resources
import TaskEvents

/// Where a reader of a workspace's events has come to: the sequence, and a place in the topic from which on later ones are found. Opaque to clients.
struct EventCursor: Sendable {
  var sequence: UInt64
  var hint: Int64

  init(sequence: UInt64, hint: Int64) {
    self.sequence = sequence
    self.hint = hint
  }

  var text: String { Identifier(high: sequence ^ 0x5452_554E_4B4C_494E, low: UInt64(bitPattern: hint)).hex }

  init?(_ text: String) {
    guard text.utf8.count == 32, let id = Identifier(hex: text.utf8) else { return nil }
    let sequence = id.high ^ 0x5452_554E_4B4C_494E
    guard sequence < 1 << 53, let hint = Int64(exactly: id.low) else { return nil }
    self.init(sequence: sequence, hint: hint)
  }
}

/// Reading and framing events without parsing them.
enum EventBytes {
  static func contains(_ json: [UInt8], _ mark: [UInt8]) -> Bool { TaskEvent.place(of: mark, in: json) != nil }

  /// One event of a stream: unnamed, so that `onmessage` sees it; the JSON is one line already.
  static func frame(_ json: [UInt8], _ cursor: EventCursor, into out: inout [UInt8]) {
    out.append(contentsOf: "id: ".utf8)
    out.append(contentsOf: cursor.text.utf8)
    out.append(contentsOf: "\ndata: ".utf8)
    out.append(contentsOf: json)
    out.append(contentsOf: "\n\n".utf8)
  }
}
