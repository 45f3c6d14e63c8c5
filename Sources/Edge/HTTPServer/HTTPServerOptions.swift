package import TLS

/// What the server itself answers instead of a handler.
package struct HTTPRefusal: Sendable, Equatable {
  /// 400 to 599.
  package let status: Int
  /// One sentence for the developer at the other end: the field, the rule, what was received.
  package let message: String

  package init(status: Int, message: String) {
    self.status = status
    self.message = message
  }

  /// `{"code":…,"message":"…","status":…}` with the status as code.
  package var json: [UInt8] {
    var text = "{\"code\":\(status),\"message\":\""
    for scalar in message.unicodeScalars {
      switch scalar {
      case "\"", "\\": text += "\\\(scalar)"
      case _ where scalar.value < 0x20: text += " "
      default: text.unicodeScalars.append(scalar)
      }
    }
    return Array("\(text)\",\"status\":\(status)}".utf8)
  }
}

/// Limits of the server. Times in milliseconds; they are checked at least four times within the shortest of them, or each second.
package struct HTTPServerOptions: Sendable {
  /// Request line and header fields together, in bytes; beyond it 431, and 414 where the request line alone is larger.
  package var headerBytes = 32_768
  /// Header fields of one request; beyond it 431.
  package var headerFields = 128
  /// From a request's first byte to the end of its header; beyond it 408.
  package var headerMilliseconds: Int64 = 10_000
  /// Between two requests, and without progress while the peer does not take its answer; beyond it the connection is closed.
  package var idleMilliseconds: Int64 = 75_000
  /// Without a byte of a body that is being read; beyond it the body fails and the connection closes after the answer.
  package var bodyStallMilliseconds: Int64 = 30_000
  /// Bytes a second that a body must have on average, beyond the time that it may stall; 0: any. So that one byte now and then holds no connection for ever.
  package var bodyBytesPerSecond = 100
  /// How long a connection that we close after an answer still reads, so that the answer is not lost to a reset.
  package var lingerMilliseconds: Int64 = 2_000
  /// Open connections of the whole server; further ones are answered 503.
  package var connections = 10_000
  /// Bytes of a body that wait for the handler; above it the socket is not read.
  package var bodyBufferBytes = 262_144
  /// Bytes of a body nobody asked for that are read and dropped to keep the connection.
  package var discardedBodyBytes = 65_536
  /// Certificate and key; nil: HTTP in the clear. A handshake has as long as a header.
  package var tls: TLSIdentity?
  /// Fields of every final answer, the server's own included; not of 100 and 101. What `HTTPFields` says of names and values goes for them too, but for `Connection`, which is
  /// left out.
  package var fields: HTTPFields = []
  /// The JSON body of the server's own answers.
  package var errorBody: @Sendable (HTTPRefusal) -> [UInt8] = { $0.json }

  package init() {}
}
