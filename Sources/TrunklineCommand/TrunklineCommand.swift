import EventLoops
import Foundation
import Glibc
import Observability
import Options
import Trunkline

/// The command line: parses, then hands on to one subcommand each.
@main
enum TrunklineCommand {
  static let version = "0.1.0"

  static func main() async {
    signal(SIGPIPE, SIG_IGN)
    let environment = ProcessInfo.processInfo.environment
    do {
      switch try parser.parse(
        Array(CommandLine.arguments.dropFirst()), environment: environment, readFile: Readable.text)
      {
      case .help(let text): print(text)
      case .version: print("trunkline \(version)")
      case .run(let path, let options): try await run(path, options, environment)
      }
    } catch let failure as any CustomStringConvertible & Error {
      fail("\(failure)")
    } catch {
      fail("\(error)")
    }
  }

  static func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("trunkline: \(message)\n".utf8))
    // Not `exit`: what libraries clear away there is pulled from under threads that a failed command has left behind.
    fflush(nil)
    _exit(1)
  }

  static let parser = CommandLineParser(
    CommandTable.root,
    implicitFile: .init(folderOption: "data-dir", name: "trunkline.conf") { FileManager.default.fileExists(atPath: $0) })

  private static func run(_ path: [String], _ options: Options, _ environment: [String: String]) async throws {
    switch path.last {
    case "serve": try await Serve.run(options)
    case "ingest": try await Ingest.run(options)
    case "tail": try await Tail.run(options)
    case "demo": try await Demo.run(options)
    case "create", "list", "rotate": try await Accounts.run(path.last ?? "", options)
    case "doctor": try await Checkup.run(options)
    case "backup", "restore": try SafekeepingCommand.run(path.last ?? "", options)
    case "show": try await Journals.run(options)
    case "plan", "apply", "check": try await TopicsCommand.run(path.last ?? "", options)
    default:
      if case .help(let text) = try parser.parse(path.dropFirst() + ["--help"], environment: [:], readFile: { _ in "" }) { print(text) }
    }
  }
}
