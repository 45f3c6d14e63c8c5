/// The values of a command's options, each with the layer that gave it, and its positional arguments.
package struct Options: Sendable {
  /// Which layer a value is from.
  package enum Source: Sendable, Equatable, CustomStringConvertible {
    case commandLine(flag: String)
    case environment(name: String)
    case file(path: String, line: Int)
    case defaultValue

    package var description: String {
      switch self {
      case .commandLine(let flag): "flag \(flag)"
      case .environment(let name): "environment \(name)"
      case .file(let path, let line): "file \(path):\(line)"
      case .defaultValue: "default"
      }
    }
  }

  /// What a layer says about an option: one value, or several for a repeated one.
  struct Setting: Sendable {
    var values: [String]
    let source: Source
  }

  let specs: [OptionSpec]
  let environmentPrefix: String
  let settings: [String: Setting]
  /// By name; a repeated one has several.
  let positionals: [String: [String]]

  /// Reads one value by its rule; the error names option, source, rule and what was received. Throws `notSet` when no layer gives one.
  package func value<Value>(_ name: String, _ kind: OptionKind<Value>) throws(OptionError) -> Value {
    if let value = try valueIfSet(name, kind) { return value }
    throw OptionError.notSet(option: name, environment: try spec(name).environmentName(prefix: environmentPrefix))
  }

  /// As `value`, but nil when no layer gives one.
  package func valueIfSet<Value>(_ name: String, _ kind: OptionKind<Value>) throws(OptionError) -> Value? {
    try values(name, kind).last
  }

  /// All values of a repeated option, in the order given; empty when not set.
  package func values<Value>(_ name: String, _ kind: OptionKind<Value>) throws(OptionError) -> [Value] {
    let spec = try spec(name)
    guard let setting = settings[name] else { return [] }
    var read: [Value] = []
    for text in setting.values {
      guard let value = kind.read(text) else {
        throw OptionError.invalid(option: name, source: setting.source.description, rule: kind.rule, received: spec.shown(text))
      }
      read.append(value)
    }
    return read
  }

  /// Whether a flag is on; off when not set.
  package func flag(_ name: String) throws(OptionError) -> Bool { try valueIfSet(name, .bool) ?? false }

  /// Text that is not empty, or nil when not set.
  package func text(_ name: String) throws(OptionError) -> String? { try valueIfSet(name, .text) }

  /// Which layer gave the value; nil when not set.
  package func source(_ name: String) -> Source? { settings[name]?.source }

  /// A positional argument; nil when an optional one was left out.
  package func positional(_ name: String) -> String? { positionals[name]?.first }

  /// All values of a repeated positional argument.
  package func allPositionals(_ name: String) -> [String] { positionals[name] ?? [] }

  /// `name = value  (source)`, a line for each configuration option in the order of declaration; secrets as `********`.
  package func printConfig() -> String {
    var text = ""
    for spec in specs where spec.isConfiguration {
      if let setting = settings[spec.name] {
        text += "\(spec.name) = \(setting.values.map(spec.shown).joined(separator: ","))  (\(setting.source))\n"
      } else {
        text += "\(spec.name) =  (not set)\n"
      }
    }
    return text
  }

  private func spec(_ name: String) throws(OptionError) -> OptionSpec {
    guard let spec = specs.first(where: { $0.name == name }) else { throw OptionError.undeclared(name) }
    return spec
  }
}
