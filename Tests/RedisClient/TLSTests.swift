import RedisClient
import RedisTesting
import Testing

@Suite("Redis client over TLS", .enabled(if: RedisProcess.isAvailable)) struct TLSTests {
  @Test(arguments: ["localhost", "127.0.0.1"])
  func `a server with the expected certificate and name is talked to`(_ host: String) async throws {
    let certificate = try SelfMadeCertificate()
    let server = try RedisProcess(certificate: certificate)
    let watched = try Watched("rediss://\(host):\(server.port)?ca=\(certificate.certificate)")
    #expect(try await watched.client.connected(withinMilliseconds: 20_000).role == "master")
    let value = [UInt8](repeating: 65, count: 3_000_000)
    var pipeline = RedisPipeline()
    pipeline.add(Array("SET".utf8), Array("long".utf8), value)
    pipeline.add(text: "GET long")
    let replies = try await withCheckedContinuation { c in watched.client.send(pipeline) { c.resume(returning: $0) } }.get()
    #expect(replies[1].payload == value)
  }

  @Test func `a certificate that nobody vouches for is refused`() async throws {
    let server = try RedisProcess(certificate: try SelfMadeCertificate())
    let other = try SelfMadeCertificate()
    for authority in ["", "?ca=\(other.certificate)"] {
      let watched = try Watched("rediss://localhost:\(server.port)\(authority)")
      let event = await watched.first { if case .disconnected(.tls) = $0 { true } else { false } }
      guard case .disconnected(let error) = event else { return }
      #expect(error.description.contains("the certificate is not believed"), "\(error)")
    }
    withExtendedLifetime(other) {}
  }

  @Test func `a certificate for another name is refused`() async throws {
    let certificate = try SelfMadeCertificate()
    let server = try RedisProcess(certificate: certificate)
    let watched = try Watched("rediss://127.0.0.2:\(server.port)?ca=\(certificate.certificate)")
    let event = await watched.first { if case .disconnected(.tls) = $0 { true } else { false } }
    guard case .disconnected(let error) = event else { return }
    #expect(error.description.contains("mismatch"), "\(error)")
  }

  @Test func `a file of certificates that is not there is named`() async throws {
    let watched = try Watched("rediss://localhost:1?ca=/nowhere.pem")
    guard case .tls(let why) = await watched.failure() else { return #expect(Bool(false)) }
    #expect(why.contains("/nowhere.pem"))
  }
}
