import JSON
import Ports

/// What `rejects` keeps of a record that could not be processed: JSON, for whoever looks after it. The value as text where it is text, else in hexadecimal digits.
enum RejectedRecord {
  static func encode(_ record: LogRecord, _ source: TopicPartition, _ reason: String) -> [UInt8] {
    var json = JSONWriter(capacity: 256 + (record.value?.count ?? 0) * 2)
    json.beginObject()
    json.key("topic")
    json.string(source.topic)
    json.key("partition")
    json.int(source.partition)
    json.key("offset")
    json.int(record.offset)
    json.key("reason")
    json.string(reason)
    write("key", record.key, &json)
    write("value", record.value, &json)
    json.endObject()
    return json.bytes
  }

  private static func write(_ name: String, _ bytes: [UInt8]?, _ json: inout JSONWriter) {
    if let bytes, String(validating: bytes, as: UTF8.self) == nil {
      json.key(name + "_hex")
      json.string(hex(bytes))
      return
    }
    json.key(name)
    if let bytes { json.string(String(decoding: bytes, as: UTF8.self)) } else { json.null() }
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
