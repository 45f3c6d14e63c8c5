package import EventLoops

/// Header fields of an answer, in order. `Content-Length`, `Transfer-Encoding`, `Connection` and `Date` are the server's and are left out if given;
/// `("Connection", "close")` is honoured. Control characters in names and values become spaces.
package typealias HTTPFields = [(name: String, value: String)]

/// Answers one request, once; a second answer is ignored. Usable from any task or thread.
package struct HTTPResponder: Sendable {
  let exchange: HTTPExchange

  /// The whole answer, in one write. `status` 200 to 599. An answer to HEAD keeps its length and loses its body.
  package func send(status: Int, headers: HTTPFields = [], body: [UInt8] = []) {
    let exchange = exchange
    // The usual case before a closure is made for the other.
    if exchange.loop.isCurrent { return exchange.answer(status, headers, body) }
    exchange.loop.post { exchange.answer(status, headers, body) }
  }

  /// The server's own kind of answer: JSON from the options' `errorBody`.
  package func refuse(_ refusal: HTTPRefusal) {
    let exchange = exchange
    exchange.loop.run { exchange.refuse(refusal) }
  }

  /// Answers 101 and hands the connection over to another protocol (RFC 9110, section 7.8). `adopt` runs on the loop and returns who reads the
  /// stream from now on; bytes that came behind the request are its first. The connection still counts for the server's limit, and at the end
  /// of a shutdown's grace it is cut. A request with a body, or an HTTP/1.0 one, is answered 400 instead.
  package func upgrade(to name: String, headers: HTTPFields = [], adopt: @escaping @Sendable (TCPStream) -> any TCPStreamDelegate) {
    let exchange = exchange
    exchange.loop.run { exchange.upgrade(name, headers, adopt) }
  }

  /// Begins an answer whose length is not known: chunked, or until the connection ends for an HTTP/1.0 client.
  package func stream(status: Int, headers: HTTPFields = []) -> HTTPStream {
    let exchange = exchange
    exchange.loop.run { exchange.beginStream(status, headers) }
    return HTTPStream(exchange)
  }
}
