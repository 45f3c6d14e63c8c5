import APIClient
import Crypto
import Forms
import Foundation
import HTTPClient
import JSON
import Options
import Synchronization
import Terminal

/// `trunkline ingest FILE`: the file goes up as it is, in pieces; the server reads its lines. Its hash names the import, so a second run doubles nothing.
enum Ingest {
  static func run(_ options: Options) async throws {
    guard let path = options.positional("FILE") else { throw Connect.Failure("which file?") }
    let upload = try Upload(path: path)
    guard upload.size > 0 else { return Swift.print("\(path) has no lines: nothing to bring in") }
    let connection = try Connect(options)
    let workspace = try await connection.workspace(options)
    let name = try options.valueIfSet("import-id", .text) ?? upload.hash()
    var query = [("ImportId", name)]
    if let workflow = try options.valueIfSet("workflow", .text) { query.append(("WorkflowSid", workflow)) }
    var request = connection.api.request(
      "POST", "/v1/Workspaces/\(workspace)/Tasks/Bulk?" + FormText.encode(query))
    request.totalTimeoutMilliseconds = 86_400_000
    request.headers = upload.headers
    let source = try upload.open()
    request.body = .chunks(length: upload.size) { try source.next() }
    let response = try await connection.api.send(request)
    source.finish()
    let summary = try APIClient.read(response)
    let lines = summary.root[key: "lines"]?.integer ?? 0
    guard lines > 0 else { return Swift.print("\(path) has no lines: nothing was brought in") }
    print(summary, name)
    let refused = summary.root[key: "rejected"]?.integer ?? 0
    guard refused < lines else { throw Connect.Failure("every line was refused") }
    guard try !options.flag("no-wait") else { return }
    try await wait(connection, workspace, name, lines: lines, refused: refused)
  }

  private static func print(_ summary: JSONDocument, _ name: String) {
    func number(_ key: String) -> String { HumanText.count(Int(summary.root[key: key]?.integer ?? 0)) }
    Swift.print(
      "import \(name.prefix(16)): \(number("lines")) lines, \(number("accepted")) accepted, \(number("duplicates")) known already, \(number("rejected")) refused"
    )
    for error in summary.root[key: "errors"]?.elements.map({ $0 }) ?? [] {
      Swift.print("  line \(error[key: "line"]?.integer ?? 0): \(error[key: "message"]?.string ?? "")")
    }
  }

  /// Until every line is decided; what is refused then is shown too. `refused`: lines that were so in reading.
  private static func wait(_ connection: Connect, _ workspace: String, _ name: String, lines: Int64, refused: Int64) async throws {
    var bar = ProgressBar(
      unit: "decided", isTerminal: Terminal.isTerminal(.error, term: ProcessInfo.processInfo.environment["TERM"]), now: Upload.now())
    // The file is up: what the server cannot tell at the moment is no reason to say that the import failed.
    let patience = Patience(now: Upload.now, sleep: { await connection.sleep(milliseconds: $0) })
    while true {
      let status = try await patience.insist {
        try await connection.api.call("GET", "/v1/Workspaces/\(workspace)/Tasks/Bulk/\(FormText.escape(name))")
      }
      let decided = status.root[key: "decided"]?.integer ?? 0
      guard decided < lines else {
        Upload.write(bar.finish(done: Int(decided), total: Int(lines), now: Upload.now()))
        for error in status.root[key: "errors"]?.elements.map({ $0 }) ?? [] {
          Swift.print("  line \(error[key: "line"]?.integer ?? 0) refused in deciding: \(error[key: "message"]?.string ?? "")")
        }
        return try conclude(made: status.root[key: "accepted"]?.integer ?? 0, lines: lines, refused: refused)
      }
      Upload.write(bar.update(done: Int(decided), total: Int(lines), now: Upload.now()))
      await connection.sleep(milliseconds: 200)
    }
  }
}

extension Ingest {
  /// The last word: what became of all lines of the import, whichever run brought them in.
  private static func conclude(made: Int64, lines: Int64, refused: Int64) throws {
    let late = max(0, lines - made - refused)
    Swift.print(
      "decided: \(HumanText.count(Int(made))) tasks made, \(HumanText.count(Int(refused + late))) lines refused, \(HumanText.count(Int(late))) of them in deciding"
    )
    guard made > 0 else { throw Connect.Failure("every line was refused") }
  }
}

/// A file on its way up.
struct Upload {
  let path: String
  let size: Int
  let headers: [(name: String, value: String)]

  init(path: String) throws {
    self.path = path
    if let problem = Readable.problem(path) { throw Connect.Failure("\(path) cannot be read: \(problem)") }
    guard let handle = FileHandle(forReadingAtPath: path) else { throw Connect.Failure("\(path) cannot be read") }
    let start = try handle.read(upToCount: 2) ?? Data()
    size = Int(try handle.seekToEnd())
    let isCompressed = start == Data([0x1f, 0x8b])
    let bare = path.hasSuffix(".gz") ? String(path.dropLast(3)) : path
    let type = bare.hasSuffix(".csv") ? "text/csv" : "application/x-ndjson"
    headers = [(name: "Content-Type", value: type)] + (isCompressed ? [(name: "Content-Encoding", value: "gzip")] : [])
  }

  /// Names the content: the same file is the same import.
  func hash() throws -> String {
    guard let handle = FileHandle(forReadingAtPath: path) else { throw Connect.Failure("\(path) cannot be read") }
    var digest: [UInt8] = []
    while let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty { digest = Crypto.sha256(digest + piece) }
    return Crypto.hex(digest)
  }

  func open() throws -> Source { try Source(path: path, size: size) }

  /// Pieces for the client, with a bar that shows how far it is.
  final class Source: Sendable {
    private struct State {
      var handle: FileHandle
      var sent = 0
      var bar: ProgressBar
    }
    private let state: Mutex<State>
    private let size: Int

    init(path: String, size: Int) throws {
      guard let handle = FileHandle(forReadingAtPath: path) else { throw Connect.Failure("\(path) cannot be read") }
      self.size = size
      let isTerminal = Terminal.isTerminal(.error, term: ProcessInfo.processInfo.environment["TERM"])
      state = Mutex(State(handle: handle, bar: ProgressBar(unit: "bytes", isTerminal: isTerminal, now: Upload.now())))
    }

    func next() throws -> [UInt8]? {
      try state.withLock { state in
        guard let piece = try state.handle.read(upToCount: 64 << 10), !piece.isEmpty else { return nil }
        state.sent += piece.count
        Upload.write(state.bar.update(done: state.sent, total: size, now: Upload.now()))
        return Array(piece)
      }
    }

    func finish() {
      state.withLock { Upload.write($0.bar.finish(done: $0.sent, total: size, now: Upload.now())) }
    }
  }

  static func now() -> Int64 { Int64(ProcessInfo.processInfo.systemUptime * 1000) }
  static func write(_ text: String) { if !text.isEmpty { FileHandle.standardError.write(Data(text.utf8)) } }
}
