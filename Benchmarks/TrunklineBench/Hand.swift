import EventLoops
import Foundation

/// One kept connection that takes tasks through their lives, request after request, on a loop's thread alone. It reads no more of an answer than its length and one SID: what
/// is measured is the server, and a client of comfort costs more than it.
final class Hand: TCPStreamDelegate {
  private enum Step {
    case create, offer, accept, complete
  }
  /// What all of a measurement's hands have in common.
  struct Plan: Sendable {
    var address: SocketAddress
    var root: String
    var workflow: String
    var authorization: String
    var end: Double
  }

  private let plan: Plan
  private let skill: Int
  private let stream: TCPStream
  private var step = Step.create
  private var task = ""
  private var reservation = ""
  private var buffer: [UInt8] = []
  private var done = 0
  /// How many lives, or nil: an answer was not what was expected.
  private let finished: (Int?) -> Void

  /// On the loop's thread.
  static func start(_ plan: Plan, skill: Int, on loop: EventLoop, finished: @escaping (Int?) -> Void) throws {
    let begin = Begin()
    let stream = try TCPStream(loop: loop, connectingTo: plan.address) { error in
      if error == nil { begin.hand?.begin() } else { begin.hand?.stop(nil) }
      begin.hand = nil
    }
    let hand = Hand(plan, skill, stream, finished)
    stream.delegate = hand
    begin.hand = hand
  }

  private final class Begin { var hand: Hand? }

  private init(_ plan: Plan, _ skill: Int, _ stream: TCPStream, _ finished: @escaping (Int?) -> Void) {
    (self.plan, self.skill, self.stream, self.finished) = (plan, skill, stream, finished)
  }

  private func begin() {
    stream.startReading()
    ask()
  }

  private func stop(_ done: Int?) {
    finished(done)
    stream.close()
  }

  // MARK: Asking

  private func ask() {
    switch step {
    case .create: post("/Tasks", "WorkflowSid=\(plan.workflow)&Attributes=%7B%22skill%22%3A\(skill)%7D")
    case .offer: send("GET \(plan.root)/Tasks/\(task)/Reservations", "\r\n")
    case .accept: post("/Tasks/\(task)/Reservations/\(reservation)", "ReservationStatus=accepted")
    case .complete: post("/Tasks/\(task)", "AssignmentStatus=completed")
    }
  }

  private func post(_ path: String, _ body: String) {
    send(
      "POST \(plan.root)\(path)", "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
  }

  private func send(_ line: String, _ rest: String) {
    let bytes = Array("\(line) HTTP/1.1\r\nHost: \(plan.address)\r\nAuthorization: \(plan.authorization)\r\n\(rest)".utf8)
    stream.write(bytes.span.bytes)
  }

  // MARK: Answers

  func received(_ bytes: RawSpan) {
    bytes.withUnsafeBytes { buffer.append(contentsOf: $0) }
    guard let body = wholeBody() else { return }
    let isGood = buffer.starts(with: "HTTP/1.1 20".utf8) && take(body)
    buffer.removeAll(keepingCapacity: true)
    guard isGood else { return stop(nil) }
    if step == .create, uptime() >= plan.end { return stop(done) }
    ask()
  }

  /// Where the answer's body lies; nil while it is not whole.
  private func wholeBody() -> Range<Int>? {
    guard let end = place(of: "\r\n\r\n", from: 0), let field = place(of: "Content-Length: ", from: 0) else { return nil }
    var length = 0
    var at = field + 16
    while buffer[at] >= 48, buffer[at] <= 57 {
      length = length * 10 + Int(buffer[at] - 48)
      at += 1
    }
    return buffer.count < end + 4 + length ? nil : (end + 4)..<(end + 4 + length)
  }

  private func place(of text: StaticString, from start: Int) -> Int? {
    buffer.withUnsafeBytes { bytes in
      let count = text.utf8CodeUnitCount
      guard let base = bytes.baseAddress, bytes.count >= start + count else { return nil }
      return (start...(bytes.count - count)).first { bytes[$0] == text.utf8Start[0] && memcmp(base + $0, text.utf8Start, count) == 0 }
    }
  }

  /// Takes from an answer what the next request needs.
  private func take(_ body: Range<Int>) -> Bool {
    switch step {
    case .create:
      guard let sid = sid("\"sid\":\"WT", body) else { return false }
      (task, step) = (sid, .offer)
    case .offer:
      guard let sid = sid("\"sid\":\"WR", body) else { return false }
      (reservation, step) = (sid, .accept)
    case .accept: step = .complete
    case .complete:
      done += 1
      step = .create
    }
    return true
  }

  private func sid(_ mark: StaticString, _ body: Range<Int>) -> String? {
    guard let found = place(of: mark, from: body.lowerBound), found + 41 <= body.upperBound else { return nil }
    return String(decoding: buffer[(found + 7)..<(found + 41)], as: UTF8.self)
  }

  func ended(_ end: StreamEnd) { stop(nil) }
  func drained() {}
  func flushed() {}
  func closed() {}
}
