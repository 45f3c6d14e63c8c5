internal import Crypto

/// A script and the name that the server keeps it under.
package struct RedisScript: Sendable {
  let source: [UInt8]
  let sha: [UInt8]

  package init(_ source: String) {
    self.source = Array(source.utf8)
    sha = Array(Crypto.hex(Crypto.sha1(self.source)).utf8)
  }
}

/// Commands that are sent together, in order, and answered together.
package struct RedisPipeline: Sendable {
  private struct Command: Sendable {
    /// Where its bytes end.
    var end: Int
    var script: (script: RedisScript, words: Int, rest: Int)?
  }

  package private(set) var bytes: [UInt8] = []
  private var commands: [Command] = []

  package init() {}

  package var count: Int { commands.count }

  package mutating func add(_ words: [UInt8]...) { add(words) }

  package mutating func add(_ words: [[UInt8]]) {
    number(UInt8(ascii: "*"), words.count)
    for word in words { append(word) }
    commands.append(Command(end: bytes.count))
  }

  /// The words of one command from texts, cut at spaces.
  package mutating func add(text: String) { add(text.split(separator: " ").map { Array($0.utf8) }) }

  /// Runs a script by its name; where the server does not know it, by its text.
  package mutating func run(_ script: RedisScript, keys: [[UInt8]], arguments: [[UInt8]]) {
    let words = 3 + keys.count + arguments.count
    number(UInt8(ascii: "*"), words)
    append(Array("EVALSHA".utf8))
    append(script.sha)
    let rest = bytes.count
    append(Array(String(keys.count).utf8))
    for key in keys { append(key) }
    for argument in arguments { append(argument) }
    commands.append(Command(end: bytes.count, script: (script, words, rest)))
  }

  /// The commands from the one at `start` on, with scripts in full.
  func spelledOut(from start: Int) -> RedisPipeline {
    var copy = RedisPipeline()
    for place in start..<commands.count {
      let command = commands[place]
      if let (script, words, rest) = command.script {
        copy.number(UInt8(ascii: "*"), words)
        copy.append(Array("EVAL".utf8))
        copy.append(script.source)
        copy.bytes.append(contentsOf: bytes[rest..<command.end])
      } else {
        copy.bytes.append(contentsOf: bytes[(place == 0 ? 0 : commands[place - 1].end)..<command.end])
      }
      copy.commands.append(Command(end: copy.bytes.count))
    }
    return copy
  }

  private mutating func append(_ word: [UInt8]) {
    number(UInt8(ascii: "$"), word.count)
    bytes.append(contentsOf: word)
    bytes.append(13)
    bytes.append(10)
  }

  private mutating func number(_ lead: UInt8, _ value: Int) {
    bytes.append(lead)
    var divisor = 1
    while value / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
      divisor /= 10
    }
    bytes.append(13)
    bytes.append(10)
  }
}
