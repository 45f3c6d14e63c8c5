/// Reads a program's configuration in layers: flags over environment over file over defaults. Shaped after ArgumentParser.
package struct CommandLineParser: Sendable {
  /// What the user asked for.
  package enum Invocation: Sendable {
    /// Run the command named by `path` (without the program's name), e.g. `["account", "create"]`.
    case run(path: [String], Options)
    /// Print this text to standard output and leave with 0.
    case help(String)
    /// Print the version and leave with 0.
    case version
  }

  /// The configuration file that is read, if it is there, when none is named.
  package struct ImplicitFile: Sendable {
    let folderOption: String
    let name: String
    let exists: @Sendable (String) -> Bool

    /// - Parameters:
    ///   - folderOption: the option that names the folder in which it lies; a command without it has no such file.
    ///   - name: of the file in that folder.
    ///   - exists: whether there is a file at a path.
    package init(folderOption: String, name: String, exists: @escaping @Sendable (String) -> Bool) {
      self.folderOption = folderOption
      self.name = name
      self.exists = exists
    }
  }

  package let root: CommandSpec
  package let environmentPrefix: String
  private let implicitFile: ImplicitFile?

  /// An option named `config` in `root` names the configuration file. `--help`, `-h`, `help` and (at the root) `--version` need no
  /// declaration.
  package init(_ root: CommandSpec, environmentPrefix: String = "TRUNKLINE_", implicitFile: ImplicitFile? = nil) {
    self.root = root
    self.environmentPrefix = environmentPrefix
    self.implicitFile = implicitFile
  }

  /// - Parameters:
  ///   - arguments: without the program's name.
  ///   - readFile: the text of the configuration file; called at most once. What it throws is shown as the reason.
  package func parse(
    _ arguments: [String], environment: [String: String], readFile: (String) throws -> String
  ) throws(OptionError) -> Invocation {
    var reader = ArgumentReader(root, arguments)
    do {
      try reader.read()
    } catch {
      // Somebody who asks for help gets it, whatever is wrong after it.
      guard reader.wantsHelp else { throw error }
    }
    if reader.wantsVersion { return .version }
    if reader.wantsHelp { return .help(Help.text(reader.path, prefix: environmentPrefix)) }
    guard reader.command.subcommands.isEmpty else {
      if arguments.isEmpty { return .help(Help.text(reader.path, prefix: environmentPrefix)) }
      throw .missingCommand(
        after: reader.path.map(\.name).joined(separator: " "), known: reader.command.subcommands.map(\.name))
    }
    let settings = try layer(reader, environment, readFile)
    let options = Options(
      specs: reader.specs, environmentPrefix: environmentPrefix, settings: settings, positionals: try reader.positionals())
    return .run(path: reader.path.dropFirst().map(\.name), options)
  }

  /// Names in the environment that start with the prefix and belong to no option: probably misspelt, worth a warning. Sorted, each with
  /// the nearest known name.
  package func unknownVariables(_ environment: [String: String]) -> [(name: String, nearest: String?)] {
    let known = root.allOptions.filter(\.isConfiguration).map { $0.environmentName(prefix: environmentPrefix) }
    return environment.keys.filter { $0.hasPrefix(environmentPrefix) && !known.contains($0) }.sorted()
      .map { ($0, Nearest.name(to: $0, in: known)) }
  }

  private func layer(
    _ reader: ArgumentReader, _ environment: [String: String], _ readFile: (String) throws -> String
  ) throws(OptionError) -> [String: Options.Setting] {
    var settings: [String: Options.Setting] = [:]
    for spec in reader.specs { settings[spec.name] = spec.defaultValue.map { .init(values: [$0], source: .defaultValue) } }
    let above = variables(reader.specs, environment).merging(reader.given) { $1 }
    if let path = above["config"]?.values.last {
      settings.merge(try read(path, reader.specs, readFile)) { $1 }
    } else if let implicitFile, let path = found(implicitFile, settings.merging(above) { $1 }) {
      let inFile = try read(path, reader.specs, readFile)
      // It was found by that very value.
      if case .file(_, let line)? = inFile[implicitFile.folderOption]?.source {
        throw .badLine(
          path: path, line: line, rule: "\(implicitFile.folderOption) must not be set in a file that lies in the folder it names")
      }
      settings.merge(inFile) { $1 }
    }
    return settings.merging(above) { $1 }
  }

  private func found(_ file: ImplicitFile, _ settings: [String: Options.Setting]) -> String? {
    guard let folder = settings[file.folderOption]?.values.last, !folder.isEmpty else { return nil }
    let path = folder + (folder.hasSuffix("/") ? "" : "/") + file.name
    return file.exists(path) ? path : nil
  }

  private func read(
    _ path: String, _ specs: [OptionSpec], _ readFile: (String) throws -> String
  ) throws(OptionError) -> [String: Options.Setting] {
    let text: String
    do { text = try readFile(path) } catch { throw .unreadableFile(path: path, reason: "\(error)") }
    return try ConfigFile.read(text, path: path, specs: specs, known: Set(root.allOptions.filter(\.isConfiguration).map(\.name)))
  }

  /// An empty variable counts as not set: compose files write `NAME=` for that.
  private func variables(_ specs: [OptionSpec], _ environment: [String: String]) -> [String: Options.Setting] {
    var settings: [String: Options.Setting] = [:]
    for spec in specs where spec.isConfiguration {
      let name = spec.environmentName(prefix: environmentPrefix)
      guard let value = environment[name], !value.isEmpty else { continue }
      let values = spec.isRepeated ? value.split(separator: ",").map(String.init) : [value]
      settings[spec.name] = Options.Setting(values: values, source: .environment(name: name))
    }
    return settings
  }
}
