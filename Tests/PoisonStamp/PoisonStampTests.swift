import ChildProcess
import Foundation
import Glibc
import Testing

@Suite("PoisonStamp")
struct PoisonStampTests {
  /// A data folder of its own, and processes that die in it.
  final class Folder {
    let path: String

    init() throws {
      path = FileManager.default.temporaryDirectory.appendingPathComponent("poison-\(UUID().uuidString)").path
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Runs the victim until its end.
    func run(_ way: String, backtrace: Bool = false) throws -> (signal: Int32, output: String, errors: String) {
      let errors = path + "/errors"
      let trace = backtrace ? "enable=yes,color=no,timeout=10s" : "enable=no"
      let child = try Child(PoisonStampTests.victim().path, [path, way], environment: ["SWIFT_BACKTRACE": trace], errors: errors)
      let text = child.readToEnd()
      return (child.end().signal, String(decoding: text, as: UTF8.self), try String(contentsOfFile: errors, encoding: .utf8))
    }
  }

  /// Stands beside the test bundle, which is mapped into this process.
  static func victim() throws -> URL {
    let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
    let line = try #require(maps.split(separator: "\n").first { $0.hasSuffix("PackageTests.xctest") })
    let bundle = line[try #require(line.firstIndex(of: "/"))...]
    return URL(fileURLWithPath: String(bundle)).deletingLastPathComponent().appendingPathComponent("PoisonVictim")
  }

  @Test(
    "a fault of the machine's thread within a command stamps it",
    arguments: [
      ("trap", [SIGILL, SIGTRAP]), ("index", [SIGILL, SIGTRAP]), ("overflow", [SIGILL, SIGTRAP]), ("abort", [SIGABRT]),
      ("stack", [SIGSEGV, SIGBUS]), ("null", [SIGSEGV]), ("busy", [SIGXCPU]),
    ] as [(String, [Int32])])
  func stamps(way: String, signals: [Int32]) throws {
    let folder = try Folder()
    #expect(signals.contains(try folder.run(way).signal))
    #expect(try folder.run("look").output == "found 1 2 4711 1\npoisoned false false\n")
  }

  @Test(
    "nothing else does",
    arguments: [
      ("kill", SIGKILL), ("term", SIGTERM), ("sentabort", SIGABRT), ("sentxcpu", SIGXCPU), ("other", SIGILL), ("otherabort", SIGABRT),
      ("after", SIGILL), ("disarmed", SIGILL), ("many", 0), ("none", 0),
    ] as [(String, Int32)])
  func innocent(way: String, signal: Int32) throws {
    let folder = try Folder()
    let ended = try folder.run(way).signal
    #expect(ended == signal || (signal == SIGILL && ended == SIGTRAP))
    #expect(try folder.run("look").output == "poisoned false false\n")
  }

  @Test("three deaths make it poisoned, each is counted once, and it stays so")
  func threeDeaths() throws {
    let folder = try Folder()
    #expect(try folder.run("index").output == "poisoned false false\n")
    #expect(try folder.run("abort").output == "found 1 2 4711 1\npoisoned false false\n")
    #expect(try folder.run("kill").output == "found 1 2 4711 2\npoisoned false false\n")
    #expect(try folder.run("trap").output == "poisoned false false\n")
    #expect(try folder.run("look").output == "found 1 2 4711 3\npoisoned true false\n")
    #expect(try folder.run("look").output == "poisoned true false\n")
  }

  @Test("a death is counted once even if counting is cut off after the ledger is written")
  func countedOnce() throws {
    let folder = try Folder()
    _ = try folder.run("trap")
    let page = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/poison-page"))
    #expect(try folder.run("look").output.hasPrefix("found 1 2 4711 1\n"))
    try page.write(to: URL(fileURLWithPath: folder.path + "/poison-page"))
    #expect(try folder.run("look").output == "poisoned false false\n")
  }

  @Test("the backtracer still speaks")
  func backtrace() throws {
    let folder = try Folder()
    let end = try folder.run("index", backtrace: true)
    #expect((end.output + end.errors).contains("Program crashed"))
    #expect(try folder.run("look").output.hasPrefix("found 1 2 4711 1\n"))
  }

  @Test("files that are something else are refused, not overwritten")
  func damaged() throws {
    let folder = try Folder()
    try "hello".write(toFile: folder.path + "/poison-page", atomically: true, encoding: .utf8)
    #expect(try folder.run("look").output.contains("poison-page is damaged"))
    let other = try Folder()
    try "1 2 3\n".write(toFile: other.path + "/poison-deaths", atomically: true, encoding: .utf8)
    #expect(try other.run("look").output.contains("line 1 must be 'input partition position deaths', received '1 2 3'"))
  }
}
