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
  /// The number behind the mark that the projector writes.
  static func sequence(of json: [UInt8]) -> UInt64? {
    guard let start = find(TaskEvent.sequenceMark, in: json) else { return nil }
    var value: UInt64 = 0
    var at = start + TaskEvent.sequenceMark.count
    while at < json.count, (48...57).contains(json[at]) {
      value = value &* 10 &+ UInt64(json[at] - 48)
      at += 1
    }
    return value
  }

  static func contains(_ json: [UInt8], _ mark: [UInt8]) -> Bool { find(mark, in: json) != nil }

  private static func find(_ mark: [UInt8], in json: [UInt8]) -> Int? {
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

  /// One event of a stream: unnamed, so that `onmessage` sees it; the JSON is one line already.
  static func frame(_ json: [UInt8], _ cursor: EventCursor, into out: inout [UInt8]) {
    out.append(contentsOf: "id: ".utf8)
    out.append(contentsOf: cursor.text.utf8)
    out.append(contentsOf: "\ndata: ".utf8)
    out.append(contentsOf: json)
    out.append(contentsOf: "\n\n".utf8)
  }
}
