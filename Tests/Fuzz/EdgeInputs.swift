import KafkaSettings
import Ports
import Resources
import TaskEvents
import YAML

@testable import Callouts
@testable import Gateway
@testable import HTTPClient
@testable import Options
@testable import RedisClient

/// What a Redis server says, however it is cut.
enum RedisInput {
  static func run(_ input: [UInt8]) throws {
    let pieces = Pieces(input)
    try same(read([Array(pieces.bytes)]), read(Array(pieces)), "cut in pieces")
  }

  private static func read(_ chunks: [[UInt8]]) -> [String] {
    var reader = ReplyReader()
    var found: [String] = []
    do {
      for chunk in chunks {
        try reader.feed(chunk.span.bytes)
        while let reply = try reader.next() {
          _ = (reply.text, reply.number, reply.failure)
          found.append("\(reply)")
        }
      }
    } catch {
      found.append("broken")
    }
    return found
  }
}

/// What an operator writes: the configuration file, command lines, addresses, Kafka's file, YAML. The first byte names the kind.
enum ConfigInput {
  private static let command = CommandSpec(
    "serve", help: "Serve.",
    options: [
      OptionSpec("config", help: "File", placeholder: "FILE"), OptionSpec("http", help: "Where", placeholder: "HOST:PORT"),
      OptionSpec("rate", help: "How many", placeholder: "N", default: "0"), OptionSpec("token", help: "Secret", isSecret: true),
      OptionSpec("dev", help: "Switch", isFlag: true),
    ])

  static func run(_ input: [UInt8]) throws {
    let text = String(decoding: input.dropFirst(), as: UTF8.self)
    switch input.first ?? 0 {
    case 0: try options(text, arguments: ["--config", "file"])
    case 1: try options("", arguments: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
    case 2: _ = try? KafkaSettings(bootstrap: "a:1", file: text)
    case 3: _ = try? KafkaSettings(bootstrap: text, file: nil)
    case 4:
      guard let address = try? RedisAddress(text) else { return }
      _ = "\(address)"
    case 5: _ = try? YAMLReader.read(text)
    default:
      _ = HostPort(text, defaultPort: 80)
      _ = OptionKind<Int64>.duration(inMilliseconds: 0...1000).read(text)
      _ = OptionKind<Int>.integer(in: 0...1000).read(text)
    }
  }

  private static func options(_ file: String, arguments: [String]) throws {
    let found: CommandLineParser.Invocation
    do throws(OptionError) {
      found = try CommandLineParser(command).parse(arguments, environment: [:], readFile: { _ in file })
    } catch {
      _ = error.description
      return
    }
    guard case .run(_, let options) = found else { return }
    _ = options.printConfig()
    _ = try? options.value("http", .hostPort(defaultPort: 8080))
    _ = try? options.flag("dev")
  }
}

/// What customers' servers and readers of events send: URLs to call, replies to offers, cursors. The first byte names the kind.
enum ClientInput {
  static func run(_ input: [UInt8]) throws {
    let bytes = Array(input.dropFirst())
    let text = String(decoding: bytes, as: UTF8.self)
    switch input.first ?? 0 {
    case 0:
      _ = try? TargetURL(text)
      _ = CalloutWorker.target(text)
      _ = TwilioSignature.message(url: text, form: text)
    case 1: _ = AssignmentReply.read(.init(status: 200, contentType: "application/json", body: bytes))
    case 2:
      guard let cursor = EventCursor(text) else { return }
      try same(EventCursor(cursor.text)?.text, cursor.text, "a cursor written and read again")
    case 3:
      _ = StoredEvent.all(in: bytes, scope: Identifier(high: 1, low: 1))
    default:
      guard let range = AddressRange(text) else { return }
      _ = range.contains(range.base)
      _ = AddressPolicy().refusal(of: range.base)
    }
  }
}
