import HTTPClient
import PortsTesting
import Synchronization
import Testing

@Suite struct StreamTests {
  @Test func `chunks arrive while the answer goes on`() async throws {
    let firstSeen = Gate()
    let peer = try TestPeer { connection in
      guard connection.readRequest() != nil else { return }
      connection.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
      blockUntilOpen(firstSeen)
      connection.write("data: 2\n\n")
    }
    let client = try TestClient()
    var request = HTTPClientRequest(url: peer.url)
    request.totalTimeoutMilliseconds = 1
    request.bodyLimit = 0
    var text = ""
    var types: [String?] = []
    try await client.client.stream(request) { head in
      types.append(head.header("content-type"))
      return true
    } onChunk: { bytes in
      text += String(decoding: bytes, as: UTF8.self)
      firstSeen.open()
      return true
    }
    #expect(types == ["text/event-stream"])
    #expect(text == "data: 1\n\ndata: 2\n\n")
  }

  @Test func `a slow reader holds the peer back and loses nothing`() async throws {
    let count = 2_000_000
    let peer = try TestPeer { connection in
      guard connection.readRequest() != nil else { return }
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n")
      connection.write((0..<count).map { UInt8(truncatingIfNeeded: $0) })
    }
    let client = try TestClient()
    var position = 0
    var isRight = true
    var largest = 0
    try await client.client.stream(HTTPClientRequest(url: peer.url)) { _ in
      true
    } onChunk: { bytes in
      // Lets the loop run ahead as far as it may.
      for _ in 0..<20 { await Task.yield() }
      largest = max(largest, bytes.count)
      for byte in bytes {
        isRight = isRight && byte == UInt8(truncatingIfNeeded: position)
        position += 1
      }
      return true
    }
    #expect(position == count)
    #expect(isRight)
    #expect(largest <= 262_144 + 65_536)
  }

  @Test func `the reader ends the stream by answering false`() async throws {
    let gone = Gate()
    let peer = try TestPeer { connection in
      guard connection.readRequest() != nil else { return }
      connection.write("HTTP/1.1 503 Busy\r\n\r\n")
      connection.waitForEnd()
      gone.open()
    }
    let client = try TestClient()
    var status = 0
    try await client.client.stream(HTTPClientRequest(url: peer.url)) { head in
      status = head.status
      return false
    } onChunk: { _ in
      true
    }
    #expect(status == 503)
    await gone.wait()
  }

  @Test func `cancelling ends a stream`() async throws {
    let started = Gate()
    let gone = Gate()
    let peer = try TestPeer { connection in
      guard connection.readRequest() != nil else { return }
      connection.write("HTTP/1.1 200 OK\r\n\r\n")
      connection.waitForEnd()
      gone.open()
    }
    let client = try TestClient()
    let task = Task {
      do throws(HTTPClientError) {
        try await client.client.stream(HTTPClientRequest(url: peer.url)) { _ in
          started.open()
          return true
        } onChunk: { _ in
          true
        }
        return nil as HTTPClientError?
      } catch {
        return error
      }
    }
    await started.wait()
    task.cancel()
    #expect(await task.value == .cancelled)
    await gone.wait()
  }

  @Test(arguments: [10, nil])
  func `an upload is read piece by piece`(length: Int?) async throws {
    let peer = try TestPeer { connection in
      var text = ""
      while !text.hasSuffix(length == nil ? "0\r\n\r\n" : "56789"), let more = connection.read() {
        text += String(decoding: more, as: UTF8.self)
      }
      connection.answer(text)
    }
    let client = try TestClient()
    let pieces = Mutex([Array("01234".utf8), [], Array("56789".utf8)])
    let body = HTTPClientRequest.Body.chunks(length: length) { pieces.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
    let response = try await client.send(HTTPClientRequest(method: "PUT", url: peer.url, body: body))
    let text = String(decoding: response.body, as: UTF8.self)
    #expect(text.contains("Content-Length: 10\r\n") == (length != nil))
    #expect(text.contains("Transfer-Encoding: chunked\r\n") == (length == nil))
    #expect(!text.contains("Expect"))
    #expect(length == nil ? text.hasSuffix("\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n") : text.hasSuffix("\r\n\r\n0123456789"))
  }

  @Test(arguments: [(4, "length is 4, the source gave at least 5 bytes"), (6, "length is 6, the source gave 5 bytes")])
  func `an upload that is not as long as it said fails`(length: Int, reason: String) async throws {
    let peer = try TestPeer { $0.waitForEnd() }
    let client = try TestClient()
    let pieces = Mutex([Array("01234".utf8)])
    let body = HTTPClientRequest.Body.chunks(length: length) { pieces.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
    #expect(await client.failure(HTTPClientRequest(method: "PUT", url: peer.url, body: body)) == .requestBody(reason: reason))
  }

  @Test func `a source that fails ends the request`() async throws {
    struct Broken: Error {}
    let peer = try TestPeer { $0.waitForEnd() }
    let client = try TestClient()
    let body = HTTPClientRequest.Body.chunks(length: 3) { throw Broken() }
    let failure = await client.failure(HTTPClientRequest(method: "PUT", url: peer.url, body: body))
    #expect(failure == .requestBody(reason: "the source failed: Broken()"))
  }
}
