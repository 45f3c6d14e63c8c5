import HTTPServer
import Resources
import Testing

@Suite struct MutationTests {
  @Test(arguments: 0..<8 as Range<UInt64>)
  func `no sequence of bytes stops the server`(_ seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    let server = try TestServer()
    for _ in 0..<150 {
      let first = OddRequest.all.randomElement(using: &random)!
      let second = OddRequest.all.randomElement(using: &random)!
      var bytes = (first.text + second.text).unicodeScalars.map { UInt8($0.value) }
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: at)
        case 2: bytes.insert([0x0D, 0x0A, 0x20, 0x3A, 0x00].randomElement(using: &random)!, at: at)
        default: bytes.insert(contentsOf: bytes[..<at], at: at)
        }
      }
      let client = try server.client()
      await client.send(bytes)
      await client.endOutput()
      // Whatever was said, the server ends the connection in the end: with answers, or with a reset.
      _ = try await client.readToEnd()
    }
    #expect(try await server.client().exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200)
  }
}
