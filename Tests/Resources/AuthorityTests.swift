import Resources
import Testing

@Suite struct AuthorityTests {
  @Test(arguments: [
    ("h", "h", nil), ("h:80", "h", 80), ("H.example-1.com.", "H.example-1.com.", nil), ("my_host:0", "my_host", 0),
    ("127.0.0.1:65535", "127.0.0.1", 65535),
    ("h:", "h", nil), ("[::1]", "[::1]", nil), ("[::]:8080", "[::]", 8080), ("[2001:db8::a:1]:1", "[2001:db8::a:1]", 1),
    ("[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8]", nil), ("[::ffff:10.0.0.1]", "[::ffff:10.0.0.1]", nil), ("[1::]", "[1::]", nil),
  ])
  func `a host with an optional port is taken apart`(_ text: String, _ host: String, _ port: Int?) {
    let found = Authority(text)
    #expect(found?.host == host)
    #expect(found?.port == port)
  }

  @Test(arguments: [
    "", ":80", "h:abc", "h:99999", "h:65536", "h:-1", "h:+1", "h:1:2", "h:000080", "[::1", "::1", "[::1]x", "[::1]80", "[]", "[:]", "[:::]",
    "[1:2]", "[1::2::3]",
    "[1:2:3:4:5:6:7:8:9]", "[::12345]", "[::g]", "[::1%eth0]", "[::1.2.3]", "[::1.2.3.256]", "[1:]", "..", ".", ".h", "a..b", "-h", "h-",
    "a.-b", "a-.b", "a b", "a/b",
    "a@b", "a#b", "a?b", "ex%41", "h\u{e9}", "h,i", "a\\b", String(repeating: "a", count: 64), String(repeating: "a.", count: 128),
  ])
  func `anything else is refused`(_ text: String) { #expect(Authority(text) == nil) }

  @Test func `a base URL is a scheme, a host and perhaps a port`() {
    #expect(Authority.baseURL("https://api.example.com") == "https://api.example.com")
    #expect(Authority.baseURL("http://[::1]:8080/") == "http://[::1]:8080")
    for bad in [
      "https://a#x", "https://a/..", "https://a:99999", "https://a:0", "https://a:", "https://@h", "https://ex%41", "https://u:pw@host",
      "https://a?b", "https://a//",
      "https://", "http:///", "ftp://a", "a", "https:/a", "HTTPS://a", " https://a",
    ] {
      #expect(Authority.baseURL(bad) == nil, "\(bad)")
    }
  }
}
