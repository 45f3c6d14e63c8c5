import RedisClient
import Testing

@Suite struct AddressTests {
  @Test func `a server, its credentials and its database`() throws {
    let address = try RedisAddress("rediss://alice:p%40ss@cache.example:6380/3?ca=/etc/ca.pem")
    #expect(address.place == .server(RedisEndpoint(host: "cache.example", port: 6380)))
    #expect(address.usesTLS)
    #expect(address.credentials == RedisCredentials(user: "alice", password: "p@ss"))
    #expect(address.database == 3)
    #expect(address.certificateAuthority == "/etc/ca.pem")
  }

  @Test func `what is left out has its usual value`() throws {
    let address = try RedisAddress("redis://:secret@[::1]")
    #expect(address.place == .server(RedisEndpoint(host: "::1", port: 6379)))
    #expect(address.credentials == RedisCredentials(user: nil, password: "secret"))
    #expect(address.database == 0)
    #expect(!address.usesTLS)
    #expect(try RedisAddress("redis://localhost/").database == 0)
  }

  @Test func `several Sentinels and the name of their master`() throws {
    let address = try RedisAddress("redis-sentinel://u:p@a:1,b,[fe80::1]:3/main/2?sentinel-user=s&sentinel-password=t")
    let sentinels = [("a", 1), ("b", 26_379), ("fe80::1", 3)].map { RedisEndpoint(host: $0.0, port: $0.1) }
    #expect(address.place == .sentinels(sentinels, master: "main"))
    #expect(address.database == 2)
    #expect(address.sentinelCredentials == RedisCredentials(user: "s", password: "t"))
    #expect(try RedisAddress("rediss-sentinel://a/main").usesTLS)
  }

  @Test(arguments: [
    ("http://a", RedisAddressError.scheme("http")), ("localhost", .scheme("localhost")), ("redis://", .noHost), ("redis://:1", .noHost),
    ("redis://a:0", .port("0")), ("redis://a:x", .port("x")), ("redis://a:70000", .port("70000")), ("redis://a b", .host("a b")),
    ("redis://a/b", .database("b")), ("redis://a/-1", .database("-1")), ("redis://a/1/2", .database("1/2")),
    ("redis://a,b", .severalHosts), ("redis-sentinel://a", .noMasterName), ("redis-sentinel://a/", .noMasterName),
    ("redis-sentinel://a/x y", .masterName("x y")), ("redis://a?db=1", .parameter("db")), ("redis://a?ca=", .parameter("ca")),
    ("redis://secret@a", .credentials), ("redis://u:%zz@a", .credentials), ("redis://u:se/cret@a", .credentials),
    ("redis://u:se?cret@a", .credentials),
  ])
  func `what is wrong is named`(_ text: String, _ expected: RedisAddressError) {
    let error = #expect(throws: RedisAddressError.self) { try RedisAddress(text) }
    #expect(error == expected)
    #expect(error?.description.contains("cret") == false)
  }

  @Test func `nothing that prints an address shows its password`() throws {
    let address = try RedisAddress("redis-sentinel://u:secret@a/main?sentinel-password=hidden")
    var dumped = ""
    dump(address, to: &dumped)
    for text in ["\(address)", String(reflecting: address), dumped] {
      #expect(!text.contains("secret") && !text.contains("hidden"))
    }
    #expect("\(address)" == "redis-sentinel://a:26379/main/0")
  }
}
