import Journal
package import Resources

/// What the answer to a request with an idempotency key was made of: its repeats are answered with the same, whatever has become of it since.
package struct KeptAnswer: Sendable {
  /// When it was decided, milliseconds since 1970.
  package var instant: Int64
  /// The document that the verdict names, then those that it is shown with.
  package var documents: [(key: DocumentKey, bytes: [UInt8])]

  package init(instant: Int64, documents: [(key: DocumentKey, bytes: [UInt8])]) {
    self.instant = instant
    self.documents = documents
  }

  init(from reader: inout ByteReader) throws(DecodingFailure) {
    instant = try reader.signed()
    documents = []
    for _ in 0..<(try reader.count()) {
      documents.append((DocumentKey(kind: try reader.byte(), id: try reader.identifier()), try reader.blob()))
    }
  }

  func write(to out: inout ByteWriter) {
    out.signed(instant)
    out.count(documents.count)
    for document in documents {
      out.byte(document.key.kind)
      out.identifier(document.key.id)
      out.blob(document.bytes)
    }
  }
}

/// An idempotency key's document.
struct KeyEntry {
  /// What the request was: another one under the same key is refused.
  var content: Identifier
  var verdict: Verdict
  /// When it is forgotten, milliseconds since 1970.
  var expires: Int64
  /// Behind the rest, where releases that know nothing of it do not look.
  var answer: KeptAnswer?

  init(content: Identifier, verdict: Verdict, expires: Int64, answer: KeptAnswer?) {
    (self.content, self.verdict, self.expires, self.answer) = (content, verdict, expires, answer)
  }

  init(decoding bytes: [UInt8]) throws(DecodingFailure) {
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version == 1 else { throw .unknownVersion(kind: "an idempotency key", version: Int(version)) }
    content = try reader.identifier()
    verdict = try Verdict(from: &reader)
    expires = try reader.signed()
    answer = reader.isAtEnd ? nil : try KeptAnswer(from: &reader)
  }

  func encoded() -> [UInt8] {
    var out = ByteWriter(capacity: answer == nil ? 64 : 512)
    out.byte(1)
    out.identifier(content)
    verdict.write(to: &out)
    out.signed(expires)
    answer?.write(to: &out)
    return out.bytes
  }
}
