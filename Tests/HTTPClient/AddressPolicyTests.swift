import HTTPClient
import Testing

@Suite struct AddressPolicyTests {
  @Test(
    arguments: [
      // The first and the last address of each range, and what it is for.
      ("0.0.0.0", "0.255.255.255", "0.0.0.0/8"),
      ("10.0.0.0", "10.255.255.255", "10.0.0.0/8"),
      ("100.64.0.0", "100.127.255.255", "100.64.0.0/10"),
      ("127.0.0.0", "127.255.255.255", "127.0.0.0/8"),
      ("169.254.0.0", "169.254.255.255", "169.254.0.0/16"),
      ("172.16.0.0", "172.31.255.255", "172.16.0.0/12"),
      ("192.0.0.0", "192.0.0.255", "192.0.0.0/24"),
      ("192.0.2.0", "192.0.2.255", "192.0.2.0/24"),
      ("192.88.99.0", "192.88.99.255", "192.88.99.0/24"),
      ("192.168.0.0", "192.168.255.255", "192.168.0.0/16"),
      ("198.18.0.0", "198.19.255.255", "198.18.0.0/15"),
      ("198.51.100.0", "198.51.100.255", "198.51.100.0/24"),
      ("203.0.113.0", "203.0.113.255", "203.0.113.0/24"),
      ("224.0.0.0", "239.255.255.255", "224.0.0.0/4"),
      ("240.0.0.0", "255.255.255.254", "240.0.0.0/4"),
      ("255.255.255.255", "255.255.255.255", "255.255.255.255/32"),
      ("::", "::", "::/128"),
      ("::1", "::1", "::1/128"),
      ("::2", "::255.255.255.255", "::/96"),
      ("64:ff9b::", "64:ff9b::ffff:ffff", "64:ff9b::/96"),
      ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "64:ff9b:1::/48"),
      ("100::", "100::ffff:ffff:ffff:ffff", "100::/64"),
      ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::/32"),
      ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::/16"),
      ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::/20"),
      ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f00::/16"),
      ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fc00::/7"),
      ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::/10"),
      ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::/10"),
      ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::/8"),
      // Mapped addresses are judged by what they carry.
      ("::ffff:127.0.0.1", "::ffff:7fff:ffff", "127.0.0.0/8"),
      ("::ffff:10.0.0.1", "::ffff:169.254.169.254", nil),
    ] as [(String, String, String?)])
  func `each range is refused from its first to its last address`(first: String, last: String, rule: String?) throws {
    for text in [first, last] {
      let address = try #require(IPAddress(text))
      let refusal = try #require(AddressPolicy().refusal(of: address), "\(text) is allowed")
      if let rule { #expect(refusal.range.description == rule) }
      #expect(AddressPolicy(allowPrivateTargets: true).refusal(of: address) == nil)
    }
  }

  @Test(arguments: [
    "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255",
    "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.88.98.255", "192.88.100.0",
    "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0",
    "223.255.255.255", "8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::1:0:0", "64:ff9b:2::", "100:0:0:1::", "2001:db7:ffff::", "2001:db9::",
    "2001:4860:4860::8888", "2003::", "3ffe::", "3fff:1000::", "5eff::", "5f01::", "fbff::", "fe00::", "::1:0:0:0",
  ])
  func `the neighbours of the ranges are allowed`(text: String) throws {
    #expect(AddressPolicy().refusal(of: try #require(IPAddress(text))) == nil)
  }

  @Test func `an exception opens a range and nothing else`() throws {
    let policy = AddressPolicy(exceptions: [try #require(AddressRange("10.1.0.0/16"))])
    #expect(policy.refusal(of: try #require(IPAddress("10.1.2.3"))) == nil)
    #expect(policy.refusal(of: try #require(IPAddress("::ffff:10.1.2.3"))) == nil)
    #expect(policy.refusal(of: try #require(IPAddress("10.2.0.0"))) != nil)
  }

  @Test(arguments: ["0x7f.1", "0177.0.0.1", "2130706433", "127.1", "[::1]", "fe80::1%eth0", "1.2.3.4.", "", "a"])
  func `only strict forms are addresses`(text: String) {
    #expect(IPAddress(text) == nil)
  }

  @Test(arguments: ["10.0.0.0/33", "10.0.0.0/-1", "::/129", "10.0.0.0/", "/8", "10.0.0.0/8/8"])
  func `broken ranges are not read`(text: String) {
    #expect(AddressRange(text) == nil)
  }

  @Test func `ranges of nothing and of everything`() throws {
    let all = try #require(AddressRange("0.0.0.0/0"))
    #expect(all.contains(try #require(IPAddress("203.1.2.3"))))
    #expect(!all.contains(try #require(IPAddress("::1"))))
    #expect(try #require(AddressRange("::/0")).contains(try #require(IPAddress("2001:db8::1"))))
    #expect(try #require(AddressRange("2001:db8::1")).description == "2001:db8::1/128")
  }
}
