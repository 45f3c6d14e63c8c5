import Options
import Testing

@Suite("Kinds of values")
struct KindTests {
  @Test("an error names option, source, rule and what was received, but no secret")
  func errors() throws {
    let options = try options(["serve", "--port", "70000"], ["TRUNKLINE_SIGNING_KEY": "hush"])
    #expect(throws: OptionError.self) { try options.value("port", .integer(in: 1...65_535)) }
    do { _ = try options.value("port", .integer(in: 1...65_535)) } catch {
      #expect(error.description == "port (flag --port): must be a whole number from 1 to 65535, received '70000'")
    }
    do { _ = try options.value("signing-key", .bool) } catch {
      #expect(error.description == "signing-key (environment TRUNKLINE_SIGNING_KEY): must be true or false, received '********'")
    }
    #expect(throws: OptionError.undeclared("nothing")) { try options.text("nothing") }
  }

  @Test(
    "durations are seconds or carry a unit",
    arguments: [
      ("30", 30_000), ("1.5", 1500), ("500ms", 500), ("2s", 2000), ("5m", 300_000), ("1h", 3_600_000), ("7d", 604_800_000), ("0", 0),
      ("", nil), ("-1", nil), ("5 m", nil), ("5w", nil), ("1e3", nil), (".5", nil), ("1..2", nil), ("nan", nil),
      ("99999999999999999d", nil),
    ] as [(String, Int64?)])
  func durations(text: String, milliseconds: Int64?) {
    #expect(OptionKind.duration(inMilliseconds: 0...Int64.max).read(text) == milliseconds)
  }

  @Test("a duration's rule is in people's units")
  func durationRule() {
    #expect(OptionKind.duration(inMilliseconds: 500...86_400_000).rule.hasPrefix("a duration from 500ms to 1d"))
  }

  @Test(
    "addresses are host and port",
    arguments: [
      ("a:1", HostPort(host: "a", port: 1)), ("127.0.0.1:65535", HostPort(host: "127.0.0.1", port: 65_535)),
      ("[::1]:8080", HostPort(host: "::1", port: 8080)), ("[::1]", HostPort(host: "::1", port: 9092)),
      ("kafka", HostPort(host: "kafka", port: 9092)), ("a:65536", nil), ("a:", nil), (":1", nil), ("::1:80", nil), ("[a]:1", nil),
      ("[::1", nil), ("[::1]x", nil), ("a:+1", nil), ("a b:1", nil), ("http://a:1", nil), ("", nil),
    ] as [(String, HostPort?)])
  func addresses(text: String, address: HostPort?) {
    #expect(OptionKind.hostPort(defaultPort: 9092).read(text) == address)
    if let address { #expect(HostPort(address.description) == address) }
  }

  @Test("without a default the port is needed")
  func portNeeded() { #expect(OptionKind.hostPort().read("kafka") == nil) }
}
