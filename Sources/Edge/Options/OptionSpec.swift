/// One option: the single source of its flag, its environment name, its key in the file, its line in the help and in the printed
/// configuration.
package struct OptionSpec: Sendable {
  /// Lower-case words joined by hyphens, without the leading `--`; also the key in the file.
  package let name: String
  /// One line for the help.
  package let help: String
  /// What the help calls the value: `DIR`, `N`, `HOST:PORT`.
  package let placeholder: String
  /// The value when no layer gives one; nil means not set.
  package let defaultValue: String?
  /// One letter for `-x`, if any.
  package let short: Character?
  /// Present or absent, no value: `--name`, `--no-name`, `--name=false`.
  package let isFlag: Bool
  /// May be given several times; in the environment the values are separated by commas.
  package let isRepeated: Bool
  /// Never shown: printed as `********`, and kept out of errors.
  package let isSecret: Bool
  /// Also read from the environment and the file, and printed. False for one-off switches such as `--json`.
  package let isConfiguration: Bool

  package init(
    _ name: String, help: String, placeholder: String = "VALUE", default defaultValue: String? = nil, short: Character? = nil,
    isFlag: Bool = false, isRepeated: Bool = false, isSecret: Bool = false, isConfiguration: Bool = true
  ) {
    self.name = name
    self.help = help
    self.placeholder = placeholder
    self.defaultValue = defaultValue
    self.short = short
    self.isFlag = isFlag
    self.isRepeated = isRepeated
    self.isSecret = isSecret
    self.isConfiguration = isConfiguration
  }

  /// `data-dir` → `TRUNKLINE_DATA_DIR` for the prefix `TRUNKLINE_`.
  package func environmentName(prefix: String) -> String {
    prefix + String(name.map { $0 == "-" ? "_" : $0 }).uppercased()
  }

  /// What may be shown of `value`, on one line.
  func shown(_ value: String) -> String {
    if isSecret { return "********" }
    guard value.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return value }
    return value.unicodeScalars.map { $0.properties.generalCategory == .control ? $0.escaped(asASCII: true) : String($0) }.joined()
  }
}

/// One argument without a name, in its place.
package struct PositionalSpec: Sendable {
  package let name: String
  package let help: String
  package let isRequired: Bool
  /// Takes all that is left; only sensible for the last one.
  package let isRepeated: Bool

  package init(_ name: String, help: String, isRequired: Bool = true, isRepeated: Bool = false) {
    self.name = name
    self.help = help
    self.isRequired = isRequired
    self.isRepeated = isRepeated
  }
}

/// A command and its subcommands. Options of a command are also taken by its subcommands.
package struct CommandSpec: Sendable {
  package let name: String
  /// One line for the list of commands.
  package let help: String
  /// Longer text for the command's own help: what it does, examples.
  package let discussion: String
  package let options: [OptionSpec]
  package let positionals: [PositionalSpec]
  package let subcommands: [CommandSpec]

  package init(
    _ name: String, help: String, discussion: String = "", options: [OptionSpec] = [], positionals: [PositionalSpec] = [],
    subcommands: [CommandSpec] = []
  ) {
    self.name = name
    self.help = help
    self.discussion = discussion
    self.options = options
    self.positionals = positionals
    self.subcommands = subcommands
  }

  /// The options of this command and all below it.
  var allOptions: [OptionSpec] { options + subcommands.flatMap(\.allOptions) }
}
