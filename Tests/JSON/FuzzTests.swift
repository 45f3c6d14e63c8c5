import JSON
import Resources
import Testing

/// A plain tree, made first and written second, so that reading has something to be compared with.
indirect enum Plain: Equatable {
  case null
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case string(String)
  case array([Plain])
  case object([(String, Plain)])

  static func == (a: Plain, b: Plain) -> Bool { String(describing: a) == String(describing: b) }

  static func random(_ random: inout SeededGenerator, depth: Int) -> Plain {
    switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &random) {
    case 0: return .null
    case 1: return .bool(Bool.random(using: &random))
    case 2: return .int(Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0..<64, using: &random))
    case 3: return .double(Double(Int64.random(in: -1000...1000, using: &random)) / 64 + 0.001)
    case 4: return .string(text(&random))
    case 5, 6: return .array((0..<Int.random(in: 0..<6, using: &random)).map { _ in .random(&random, depth: depth - 1) })
    default:
      return .object(
        (0..<Int.random(in: 0..<40, using: &random)).map { place in (text(&random) + "\(place)", .random(&random, depth: depth - 2)) })
    }
  }

  static func text(_ random: inout SeededGenerator) -> String {
    let letters: [Character] = ["a", "b", "\"", "\\", "\n", "é", "😀", "\u{1}", "/", " "]
    return String((0..<Int.random(in: 0..<20, using: &random)).map { _ in letters.randomElement(using: &random)! })
  }

  func write(_ writer: inout JSONWriter) {
    switch self {
    case .null: writer.null()
    case .bool(let value): writer.bool(value)
    case .int(let value): writer.int(value)
    case .double(let value): writer.double(value)
    case .string(let value): writer.string(value)
    case .array(let values):
      writer.beginArray()
      for value in values { value.write(&writer) }
      writer.endArray()
    case .object(let pairs):
      writer.beginObject()
      for (key, value) in pairs {
        writer.key(key)
        value.write(&writer)
      }
      writer.endObject()
    }
  }

  init(_ value: JSONValue) {
    switch value.kind {
    case .null: self = .null
    case .bool: self = .bool(value.bool!)
    case .integer: self = .int(value.integer!)
    case .unsigned: self = .null
    case .double: self = .double(value.double!)
    case .string: self = .string(value.string!)
    case .array: self = .array(value.elements.map(Plain.init))
    case .object: self = .object(value.pairs.map { ($0.key.string, Plain($0.value)) })
    }
  }
}

@Suite struct JSONFuzz {
  @Test func whatIsWrittenIsReadBack() throws {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<500 {
      let plain = Plain.random(&random, depth: 5)
      var writer = JSONWriter()
      plain.write(&writer)
      #expect(Plain(try JSONDocument(parsing: writer.bytes).root) == plain)
    }
  }

  /// A text that the fast reader refuses is refused at some place by the scanner too, whatever was done to it.
  @Test func brokenTextsHaveAPosition() throws {
    var random = SeededGenerator(seed: 2)
    let alphabet = Array("{}[]:,\"\\ntrue0123456789.eE+- \u{e9}u".utf8) + [0xff, 0x00, 0x80]
    var refused = 0
    for _ in 0..<5000 {
      var writer = JSONWriter()
      Plain.random(&random, depth: 3).write(&writer)
      var bytes = writer.bytes
      for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes.remove(at: place)
        case 1: bytes.insert(alphabet.randomElement(using: &random)!, at: place)
        default: bytes[place] = alphabet.randomElement(using: &random)!
        }
      }
      guard let error = failure(bytes) else { continue }
      refused += 1
      if case .refused = error.reason { Issue.record("no position: \(error) in \(bytes)") }
      #expect(error.offset <= bytes.count)
    }
    #expect(refused > 1000)
  }
}
