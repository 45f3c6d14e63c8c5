/// Walks over the arguments: finds the command, collects its flags and positionals. Knows nothing of the other layers.
struct ArgumentReader {
  private(set) var path: [CommandSpec]
  private(set) var specs: [OptionSpec]
  private(set) var given: [String: Options.Setting] = [:]
  private(set) var loose: [String] = []
  private(set) var wantsHelp = false
  private(set) var wantsVersion = false
  private var rest: ArraySlice<String>

  init(_ root: CommandSpec, _ arguments: [String]) {
    path = [root]
    specs = root.options
    rest = arguments[...]
  }

  var command: CommandSpec { path[path.count - 1] }

  mutating func read() throws(OptionError) {
    while let argument = rest.popFirst() {
      switch argument {
      case "--":
        loose += rest
        return
      case "--help", "-h": wantsHelp = true
      case "--version" where path.count == 1: wantsVersion = true
      default:
        if argument.hasPrefix("--") {
          try long(argument)
        } else if argument.hasPrefix("-"), argument != "-", Double(argument) == nil {
          try short(argument)
        } else {
          try bare(argument)
        }
      }
    }
  }

  private mutating func bare(_ argument: String) throws(OptionError) {
    guard !command.subcommands.isEmpty else {
      loose.append(argument)
      return
    }
    // `help` before or between commands, as in ArgumentParser: `trunkline help serve`.
    if argument == "help" {
      wantsHelp = true
      return
    }
    guard let next = command.subcommands.first(where: { $0.name == argument }) else {
      throw .unknownCommand(argument, nearest: Nearest.name(to: argument, in: command.subcommands.map(\.name)))
    }
    path.append(next)
    specs += next.options
  }

  private mutating func long(_ argument: String) throws(OptionError) {
    let body = argument.dropFirst(2)
    let equals = body.firstIndex(of: "=")
    let name = String(body[..<(equals ?? body.endIndex)])
    let value = equals.map { String(body[body.index(after: $0)...]) }
    if let spec = specs.first(where: { $0.name == name }) {
      return try take(spec, flag: "--" + name, value)
    }
    if name.hasPrefix("no-"), value == nil, let spec = specs.first(where: { $0.isFlag && $0.name == name.dropFirst(3) }) {
      return try record(spec, flag: "--" + name, "false")
    }
    throw .unknownOption("--" + name, nearest: Nearest.name(to: name, in: specs.map(\.name) + ["help"]).map { "--" + $0 })
  }

  private mutating func short(_ argument: String) throws(OptionError) {
    let body = argument.dropFirst()
    guard let letter = body.first, let spec = specs.first(where: { $0.short == letter }), spec.isFlag ? body.count == 1 : true else {
      let nearest = specs.first { $0.name == body }.map { "--" + $0.name }
      throw .unknownOption(argument, nearest: nearest)
    }
    let attached = body.dropFirst()
    try take(spec, flag: "-\(letter)", attached.isEmpty ? nil : String(attached.hasPrefix("=") ? attached.dropFirst() : attached))
  }

  private mutating func take(_ spec: OptionSpec, flag: String, _ attached: String?) throws(OptionError) {
    if spec.isFlag { return try record(spec, flag: flag, attached ?? "true") }
    if let attached { return try record(spec, flag: flag, attached) }
    // A value that looks like an option is more often a forgotten value; `--name=--value` says it without doubt.
    guard let next = rest.first, !next.hasPrefix("-") || next == "-" || Double(next) != nil else {
      throw .missingValue(option: spec.name, placeholder: spec.placeholder)
    }
    rest.removeFirst()
    try record(spec, flag: flag, next)
  }

  private mutating func record(_ spec: OptionSpec, flag: String, _ value: String) throws(OptionError) {
    guard let there = given[spec.name] else {
      given[spec.name] = Options.Setting(values: [value], source: .commandLine(flag: flag))
      return
    }
    guard spec.isRepeated else { throw .givenTwice(option: spec.name, source: there.source.description) }
    given[spec.name]?.values.append(value)
  }

  /// Puts the loose arguments in their places.
  func positionals() throws(OptionError) -> [String: [String]] {
    var left = loose[...]
    var named: [String: [String]] = [:]
    for spec in command.positionals {
      guard !left.isEmpty else {
        if spec.isRequired { throw .missingArgument(spec.name) }
        continue
      }
      if spec.isRepeated {
        named[spec.name] = Array(left)
        left = []
      } else {
        named[spec.name] = [left.removeFirst()]
      }
    }
    if let extra = left.first { throw .unexpectedArgument(extra) }
    return named
  }
}
