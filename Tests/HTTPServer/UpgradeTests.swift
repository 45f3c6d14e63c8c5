import EventLoops
import HTTPServer
import PortsTesting
import Testing

/// Says everything twice.
private final class Doubler: TCPStreamDelegate {
  let stream: TCPStream
  let gone: Gate
  init(_ stream: TCPStream, _ gone: Gate) {
    self.stream = stream
    self.gone = gone
  }
  func received(_ bytes: RawSpan) { stream.write(bytes, bytes) }
  func ended(_ end: StreamEnd) { stream.close() }
  func drained() {}
  func flushed() {}
  func closed() { gone.open() }
}

@Suite struct UpgradeTests {
  private let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: double\r\n\r\n"

  @Test func `a connection can be handed over, with the bytes that came early`() async throws {
    let gone = Gate()
    let server = try TestServer { _, response in
      response.upgrade(to: "double", headers: [("X", "y")]) { Doubler($0, gone) }
    }
    let client = try server.client()
    await client.send(request + "abc")
    let (status, head) = try await client.readHead()
    #expect(status == 101)
    #expect(head.contains("Upgrade: double\r\nX: y"))
    #expect(try await client.readText(6) == "abcabc")
    await client.send("de")
    #expect(try await client.readText(4) == "dede")
    await client.close()
    await gone.wait()
  }

  @Test func `a connection handed over is cut at the end of the grace`() async throws {
    let gone = Gate()
    let server = try TestServer { _, response in response.upgrade(to: "double") { Doubler($0, gone) } }
    let client = try server.client()
    await client.send(request)
    #expect(try await client.readHead().status == 101)
    await server.server.shutdown(graceMilliseconds: 10)
    await gone.wait()
  }

  @Test func `a request with a body to come is not handed over`() async throws {
    let server = try TestServer { _, response in response.upgrade(to: "double") { Doubler($0, Gate()) } }
    let client = try server.client()
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
    #expect(try await client.readAnswer().status == 400)
  }

  @Test func `an upgrade that nobody takes up is an ordinary request`() async throws {
    let server = try TestServer()
    let client = try server.client()
    #expect(try await client.exchange(request).body == "GET / - ")
    #expect(try await client.exchange(request).body == "GET / - ")
  }
}
