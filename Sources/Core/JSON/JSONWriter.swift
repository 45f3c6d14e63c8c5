/// Writes JSON into bytes, value after value; it puts the commas. Whoever calls it keeps begin and end in balance and puts a key before each value of an object.
package struct JSONWriter: Sendable {
  package private(set) var bytes: [UInt8]
  private var needsComma = false

  /// - Parameter capacity: bytes expected, to spare growing.
  package init(capacity: Int = 256) {
    bytes = []
    bytes.reserveCapacity(capacity)
  }

  package mutating func beginObject() { open(0x7b) }
  package mutating func endObject() { close(0x7d) }
  package mutating func beginArray() { open(0x5b) }
  package mutating func endArray() { close(0x5d) }

  package mutating func key(_ name: String) {
    comma()
    quote(name)
    bytes.append(0x3a)
    needsComma = false
  }

  package mutating func string(_ value: String) {
    comma()
    quote(value)
  }

  package mutating func int(_ value: some BinaryInteger) {
    comma()
    append(value.description)
  }

  /// The shortest form that reads back as the same number; JSON has no infinities and no NaN, which become `null`.
  package mutating func double(_ value: Double) {
    comma()
    append(value.isFinite ? value.description : "null")
  }

  package mutating func bool(_ value: Bool) {
    comma()
    append(value ? "true" : "false")
  }

  package mutating func null() {
    comma()
    append("null")
  }

  /// A value that is JSON already, such as attributes kept as they came. Not checked.
  package mutating func raw(_ json: some Collection<UInt8>) {
    comma()
    bytes.append(contentsOf: json)
  }

  /// A text that nothing has to be escaped in, such as a SID or a date, put behind the bytes by `write`. Not checked.
  package mutating func plain(_ write: (inout [UInt8]) -> Void) {
    comma()
    bytes.append(0x22)
    write(&bytes)
    bytes.append(0x22)
  }

  /// What stands between the quotes for a text: for `plain`, where the same text is written often.
  package static func escaped(_ text: String) -> [UInt8] {
    var writer = JSONWriter(capacity: text.utf8.count + 2)
    writer.quote(text)
    return Array(writer.bytes.dropFirst().dropLast())
  }

  /// Forgets what was written, keeps the memory.
  package mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    needsComma = false
  }

  private mutating func comma() {
    if needsComma { bytes.append(0x2c) }
    needsComma = true
  }

  private mutating func open(_ bracket: UInt8) {
    comma()
    bytes.append(bracket)
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }

  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  private mutating func quote(_ text: String) {
    bytes.append(0x22)
    var text = text
    text.withUTF8 { run in
      // Nearly all texts have nothing to escape: one look, one copy.
      guard !Self.isPlain(run) else { return bytes.append(contentsOf: run) }
      var start = 0
      for place in 0..<run.count where Self.needsEscape(run[place]) {
        bytes.append(contentsOf: run[start..<place])
        escape(run[place])
        start = place + 1
      }
      bytes.append(contentsOf: run[start...])
    }
    bytes.append(0x22)
  }

  /// Eight bytes at a look. `(word - n) & ~word` has the high bit of a byte set where that byte is below n, for n up to 128, and perhaps of others behind one that is.
  private static func isPlain(_ run: UnsafeBufferPointer<UInt8>) -> Bool {
    let raw = UnsafeRawBufferPointer(run)
    var at = 0
    while at + 8 <= raw.count {
      let word = raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      let quotes = word ^ 0x2222_2222_2222_2222
      let backslashes = word ^ 0x5c5c_5c5c_5c5c_5c5c
      let ones: UInt64 = 0x0101_0101_0101_0101
      let found = (word &- ones &* 0x20) & ~word | (quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes
      if found & (ones &* 0x80) != 0 { return false }
      at += 8
    }
    while at < raw.count {
      if needsEscape(raw[at]) { return false }
      at += 1
    }
    return true
  }

  private static func needsEscape(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x22 || byte == 0x5c }

  private mutating func escape(_ byte: UInt8) {
    bytes.append(0x5c)
    switch byte {
    case 0x22, 0x5c: bytes.append(byte)
    case 0x08: bytes.append(0x62)
    case 0x09: bytes.append(0x74)
    case 0x0a: bytes.append(0x6e)
    case 0x0c: bytes.append(0x66)
    case 0x0d: bytes.append(0x72)
    default:
      append(byte < 16 ? "u000" : "u00")
      append(String(byte, radix: 16))
    }
  }
}
