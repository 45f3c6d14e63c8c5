internal import Glibc

/// How often each thing ended the process while it was handled: a small text file, replaced as a whole.
struct DeathLedger: Equatable {
  /// What was being handled.
  struct Thing: Hashable {
    let input: UInt8
    let partition: UInt32
    let position: Int64
  }

  /// More things are not kept; the ones that died longest ago go first.
  static let most = 1000
  /// No process starts that often: a greater number is damage.
  static let mostRuns: UInt64 = 1 << 62
  private static let head = "# input partition position deaths: what ended the process while it was handled"

  /// The run whose stamps were counted last: a death is counted once, even if the process dies while it counts.
  var countedRun: UInt64 = 0
  /// Ascending by the time of the last death.
  private(set) var deaths: [(thing: Thing, count: Int)] = []

  init() {}

  mutating func count(_ thing: Thing) -> Int {
    let before = deaths.firstIndex { $0.thing == thing }.map { deaths.remove(at: $0).count } ?? 0
    let now = min(before, 1_000_000) + 1
    deaths.append((thing, now))
    if deaths.count > Self.most { deaths.removeFirst(deaths.count - Self.most) }
    return now
  }

  var text: String {
    var lines = [Self.head, "counted \(countedRun)"]
    for (thing, count) in deaths { lines.append("\(thing.input) \(thing.partition) \(thing.position) \(count)") }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Reads what `text` wrote; throws `damaged` for the first line that is something else.
  init(_ text: String, path: String) throws(PoisonError) {
    for (place, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      guard !line.isEmpty, !line.hasPrefix("#") else { continue }
      let words = line.split(separator: " ")
      if words.count == 2, words[0] == "counted", let run = UInt64(words[1]), run < Self.mostRuns {
        countedRun = run
      } else if words.count == 4, let input = UInt8(words[0]), let partition = UInt32(words[1]), let position = Int64(words[2]),
        let count = Int(words[3]), count > 0
      {
        deaths.append((Thing(input: input, partition: partition, position: position), count))
      } else {
        throw .damaged(path: path, rule: "line \(place + 1) must be 'input partition position deaths', received '\(line)'")
      }
    }
  }

  static func == (one: DeathLedger, other: DeathLedger) -> Bool { one.text == other.text }
}

extension DeathLedger {
  /// An absent file is an empty ledger.
  static func load(_ path: String) throws(PoisonError) -> DeathLedger {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 && errno == ENOENT { return DeathLedger() }
    guard file >= 0 else { throw .system(doing: "open \(path)", code: errno) }
    defer { close(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
      let got = read(file, &chunk, chunk.count)
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw .system(doing: "read \(path)", code: errno) }
      if got == 0 { break }
      bytes += chunk[..<got]
    }
    return try DeathLedger(String(decoding: bytes, as: UTF8.self), path: path)
  }

  /// Whole or not at all, also when the machine loses power.
  func store(_ path: String, folder: String) throws(PoisonError) {
    let draft = path + ".new"
    let file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw .system(doing: "create \(draft)", code: errno) }
    let bytes = Array(text.utf8)
    var start = 0
    var failure: Int32 = 0
    while start < bytes.count && failure == 0 {
      let written = bytes[start...].withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      if written > 0 { start += written } else if errno != EINTR { failure = errno }
    }
    if failure == 0 && fsync(file) != 0 { failure = errno }
    close(file)
    if failure == 0 && rename(draft, path) != 0 { failure = errno }
    guard failure == 0 else { throw .system(doing: "write \(path)", code: failure) }
    let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw .system(doing: "open \(folder)", code: errno) }
    defer { close(directory) }
    guard fsync(directory) == 0 else { throw .system(doing: "sync \(folder)", code: errno) }
  }
}
