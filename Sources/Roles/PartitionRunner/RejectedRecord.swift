import JSON
import Machines
import Ports
import Resources

/// What `rejects` keeps of a record that could not be processed: JSON, for whoever looks after it. The value as text where it is text, else in hexadecimal digits.
/// Of a large one the beginning and its size: whole it might be larger than a record may be, and then hold up its partition for ever. All of it stays where it came from.
enum RejectedRecord {
  /// `most` bytes of key and of value are kept. Escaped they take six times as much at most.
  static func encode(_ record: LogRecord, _ source: TopicPartition, _ reason: String, most: Int) -> [UInt8] {
    var json = JSONWriter(capacity: 256 + min(most, record.value?.count ?? 0) * 2)
    begin(source, record.offset, reason, &json)
    write("key", record.key, most, &json)
    write("value", record.value, most, &json)
    json.endObject()
    return json.bytes
  }

  /// A timer that is removed, or a long command that is given up: no record asked for it, so its journal and what it was about are told, and no offset.
  static func encode(_ errand: Errand, _ journal: TopicPartition, _ reason: String) -> [UInt8] {
    var json = JSONWriter(capacity: 512)
    begin(journal, -1, reason, &json)
    json.key("scope")
    json.string(errand.scope.hex)
    json.key("document")
    json.string(errand.document.id.hex)
    json.key("at")
    json.int(errand.at)
    json.endObject()
    return json.bytes
  }

  private static func begin(_ source: TopicPartition, _ offset: Int64, _ reason: String, _ json: inout JSONWriter) {
    json.beginObject()
    json.key("topic")
    json.string(source.topic)
    json.key("partition")
    json.int(source.partition)
    json.key("offset")
    json.int(offset)
    json.key("reason")
    json.string(reason)
  }

  private static func write(_ name: String, _ bytes: [UInt8]?, _ most: Int, _ json: inout JSONWriter) {
    guard let bytes else {
      json.key(name)
      return json.null()
    }
    if bytes.count > most {
      json.key(name + "_bytes")
      json.int(bytes.count)
    }
    // Cut between two characters, so that text stays text.
    var end = min(bytes.count, most)
    while end < bytes.count, end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
    let kept = bytes[..<end]
    if let text = String(validating: kept, as: UTF8.self) {
      json.key(name)
      json.string(text)
    } else {
      json.key(name + "_hex")
      json.string(hex(bytes.prefix(most)))
    }
  }

  private static func hex(_ bytes: ArraySlice<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
