import Forms
import Gzip
import JSON
import Resources
import TaskRouting

@testable import Ingress

/// Form bodies, queries and path segments, and what parameters become of them.
enum FormInput {
  static func run(_ input: [UInt8]) throws {
    _ = IngressHandler.segments(String(decoding: input, as: UTF8.self))
    guard let form = try? Form(parsing: input) else { return }
    let text = FormText.encode(form.fields.map { ($0.name, $0.value) })
    try same(try Form(parsing: Array(text.utf8)), form, "written and read again")
    try parameters(form)
    _ = try? PageRequest(form)
    for field in form.fields {
      _ = PageToken(field.value)
      _ = try? form.integer(field.name, in: 0...100)
      _ = try? form.date(field.name)
      _ = form.bool(field.name)
      _ = form.list(field.name)
    }
  }

  private static func parameters(_ form: Form) throws {
    for field in form.fields.prefix(16) {
      var parameters = Parameters(form)
      try? parameters.text(field.name, .friendlyName, most: 64)
      try? parameters.integer(field.name, .priority, 0...10)
      try? parameters.sid(field.name, .workflow, .workflow)
      try? parameters.date(field.name, .virtualStart)
      try? parameters.url(field.name, .eventCallbackURL)
      try? parameters.attributes()
    }
  }
}

/// JSON documents: read, walked, written and read again.
enum JSONInput {
  static func run(_ input: [UInt8]) throws {
    _ = try? DevClock.read(input)
    guard let document = try? JSONDocument(parsing: input) else { return }
    var values = 0
    walk(document.root, &values)
    guard values <= input.count else { throw Finding("\(values) values in \(input.count) bytes") }
    let once = write(document)
    let again = try JSONDocument(parsing: once)
    try same(write(again), once, "written, read and written again")
    for path in ["a", "a.b[0]", "[0]", String(decoding: input.prefix(40), as: UTF8.self)] {
      if let path = JSONPath(path) { _ = document[path] }
    }
  }

  private static func write(_ document: JSONDocument) -> [UInt8] {
    var writer = JSONWriter()
    writer.write(document.root)
    return writer.bytes
  }

  private static func walk(_ value: JSONValue, _ count: inout Int) {
    count += 1
    _ = (value.string, value.double, value.integer, value.bool)
    for element in value.elements { walk(element, &count) }
    for (_, member) in value.pairs { walk(member, &count) }
  }
}

/// Compressed bodies: what they unpack to comes in bounded pieces, however they are cut.
enum GzipInput {
  static func run(_ input: [UInt8]) throws {
    let pieces = Pieces(input)
    try same(try unpack([Array(pieces.bytes)]), try unpack(Array(pieces)), "cut in pieces")
  }

  private static func unpack(_ chunks: [[UInt8]]) throws -> [Int] {
    var inflater = try GzipInflater()
    var (bytes, sum) = (0, 0)
    do {
      for chunk in chunks {
        inflater.feed(chunk)
        while let piece = try inflater.next() {
          guard piece.count <= GzipInflater.pieceLimit else { throw Finding("a piece of \(piece.count) bytes") }
          bytes += piece.count
          for byte in piece { sum = sum &* 31 &+ Int(byte) }
          // What a bomb costs is time; here it only has to end.
          if bytes > 4 << 20 { return [bytes / (4 << 20)] }
        }
      }
      try inflater.finish()
    } catch is GzipError {
      return [-1]
    }
    return [bytes, sum]
  }
}
