// The one C module that a core may have: reading JSON is pure (bytes in, value out, no I/O, no clock, no shared state), every attribute of every task and worker
// goes through it, and a reader of our own would be ours to get right. It is wrapped in this file alone, and no pointer leaves it.
internal import CSimdJSON

/// A JSON text (RFC 8259) with the flat tape read from it, both owned. The text is kept as it came, so that it can be served as it came.
///
/// Reading costs one allocation beyond the buffers that a thread keeps; looking things up costs none.
package struct JSONDocument: Sendable {
  /// The text as it came, byte for byte.
  package let text: [UInt8]
  /// The first word is the index of the strings; then two words a node; then the strings, each filled up to a word with zeros.
  let words: [UInt64]

  /// Containers may be nested this deep, no deeper.
  package static let depthLimit = 512
  /// Above this many bytes a thread does not keep its buffers (about 40 bytes for each of the text) for the next text.
  private static let keptLimit = 1 << 18

  /// Reads a text.
  /// - Throws: what is wrong with it, and where: bad syntax, bad UTF-8, a key twice in one object, a number outside 64 bits, more than 512 levels.
  /// - Complexity: linear in the text; objects of more than 32 keys are sorted once.
  package init(parsing text: [UInt8]) throws(JSONError) {
    var result = csj_result()
    let code = csj_parse(text, text.count, UInt32(Self.depthLimit), &result)
    defer { if text.count > Self.keptLimit { csj_trim() } }
    guard code == CSJ_OK else {
      let message = result.message.map { String(cString: $0) } ?? "out of memory"
      throw JSONScanner.findError(in: text) ?? JSONError(at: 0, in: text, .refused(message))
    }
    guard result.duplicate < 0 else { throw JSONScanner.duplicate(atNode: Int(result.duplicate), in: text) }
    self.text = text
    let nodes = UnsafeBufferPointer(start: result.nodes, count: result.node_words)
    let arena = UnsafeBufferPointer(start: result.arena, count: result.arena_words)
    let total = 1 + nodes.count + arena.count
    words = [UInt64](unsafeUninitializedCapacity: total) { space, count in
      space[0] = UInt64(1 + nodes.count)
      _ = space[1...].update(fromContentsOf: nodes)
      _ = space[(1 + nodes.count)...].update(fromContentsOf: arena)
      count = total
    }
  }

  /// An empty object.
  package init() {
    text = [0x7b, 0x7d]
    words = [3, UInt64(JSONValue.objectKind), 1]
  }

  /// Reads a text that is known to be good because it was checked before; one that cannot be read after all is an empty object.
  package static func read(_ text: [UInt8]) -> JSONDocument { (try? JSONDocument(parsing: text)) ?? JSONDocument() }

  package var root: JSONValue { JSONValue(words: words, node: 0) }

  /// Whether the outermost value is an object, as attributes must be.
  package var isObject: Bool { root.kind == .object }

  /// What a path leads to; nil when it leads nowhere. O(keys and elements passed on the way), no allocation.
  package subscript(path: JSONPath) -> JSONValue? { root[path] }

  /// The 16 bits by which keys are told apart before their bytes are compared.
  static func hash(_ key: [UInt8]) -> UInt16 { csj_hash(key, key.count) }
}

extension JSONDocument: Hashable {
  /// Equal texts; two ways of writing the same value are not equal.
  package static func == (a: JSONDocument, b: JSONDocument) -> Bool { a.text == b.text }
  package func hash(into hasher: inout Hasher) { hasher.combine(text) }
}
