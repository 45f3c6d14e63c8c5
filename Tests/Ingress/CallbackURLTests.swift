import Testing

@testable import Ingress

@Suite("URLs that customers want called (taskrouter.md 2.1, 2.7)")
struct CallbackURLTests {
  @Test(arguments: [
    "http://host", "https://host/", "HTTP://127.0.0.1:8080/up?a=1#b", "http://user:pass@host:1/x", "http://user@[::1]:65535/",
    "http://[fe80::1]",
    "http://a_b.example-1.com.?q", "http://host/a/../b%C3%A9",
  ])
  func `what can be called is accepted`(url: String) { #expect(CallbackURL.brokenRule(url) == nil) }

  @Test(arguments: [
    ("host/path", "absolute"), ("ftp://host/", "absolute"), ("http:/host", "absolute"), ("http://", "host"), ("http:///path", "host"),
    ("http://:8715/", "host"), ("http://user@/", "host"), ("http://?a", "host"), ("http://./", "host"), ("http://ho%73t/", "host"),
    ("http://a\\b/", "host"), ("http://[::1", "host"), ("http://[]/", "host"), ("http://[host]/", "host"),
    ("http://127.0.0.1:99999/", "port"),
    ("http://host:0/", "port"), ("http://host:/", "port"), ("http://host:080/", "port"), ("http://host:8a/", "port"),
    ("http://host:+80/", "port"),
    ("http://::1/", "host"), ("http://host/é", "percent-encoded"), ("http://host/a b", "percent-encoded"),
    ("http://host/a\tb", "percent-encoded"),
    ("http://host/" + String(repeating: "a", count: 2048), "2048"),
  ])
  func `what cannot be called is refused with the rule that it breaks`(url: String, word: String) {
    #expect(CallbackURL.brokenRule(url)?.contains(word) == true, "\(CallbackURL.brokenRule(url) ?? "accepted")")
  }
}
