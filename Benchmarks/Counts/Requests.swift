import CAllocations
import Foundation
import Glibc
import Observability
import Trunkline

/// What requests cost a served node in things that can be counted: one connection, one request after another.
extension Counting {
  static func requests(rounds: Int = 100) async throws -> [String: Double] {
    let folder = NSTemporaryDirectory() + "trunkline-counts-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var options = NodeOptions()
    options.dataFolder = folder
    options.port = 0
    options.keepsPoisonEvidence = false
    (options.presetAccount, options.presetToken) = (PlainClient.account, PlainClient.token)
    let node = try Node(options: options, logger: Logger(level: .warning, now: { SystemClock().now() }))
    let stop = Stop()
    let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
    let running = Task { try await node.run(stop: stop) { continuation.yield($0) } }
    var figures: [String: Double] = [:]
    for await port in ports {
      figures = try count(try PlainClient(port: port), rounds: rounds)
      break
    }
    stop.ring()
    try await running.value
    return figures
  }

  private static func count(_ client: PlainClient, rounds: Int) throws -> [String: Double] {
    let root = "/v1/Workspaces/" + (try client.sid("WS", "POST", "/v1/Workspaces", "FriendlyName=counts"))
    let queue = try client.sid("WQ", "POST", root + "/TaskQueues", "FriendlyName=all")
    let document = "{\"task_routing\":{\"filters\":[],\"default_filter\":{\"queue\":\"\(queue)\"}}}"
    let escaped = document.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    let workflow = try client.sid("WW", "POST", root + "/Workflows", "FriendlyName=w&Configuration=\(escaped)")
    let task = try client.sid("WT", "POST", root + "/Tasks", "WorkflowSid=\(workflow)&Attributes=%7B%22skill%22%3A1%7D")
    var figures: [String: Double] = [:]
    for (what, path, expected) in [
      ("a task is fetched", "/Tasks/\(task)", 200), ("its reservations are listed", "/Tasks/\(task)/Reservations", 200),
      ("what is not there is fetched", "/Tasks/\(task.dropLast(4))0000", 404),
    ] {
      // What is made once is made now.
      for _ in 0..<100 { try client.ask("GET", root + path, expecting: expected) }
      var least = (count: Double.infinity, bytes: Double.infinity)
      // Other threads of the node have work of their own now and then: the least of several is the requests' alone.
      for _ in 0..<12 {
        let before = Memory()
        for _ in 0..<rounds { try client.ask("GET", root + path, expecting: expected) }
        least.count = min(least.count, Double(allocations_count() - before.count) / Double(rounds))
        least.bytes = min(least.bytes, Double(allocations_bytes() - before.bytes) / Double(rounds))
      }
      figures["request, \(what): allocations"] = least.count
      figures["request, \(what): bytes allocated"] = least.bytes
    }
    return figures
  }
}

/// One kept connection that asks for no memory while it is counted: requests are made once, answers are read into one buffer.
private final class PlainClient {
  static let account = "AC" + String(repeating: "b", count: 32)
  static let token = "counts"

  private let file: Int32
  private var answer = [UInt8](repeating: 0, count: 65_536)
  private var known: (key: String, bytes: [UInt8]) = ("", [])

  init(port: Int) throws {
    file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    guard connected == 0 else { throw CountFailure.noConnection(errno) }
    // The port is there before the partitions are.
    while (try? ask("GET", "/ready", expecting: 200)) == nil { usleep(10_000) }
  }

  deinit { close(file) }

  /// The SID of what a request made.
  func sid(_ prefix: String, _ method: String, _ path: String, _ form: String) throws -> String {
    let length = try ask(method, path, form, expecting: 201)
    let text = String(decoding: answer[..<length], as: UTF8.self)
    guard let found = text.range(of: "\"sid\":\"\(prefix)") else { throw CountFailure.unexpected(text) }
    return prefix + text[found.upperBound...].prefix(32)
  }

  @discardableResult
  func ask(_ method: String, _ path: String, _ form: String = "", expecting status: Int) throws -> Int {
    if known.key != path || !form.isEmpty { known = (path, request(method, path, form)) }
    guard send(file, known.bytes, known.bytes.count, Int32(MSG_NOSIGNAL)) == known.bytes.count else {
      throw CountFailure.noConnection(errno)
    }
    var count = 0
    while true {
      let read = answer.withUnsafeMutableBytes { recv(file, $0.baseAddress?.advanced(by: count), $0.count - count, 0) }
      guard read > 0 else { throw CountFailure.noConnection(errno) }
      count += read
      if let whole = length(of: count), count >= whole { break }
    }
    let found = (0..<3).reduce(0) { $0 * 10 + Int(answer[9 + $1] &- 48) }
    guard found == status else { throw CountFailure.unexpected(String(decoding: answer[..<count], as: UTF8.self)) }
    return count
  }

  private func request(_ method: String, _ path: String, _ form: String) -> [UInt8] {
    let credentials = Data("\(Self.account):\(Self.token)".utf8).base64EncodedString()
    let head = "\(method) \(path) HTTP/1.1\r\nHost: counts\r\nAuthorization: Basic \(credentials)\r\n"
    let type = "Content-Type: application/x-www-form-urlencoded\r\n"
    return Array((form.isEmpty ? head + "\r\n" : head + type + "Content-Length: \(form.utf8.count)\r\n\r\n\(form)").utf8)
  }

  /// Of the answer that begins in the buffer, as soon as its head is there.
  private func length(of count: Int) -> Int? {
    guard let end = place(of: "\r\n\r\n", in: count), let field = place(of: "Content-Length: ", in: count) else { return nil }
    var (length, at) = (0, field + 16)
    while answer[at] >= 48, answer[at] <= 57 {
      length = length * 10 + Int(answer[at] - 48)
      at += 1
    }
    return end + 4 + length
  }

  private func place(of text: StaticString, in count: Int) -> Int? {
    let length = text.utf8CodeUnitCount
    guard count >= length else { return nil }
    return answer.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return nil }
      for at in 0...(count - length) where memcmp(base + at, text.utf8Start, length) == 0 { return at }
      return nil
    }
  }
}
