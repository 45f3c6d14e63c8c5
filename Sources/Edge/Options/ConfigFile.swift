/// A configuration file: `key = value` or `key: value` lines, whichever sign comes first; lines that start with `#` and empty ones are skipped. A value may stand in double quotes,
/// which are dropped. A `#` within a value belongs to it.
enum ConfigFile {
  /// - Parameters:
  ///   - specs: options of the running command.
  ///   - known: names that any command of the program knows; others are mistakes. One file serves all commands.
  static func read(
    _ text: String, path: String, specs: [OptionSpec], known: Set<String>
  ) throws(OptionError) -> [String: Options.Setting] {
    var settings: [String: Options.Setting] = [:]
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
    for (place, raw) in lines.enumerated() {
      let number = place + 1
      let line = trim(raw)
      guard let first = line.first, first != "#" else { continue }
      guard let sign = line.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
        throw .badLine(path: path, line: number, rule: "must be 'key = value' or 'key: value', received a line without '=' and ':'")
      }
      let key = String(trim(line[..<sign]))
      let value = unquote(trim(line[line.index(after: sign)...]))
      guard known.contains(key) else {
        throw .unknownKey(path: path, line: number, key: key, nearest: Nearest.name(to: key, in: known.sorted()))
      }
      guard let spec = specs.first(where: { $0.name == key && $0.isConfiguration }) else { continue }
      if settings[key] == nil {
        settings[key] = Options.Setting(values: [value], source: .file(path: path, line: number))
      } else if spec.isRepeated {
        settings[key]?.values.append(value)
      } else {
        throw .givenTwice(option: key, source: "file \(path):\(number)")
      }
    }
    return settings
  }

  private static func trim(_ text: Substring) -> Substring {
    var text = text.drop { $0.isWhitespace || $0 == "\u{FEFF}" }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }

  private static func unquote(_ text: Substring) -> String {
    guard text.count >= 2, text.first == "\"", text.last == "\"" else { return String(text) }
    return String(text.dropFirst().dropLast())
  }
}
