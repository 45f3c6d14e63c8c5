import Options
import Testing

@Suite("Layers")
struct LayerTests {
  static let file = [
    "/c": "# comment\n\nport = 3\ndata-dir=\"/a b\"\r\nsigning-key = file#secret\n  redis = a:1\nredis = b:2\nworkers = 7\n"
  ]

  @Test(
    "flags win over the environment, it over the file, that over defaults",
    arguments: [
      (["--port", "1"], ["TRUNKLINE_PORT": "2"], 1), ([], ["TRUNKLINE_PORT": "2"], 2), ([], [:], 3), ([], ["TRUNKLINE_PORT": ""], 3),
    ] as [([String], [String: String], Int)])
  func order(arguments: [String], environment: [String: String], port: Int) throws {
    let options = try options(["serve", "--config", "/c"] + arguments, environment, files: Self.file)
    #expect(try options.value("port", .integer(in: 0...9)) == port)
  }

  @Test("without any layer the default is taken, and without one it is not set")
  func defaults() throws {
    let options = try options(["serve"])
    #expect(try options.value("port", .integer(in: 0...9999)) == 8080)
    #expect(try options.text("data-dir") == nil && options.source("data-dir") == nil)
    #expect(throws: OptionError.notSet(option: "data-dir", environment: "TRUNKLINE_DATA_DIR")) { try options.value("data-dir", .text) }
  }

  @Test("the file is read as it stands, keys of other commands are passed over")
  func file() throws {
    let options = try options(["serve"], ["TRUNKLINE_CONFIG": "/c"], files: Self.file)
    #expect(try options.text("data-dir") == "/a b" && options.text("signing-key") == "file#secret")
    #expect(try options.values("redis", .text) == ["a:1", "b:2"])
    #expect(options.source("port") == .file(path: "/c", line: 3))
  }

  @Test("key and value stand on both sides of the first '=' or ':'")
  func signs() throws {
    let options = try options(["serve", "--config", "/c"], files: ["/c": "data-dir: /x=y\nredis = a:1\nredis: b:2\nsigning-key:=:"])
    #expect(try options.text("data-dir") == "/x=y" && options.text("signing-key") == "=:")
    #expect(try options.values("redis", .text) == ["a:1", "b:2"])
  }

  @Test("without a named file, the one in the data folder counts if it is there")
  func implicit() throws {
    let files = ["/d/t.conf": "port = 5", "/e/t.conf": "port = 6", "/c": "port = 7"]
    func port(_ arguments: [String], _ environment: [String: String] = [:]) throws -> Int {
      guard
        case .run(_, let options) = try implicitParser(files).parse(
          ["serve"] + arguments, environment: environment, readFile: { files[$0] ?? "" })
      else { throw NoSuchFile() }
      return try options.value("port", .integer(in: 0...9999))
    }
    #expect(try port(["--data-dir", "/d"]) == 5)
    #expect(try port([], ["TRUNKLINE_DATA_DIR": "/e/"]) == 6)
    #expect(try port(["--data-dir", "/d", "--port", "1"]) == 1)
    #expect(try port(["--data-dir", "/d", "--config", "/c"]) == 7)
    #expect(try port(["--data-dir", "/none"]) == 8080)
    #expect(try port([]) == 8080)
  }

  @Test("a file found in the data folder cannot name another one")
  func circular() {
    let files = ["/d/t.conf": "port = 5\ndata-dir = /e"]
    let rule = "data-dir must not be set in a file that lies in the folder it names"
    #expect(throws: OptionError.badLine(path: "/d/t.conf", line: 2, rule: rule)) {
      try implicitParser(files).parse(["serve", "--data-dir", "/d"], environment: [:], readFile: { files[$0] ?? "" })
    }
  }

  private func implicitParser(_ files: [String: String]) -> CommandLineParser {
    CommandLineParser(program, implicitFile: .init(folderOption: "data-dir", name: "t.conf") { files[$0] != nil })
  }

  @Test("a repeated option is separated by commas in the environment")
  func commas() throws {
    #expect(try options(["serve"], ["TRUNKLINE_REDIS": "a:1,b:2"]).values("redis", .text) == ["a:1", "b:2"])
  }

  @Test(
    "mistakes in the file name their line",
    arguments: [
      ("port 3", "/c:1: must be 'key = value' or 'key: value', received a line without '=' and ':'"),
      ("\nprot = 3", "/c:2: unknown key 'prot'; did you mean port?"),
      ("print-config = true", "/c:1: unknown key 'print-config'"),
      ("port = 1\nport = 2", "port (file /c:2): may be given once, received it twice"),
    ])
  func mistakes(text: String, message: String) {
    #expect(complaint(["serve", "--config=/c"], files: ["/c": text]) == message)
  }

  @Test("a file that cannot be read is named")
  func unreadable() {
    #expect(complaint(["serve", "--config=/no"]) == "cannot read configuration file '/no': no such file")
  }

  @Test("every value is printed with its source, secrets are not")
  func printing() throws {
    let options = try options(
      ["serve", "--port=1", "--config=/c", "--print-config"], ["TRUNKLINE_TIMEOUT": "2s"], files: Self.file)
    #expect(
      options.printConfig() == """
        config = /c  (flag --config)
        log-format = text  (default)
        port = 1  (flag --port)
        data-dir = /a b  (file /c:4)
        redis = a:1,b:2  (file /c:6)
        signing-key = ********  (file /c:5)
        timeout = 2s  (environment TRUNKLINE_TIMEOUT)
        dev-clock =  (not set)

        """)
  }

  @Test("a printed value keeps to its line")
  func oneLine() throws {
    let options = try options(["serve"], ["TRUNKLINE_DATA_DIR": "a\nport = 1\u{1B}"])
    #expect(options.printConfig().contains("data-dir = a\\nport = 1\\u{1B}  (environment"))
  }

  @Test("misspelt variables are found")
  func variables() {
    let unknown = CommandLineParser(program).unknownVariables(["TRUNKLINE_PROT": "1", "TRUNKLINE_WORKERS": "2", "HOME": "/"])
    #expect(unknown.map(\.name) == ["TRUNKLINE_PROT"] && unknown.map(\.nearest) == ["TRUNKLINE_PORT"])
  }
}
