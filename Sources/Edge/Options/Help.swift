/// The help of a command, made from the same table as everything else.
enum Help {
  /// - Parameter path: the commands from the root to the one that is explained.
  static func text(_ path: [CommandSpec], prefix: String) -> String {
    guard let command = path.last else { return "" }
    let name = path.map(\.name).joined(separator: " ")
    var sections = [command.help, usage(name, command, hasOptions: path.contains { !$0.options.isEmpty })]
    if !command.discussion.isEmpty { sections.append(command.discussion) }
    let arguments = command.positionals.map { ("<\($0.name)>", $0.help) }
    sections += section("ARGUMENTS", arguments)
    sections += section("COMMANDS", command.subcommands.map { ($0.name, $0.help) })
    let options = path.reversed().flatMap(\.options).map { (flag($0), explanation($0, prefix)) }
    sections += section("OPTIONS", options + [("-h, --help", "Show this help.")])
    if !command.subcommands.isEmpty { sections.append("'\(name) help <command>' explains one of them.") }
    return sections.joined(separator: "\n\n") + "\n"
  }

  private static func usage(_ name: String, _ command: CommandSpec, hasOptions: Bool) -> String {
    var line = "USAGE: " + name
    if hasOptions { line += " [options]" }
    if !command.subcommands.isEmpty { line += " <command>" }
    for positional in command.positionals {
      let shown = "<\(positional.name)>" + (positional.isRepeated ? "..." : "")
      line += positional.isRequired ? " " + shown : " [\(shown)]"
    }
    return line
  }

  private static func flag(_ spec: OptionSpec) -> String {
    let letter = spec.short.map { "-\($0), " } ?? ""
    return letter + "--" + spec.name + (spec.isFlag ? "" : " " + spec.placeholder)
  }

  private static func explanation(_ spec: OptionSpec, _ prefix: String) -> String {
    var notes: [String] = []
    if let value = spec.defaultValue, !value.isEmpty, !(spec.isFlag && value == "false") { notes.append("default: " + spec.shown(value)) }
    if spec.isRepeated { notes.append("repeatable") }
    if spec.isConfiguration { notes.append("env: " + spec.environmentName(prefix: prefix)) }
    return spec.help + (notes.isEmpty ? "" : " (" + notes.joined(separator: "; ") + ")")
  }

  private static func section(_ title: String, _ rows: [(String, String)]) -> [String] {
    guard !rows.isEmpty else { return [] }
    let column = min(28, (rows.map(\.0.count).max() ?? 0) + 2)
    var lines = [title + ":"]
    for (left, right) in rows {
      let words = wrap(right, width: 100 - column)
      let indent = String(repeating: " ", count: column + 2)
      if left.count + 2 > column {
        lines.append("  " + left)
        lines += words.map { indent + $0 }
      } else {
        lines.append("  " + left + String(repeating: " ", count: column - left.count) + (words.first ?? ""))
        lines += words.dropFirst().map { indent + $0 }
      }
    }
    return [lines.joined(separator: "\n")]
  }

  private static func wrap(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return line.isEmpty ? lines : lines + [line]
  }
}
