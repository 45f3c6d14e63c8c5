import KafkaSettings
import Testing

@Suite("Where Kafka is, and as whom")
struct KafkaSettingsTests {
  @Test("a file of key=value lines passes on to the client; a password may hold any character")
  func file() throws {
    let settings = try KafkaSettings(
      bootstrap: "a:9092, [::1]:9093",
      file: """
        # how we get in
        security.protocol=SASL_SSL
        sasl.mechanism = SCRAM-SHA-512
        ! so do these
        sasl.username=trunkline\r
        sasl.password= p#a=s!s "w
        ssl.ca.location=/etc/kafka/ca.pem

        """)
    #expect(settings.bootstrap == "a:9092,[::1]:9093")
    #expect(
      settings.extra == [
        "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "trunkline", "sasl.password": "p#a=s!s \"w",
        "ssl.ca.location": "/etc/kafka/ca.pem",
      ])
  }

  @Test("what describes it shows nothing secret")
  func redaction() {
    let settings = KafkaSettings(
      bootstrap: "a:1",
      extra: [
        "sasl.password": "S3CRET", "sasl.username": "S3CRET", "ssl.key.pem": "S3CRET", "sasl.oauthbearer.client.secret": "S3CRET",
        "security.protocol": "SASL_SSL",
      ])
    for text in ["\(settings)", String(reflecting: settings), String(describing: Optional(settings))] {
      #expect(!text.contains("S3CRET"))
      #expect(text.contains("security.protocol=SASL_SSL") && text.contains("sasl.password=********"))
    }
  }

  @Test(
    "brokers that are none are named",
    arguments: ["", "a", "a:", "a:0", "a:65536", ":1", "a:1,,b:2", "a:1,", "::1:9092", "http://a:1", "user@a:1", "a b\u{7}:1"])
  func brokers(text: String) {
    #expect(throws: KafkaSettingsError.brokers(received: text)) { try KafkaSettings(bootstrap: text, file: nil) }
  }

  @Test(
    "mistakes in the file are named with path and line, never with the value",
    arguments: [
      ("a=1\nno equals S3CRET\n", 2, "must be key=value"),
      ("=S3CRET", 1, "a key has"),
      ("Sasl.Password=S3CRET", 1, "a key has"),
      ("\nsasl.password=S3CRET\nsasl.password=S3CRET", 3, "stands there twice"),
      ("bootstrap.servers=S3CRET:1", 1, "--kafka says"),
      ("acks=1", 1, "what is acknowledged must be there"),
      ("enable.idempotence=false", 1, "what is acknowledged must be there"),
      ("group.id=x", 1, "Trunkline's own"),
      ("auto.offset.reset=earliest", 1, "Trunkline's own"),
      ("plugin.library.paths=/tmp/x.so", 1, "loads code"),
      ("sasl.jaas.config=S3CRET", 1, "sasl.username and sasl.password"),
    ])
  func mistakes(text: String, line: Int, rule: String) {
    let error = #expect(throws: KafkaSettingsError.self) { try KafkaSettings(bootstrap: "a:1", file: text, path: "kafka.properties") }
    let words = error?.description ?? ""
    #expect(words.hasPrefix("kafka.properties:\(line): ") && words.contains(rule) && !words.contains("S3CRET"), "\(words)")
  }
}
