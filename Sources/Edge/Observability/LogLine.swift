/// One piece of metadata.
struct LogField: Sendable {
  let key: String
  let value: String

  /// `inherited`, then `added`; a key given again keeps its place and takes the new value, so that no JSON key comes twice.
  static func merge(_ inherited: [LogField], _ added: KeyValuePairs<String, String>) -> [LogField] {
    var fields = inherited
    for (key, value) in added {
      let field = LogField(key: key, value: value)
      if let place = fields.firstIndex(where: { $0.key == key }) { fields[place] = field } else { fields.append(field) }
    }
    return fields
  }
}

/// Turns a fact into its line.
enum LogLine {
  private static let ownKeys: Set<String> = ["time", "level", "message"]

  static func render(_ format: Logger.Format, time: Int64, level: Logger.Level, message: String, fields: [LogField]) -> String {
    var line = ""
    line.reserveCapacity(96 + fields.count * 32)
    switch format {
    case .text: text(&line, time, level, message, fields)
    case .json: json(&line, time, level, message, fields)
    }
    line += "\n"
    return line
  }

  private static func text(_ line: inout String, _ time: Int64, _ level: Logger.Level, _ message: String, _ fields: [LogField]) {
    line += Timestamp.text(time)
    line += " "
    line += level.name.uppercased()
    line += String(repeating: " ", count: max(1, 8 - level.name.utf8.count))
    line += message
    for field in fields {
      line += " "
      line += field.key
      line += "="
      // A value from outside must not look like a second field or a second line.
      if needsQuotes(field.value) { Quoting.append(field.value, to: &line) } else { line += field.value }
    }
  }

  private static func json(_ line: inout String, _ time: Int64, _ level: Logger.Level, _ message: String, _ fields: [LogField]) {
    line += "{\"time\":\""
    line += Timestamp.text(time)
    line += "\",\"level\":\""
    line += level.name
    line += "\",\"message\":"
    Quoting.append(message, to: &line)
    for field in fields {
      line += ","
      Quoting.append(ownKeys.contains(field.key) ? field.key + "_" : field.key, to: &line)
      line += ":"
      Quoting.append(field.value, to: &line)
    }
    line += "}"
  }

  private static func needsQuotes(_ value: String) -> Bool {
    if value.isEmpty { return true }
    // U+0080…U+009F are control characters too (C2 80…C2 9F); terminals obey some of them.
    return value.unicodeScalars.contains { scalar in
      scalar.value <= 0x20 || scalar == "\"" || scalar == "=" || scalar == "\\" || (0x7F...0x9F).contains(scalar.value)
        || scalar.value == 0x2028 || scalar.value == 0x2029
    }
  }
}

/// JSON strings (RFC 8259 section 7), also used for quoted values in text.
enum Quoting {
  static func append(_ value: String, to line: inout String) {
    line += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": line += "\\\""
      case "\\": line += "\\\\"
      case "\n": line += "\\n"
      case "\r": line += "\\r"
      case "\t": line += "\\t"
      default:
        if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.value == 0x2028 || scalar.value == 0x2029 {
          let digits = String(scalar.value, radix: 16)
          line += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
        } else {
          line.unicodeScalars.append(scalar)
        }
      }
    }
    line += "\""
  }
}
