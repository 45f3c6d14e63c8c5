import Observability
import Testing

@Suite("Redacted")
struct RedactedTests {
  @Test("nothing that prints it shows the secret")
  func hidden() {
    let token = Redacted("s3cret")
    var dumped = ""
    dump((token, [token]), to: &dumped)
    for text in ["\(token)", String(describing: token), String(reflecting: token), "\(Optional(token) as Any)", "\([token])", dumped] {
      #expect(!text.contains("s3cret") && text.contains("********"))
    }
  }

  @Test("it is there for the one who needs it, and can be compared")
  func usable() {
    #expect(Redacted("a").secret == "a")
    #expect(Redacted("a") == Redacted("a") && Redacted("a") != Redacted("b"))
  }
}
