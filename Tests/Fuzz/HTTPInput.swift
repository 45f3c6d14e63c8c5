@testable import HTTPServer

/// Bytes that a client sends: heads and bodies, one request behind another, as a connection takes them apart. However they are cut, they must mean the same.
enum HTTPInput {
  private static let headBytes = 2048

  static func run(_ input: [UInt8]) throws {
    let pieces = Pieces(input)
    let whole = try read([Array(pieces.bytes)])
    try same(whole, try read(Array(pieces)), "cut in pieces")
  }

  /// What was understood, in order; ends with the refusal that ends the connection.
  private static func read(_ chunks: [[UInt8]]) throws -> [String] {
    var scanner = HeadScanner()
    let parser = RequestParser()
    var found: [String] = []
    var isInBody = false
    var body = 0
    for chunk in chunks {
      let refusal: HTTPRefusal? = try chunk.withUnsafeBytes { bytes in
        var rest = bytes
        while !rest.isEmpty {
          let taken: Int
          if isInBody {
            let (consumed, refusal) = parser.parseBody(rest)
            if let refusal { return refusal }
            body += parser.dropBody()
            if parser.isComplete { found.append("body of \(body)") }
            isInBody = !parser.isComplete
            taken = consumed
          } else {
            switch scanner.scan(rest, maximumBytes: headBytes, maximumFields: 16) {
            case .incomplete:
              guard scanner.head.count < headBytes else { throw Finding("a head of \(scanner.head.count) bytes is kept") }
              return nil
            case .refused(let refusal): return refusal
            case .complete(let consumed):
              let head = scanner.take()
              if let refusal = parser.parseHead(head) { return refusal }
              let headers = HTTPHeaders(bytes: head, fields: parser.takeFields())
              if case .failure(let problem) = checkHead(parser.head, headers) {
                return HTTPRefusal(status: problem.status, message: problem.message)
              }
              let (path, query) = splitTarget(head[parser.head.target])
              found.append("\(parser.head.method) \(path) \(query ?? "-") \(headers.list.map { "\($0.name)=\($0.value)" })")
              _ = headers.first("content-type")
              (isInBody, body) = (!parser.isComplete, 0)
              taken = consumed
            }
          }
          guard taken > 0 || !isInBody else { throw Finding("nothing of \(rest.count) bytes is taken") }
          rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
        }
        return nil
      }
      if let refusal { return found + ["refused \(refusal.status)"] }
    }
    return found
  }
}
