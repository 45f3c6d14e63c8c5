import Options
import Testing

@Suite("Command line")
struct CommandLineTests {
  @Test(
    "a value follows its flag, stands behind '=', or behind a letter",
    arguments: [
      ["serve", "--port", "9"], ["serve", "--port=9"], ["serve", "-p", "9"], ["serve", "-p9"],
      ["--log-format=json", "serve", "--port", "9"],
    ])
  func values(arguments: [String]) throws {
    #expect(try options(arguments).value("port", .integer(in: 1...65_535)) == 9)
  }

  @Test(
    "flags are on when present, off with no-, and read true and false",
    arguments: [
      (["serve"], false), (["serve", "--dev-clock"], true), (["serve", "--no-dev-clock"], false), (["serve", "--dev-clock=true"], true),
      (["serve", "--dev-clock=off"], false),
    ] as [([String], Bool)])
  func flags(arguments: [String], on: Bool) throws {
    #expect(try options(arguments).flag("dev-clock") == on)
  }

  @Test("repeated options keep their order")
  func repeated() throws {
    let options = try options(["serve", "--redis", "a:1", "--redis=[::1]:2"])
    #expect(try options.values("redis", .hostPort()) == [HostPort(host: "a", port: 1), HostPort(host: "::1", port: 2)])
  }

  @Test("positionals take their places, and after -- everything is one")
  func positionals() throws {
    let options = try options(["ingest", "a.csv", "--workers", "2", "-", "--", "--x"])
    #expect(options.positional("file") == "a.csv")
    #expect(options.allPositionals("more") == ["-", "--x"])
  }

  @Test("subcommands nest and options of the root are taken everywhere")
  func nesting() throws {
    guard case .run(let path, let options) = try invoke(["account", "create", "--log-format", "json"]) else { return }
    #expect(path == ["account", "create"])
    #expect(try options.value("log-format", .oneOf) as Format == .json)
  }

  @Test(
    "mistakes are named, with the nearest name where there is one",
    arguments: [
      (["serve", "--prot", "9"], "unknown option --prot; did you mean --port?"),
      (["serve", "--data"], "unknown option --data; did you mean --data-dir?"),
      (["serve", "--zebra"], "unknown option --zebra"),
      (["serve", "-x"], "unknown option -x"),
      (["serve", "-port"], nil),
      (["sevre"], "unknown command 'sevre'; did you mean serve?"),
      (["account"], "trunkline account: a command is needed, one of: create"),
      (["serve", "--data-dir"], "--data-dir needs a value: --data-dir DIR"),
      (["serve", "--data-dir", "--dev-clock"], "--data-dir needs a value: --data-dir DIR"),
      (["serve", "extra"], "unexpected argument 'extra'"),
      (["ingest"], "missing argument <file>"),
      (["serve", "--port", "1", "-p", "2"], "port (flag --port): may be given once, received it twice"),
      (["ingest", "--port", "1"], "unknown option --port"),
    ] as [([String], String?)])
  func mistakes(arguments: [String], message: String?) {
    #expect(complaint(arguments) == message)
  }

  @Test(
    "help is asked for in several ways",
    arguments: [["serve", "--help"], ["help", "serve"], ["serve", "-h"], ["serve", "-h", "--zebra"]])
  func help(arguments: [String]) throws {
    guard case .help(let text) = try invoke(arguments) else {
      Issue.record("no help")
      return
    }
    #expect(text.contains("USAGE: trunkline serve [options]"))
    #expect(text.contains("-p, --port N"))
    #expect(text.contains("Port to listen on. (default: 8080; env: TRUNKLINE_PORT)"))
    #expect(text.contains("EXAMPLES:\n  trunkline serve --port 8080"))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 110 })
  }

  @Test("without arguments the program explains itself; --version is the root's")
  func root() throws {
    guard case .help(let text) = try invoke([]) else {
      Issue.record("no help")
      return
    }
    #expect(text.contains("COMMANDS:\n  serve"))
    guard case .version = try invoke(["--version"]) else {
      Issue.record("no version")
      return
    }
    #expect(complaint(["serve", "--version"]) == "unknown option --version")
  }
}
