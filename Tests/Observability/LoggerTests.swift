import Observability
import Synchronization
import Testing

@Suite("Logger")
struct LoggerTests {
  final class Lines: Sendable {
    let all = Mutex<[String]>([])
    var text: String { all.withLock { $0.joined() } }
    func log(_ format: Logger.Format = .text, level: Logger.Level = .debug) -> Logger {
      Logger(level: level, format: format, now: { 1_795_587_682_123 }, sink: { line in self.all.withLock { $0.append(line) } })
    }
  }

  @Test("a fact is one line of text")
  func textLine() {
    let lines = Lines()
    lines.log().info("partition opened", ["partition": "3", "name": "a b"])
    #expect(lines.text == "2026-11-25T06:21:22.123Z INFO    partition opened partition=3 name=\"a b\"\n")
  }

  @Test("a fact is one line of JSON")
  func jsonLine() {
    let lines = Lines()
    lines.log(.json).error("append failed", ["cause": "disk \"full\"\n", "time": "x"])
    #expect(
      lines.text
        == #"{"time":"2026-11-25T06:21:22.123Z","level":"error","message":"append failed","cause":"disk \"full\"\n","time_":"x"}"# + "\n")
  }

  @Test("values from outside cannot forge a line", arguments: ["a\nERROR forged", "\u{1B}[2J", "\u{9B}2J", "\r", "a\u{2028}b"])
  func forging(value: String) {
    let lines = Lines()
    lines.log().warning("refused", ["value": value])
    let body = lines.text.dropLast().unicodeScalars
    #expect(body.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) && $0.value != 0x2028 })
  }

  @Test("a child carries metadata, and a key given again is replaced")
  func children() {
    let lines = Lines()
    let child = lines.log().with(["node": "1", "role": "owner"]).with(["role": "projector"])
    child.debug("tick", ["n": ""])
    #expect(lines.text.hasSuffix("DEBUG   tick node=1 role=projector n=\"\"\n"))
  }

  @Test("below its level nothing is written and metadata is not evaluated")
  func levels() {
    let lines = Lines()
    var evaluated = 0
    func costly() -> String {
      evaluated += 1
      return "x"
    }
    let log = lines.log(level: .warning)
    log.info("quiet", ["a": costly()])
    #expect(lines.text.isEmpty && evaluated == 0)
    log.warning("loud", ["a": costly()])
    #expect(evaluated == 1)
  }

  @Test(
    "times are RFC 3339 in UTC",
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
      (253_402_300_799_999, "9999-12-31T23:59:59.999Z"), (Int64.max, "9999-12-31T23:59:59.999Z"),
      (Int64.min, "0000-01-01T00:00:00.000Z"), (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
    ] as [(Int64, String)])
  func times(milliseconds: Int64, text: String) {
    #expect(Timestamp.text(milliseconds) == text)
  }
}
