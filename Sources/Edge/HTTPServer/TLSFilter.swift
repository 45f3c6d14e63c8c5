internal import EventLoops
internal import TLS

/// TLS on a connection of the server.
final class TLSFilter: StreamFilter {
  private let session: TLSSession
  private var isFirst = true
  /// Said in the clear, to somebody who speaks in the clear.
  private var plainAnswer: [UInt8] = []

  init(_ session: TLSSession) { self.session = session }

  var isReady: Bool { session.isEstablished }
  var isEnded: Bool { session.isEnded }

  func received(_ bytes: RawSpan) throws(StreamFilterError) -> [UInt8] {
    if isFirst, bytes.byteCount > 0 {
      isFirst = false
      // A record of a handshake begins with 22, a request with the letter of a method.
      let first = bytes.unsafeLoad(as: UInt8.self)
      if (0x41...0x5A).contains(first) {
        plainAnswer = TLSFilter.refusal
        throw StreamFilterError(reason: "HTTP without TLS")
      }
    }
    do throws(TLSError) { return try session.received(bytes) } catch { throw StreamFilterError(reason: error.reason) }
  }

  func write(_ bytes: RawSpan) throws(StreamFilterError) {
    do throws(TLSError) { try session.write(bytes) } catch { throw StreamFilterError(reason: error.reason) }
  }

  func end() { session.end() }

  func output() -> [UInt8] {
    guard plainAnswer.isEmpty else {
      defer { plainAnswer = [] }
      return plainAnswer
    }
    return session.output()
  }

  private static let refusal: [UInt8] = {
    let body = #"{"code":20001,"message":"This port speaks https.","more_info":"https://www.twilio.com/docs/errors/20001","status":400}"#
    return Array(
      "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
        .utf8)
  }()
}
