import EventLoops
import HTTPClient
import PortsTesting
import Testing

@Suite struct CancellationTests {
  @Test func `cancelling the task takes the request off the wire`() async throws {
    let arrived = Gate()
    let gone = Gate()
    let peer = try TestPeer { connection in
      _ = connection.readRequest()
      arrived.open()
      connection.waitForEnd()
      gone.open()
    }
    let client = try TestClient()
    let task = Task { await client.failure(HTTPClientRequest(url: peer.url)) }
    await arrived.wait()
    task.cancel()
    #expect(await task.value == .cancelled)
    await gone.wait()
  }

  @Test func `a task that was cancelled before sends nothing`() async throws {
    let peer = try TestPeer(echo)
    let client = try TestClient()
    let start = Gate()
    let task = Task {
      await start.wait()
      return await client.failure(HTTPClientRequest(url: peer.url))
    }
    task.cancel()
    start.open()
    #expect(await task.value == .cancelled)
    #expect(peer.accepted == 0)
  }

  @Test func `shutting down cancels what is under way and what waits, and later requests`() async throws {
    let arrived = Gate()
    let peer = try TestPeer { connection in
      _ = connection.readRequest()
      arrived.open()
      connection.waitForEnd()
    }
    let client = try TestClient { $0.concurrencyPerHost = 1 }
    async let first = client.failure(HTTPClientRequest(url: peer.url))
    await arrived.wait()
    async let second = client.failure(HTTPClientRequest(url: peer.url))
    await client.client.shutdown()
    #expect(await first == .cancelled)
    #expect(await second == .cancelled)
    #expect(await client.failure(HTTPClientRequest(url: peer.url)) == .cancelled)
    await client.client.shutdown()
  }

  @Test func `stopping the loop under a busy client is safe`() async throws {
    let arrived = Gate()
    let peer = try TestPeer { connection in
      _ = connection.readRequest()
      arrived.open()
      connection.waitForEnd()
    }
    let client = try TestClient()
    async let failure = client.failure(HTTPClientRequest(url: peer.url))
    await arrived.wait()
    client.loop.stop()
    #expect(await failure == .cancelled)
    #expect(await client.failure(HTTPClientRequest(url: peer.url)) == .cancelled)
  }

  @Test func `requests beyond the limit of a host wait for their turn`() async throws {
    let arrived = Gate()
    let release = Gate()
    let peer = try TestPeer { connection in
      while let request = connection.readRequest() {
        if request.hasPrefix("GET /slow") {
          arrived.open()
          blockUntilOpen(release)
        }
        connection.answer("\(connection.number)")
      }
    }
    let client = try TestClient { $0.concurrencyPerHost = 1 }
    async let slow = client.get(peer.url + "/slow")
    await arrived.wait()
    // A request that waits is out of time like any other, and one that is cancelled there never leaves.
    var request = HTTPClientRequest(url: peer.url)
    request.totalTimeoutMilliseconds = 20
    #expect(await client.failure(request) == .timeout(host: "127.0.0.1", phase: .waiting, milliseconds: 20))
    let cancelled = Task { await client.failure(HTTPClientRequest(url: peer.url)) }
    cancelled.cancel()
    #expect(await cancelled.value == .cancelled)
    async let next = client.get(peer.url)
    async let last = client.get(peer.url)
    release.open()
    #expect(try await slow.status == 200)
    #expect(try await next.status == 200)
    #expect(try await last.status == 200)
    #expect(peer.accepted == 1)
  }

  @Test func `many requests at once from many tasks are all answered`() async throws {
    let peer = try TestPeer(echo)
    let client = try TestClient { $0.concurrencyPerHost = 4 }
    let statuses = await withTaskGroup(of: Int?.self) { group in
      for index in 0..<200 { group.addTask { try? await client.get(peer.url + "/\(index)").status } }
      return await group.reduce(into: [Int?]()) { $0.append($1) }
    }
    #expect(statuses == [Int?](repeating: 200, count: 200))
    #expect(peer.accepted <= 8)
  }
}
