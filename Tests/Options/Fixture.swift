import Options

enum Format: String, CaseIterable, Sendable {
  case text
  case json
}

/// A small program that has everything.
let program = CommandSpec(
  "trunkline", help: "Distributes work.",
  options: [
    OptionSpec("config", help: "Configuration file.", placeholder: "FILE"),
    OptionSpec("log-format", help: "How to log.", placeholder: "FORMAT", default: "text"),
  ],
  subcommands: [
    CommandSpec(
      "serve", help: "Run the server.", discussion: "EXAMPLES:\n  trunkline serve --port 8080",
      options: [
        OptionSpec("port", help: "Port to listen on.", placeholder: "N", default: "8080", short: "p"),
        OptionSpec("data-dir", help: "Where the data lives.", placeholder: "DIR"),
        OptionSpec("redis", help: "Servers.", placeholder: "HOST:PORT", isRepeated: true),
        OptionSpec("signing-key", help: "Signs tokens.", isSecret: true),
        OptionSpec("timeout", help: "Time to wait.", placeholder: "SECONDS", default: "1.5"),
        OptionSpec("dev-clock", help: "Move time by hand.", isFlag: true),
        OptionSpec("print-config", help: "Print and leave.", isFlag: true, isConfiguration: false),
      ]),
    CommandSpec(
      "ingest", help: "Read a file.", options: [OptionSpec("workers", help: "How many.", default: "4")],
      positionals: [
        PositionalSpec("file", help: "What to read."), PositionalSpec("more", help: "Further files.", isRequired: false, isRepeated: true),
      ]),
    CommandSpec("account", help: "Accounts.", subcommands: [CommandSpec("create", help: "Make one.")]),
  ])

struct NoSuchFile: Error, CustomStringConvertible {
  var description: String { "no such file" }
}

func invoke(_ arguments: [String], _ environment: [String: String] = [:], files: [String: String] = [:]) throws(OptionError)
  -> CommandLineParser.Invocation
{
  try CommandLineParser(program).parse(arguments, environment: environment) { path in
    guard let text = files[path] else { throw NoSuchFile() }
    return text
  }
}

func options(_ arguments: [String], _ environment: [String: String] = [:], files: [String: String] = [:]) throws -> Options {
  guard case .run(_, let options) = try invoke(arguments, environment, files: files) else { throw NoSuchFile() }
  return options
}

/// What the user reads when it fails.
func complaint(_ arguments: [String], _ environment: [String: String] = [:], files: [String: String] = [:]) -> String? {
  do {
    _ = try invoke(arguments, environment, files: files)
    return nil
  } catch { return error.description }
}
