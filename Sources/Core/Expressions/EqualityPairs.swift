import JSON

/// A document written as what holds for it: `lang == 'de' AND level == 3` (taskrouter.md 14, 18).
package enum EqualityPairs {
  /// The object in which all pairs hold, as JSON. A name may have a `worker.` before it, as in expressions about workers, and dots for objects in objects.
  /// - Throws: what is wanted where; also for a name with two values, and for more than 64 KiB or 100 names in one another.
  package static func json(_ text: String) throws(ExpressionError) -> [UInt8] {
    var reader = try PairReader(text)
    let root = try reader.pairs()
    var json = JSONWriter(capacity: text.utf8.count + 16)
    write(root, &json)
    return json.bytes
  }

  private static func write(_ members: [PairMember], _ json: inout JSONWriter) {
    json.beginObject()
    for member in members {
      json.key(member.name)
      switch member.content {
      case .members(let members): write(members, &json)
      case .text(let text): json.string(text)
      case .integer(let value): json.int(value)
      case .unsigned(let value): json.int(value)
      case .double(let value): json.double(value)
      case .bool(let value): json.bool(value)
      case .null: json.null()
      }
    }
    json.endObject()
  }
}

private struct PairMember {
  var name: String
  var content: PairContent
}

private enum PairContent {
  case members([PairMember])
  case text(String)
  case integer(Int64)
  case unsigned(UInt64)
  case double(Double)
  case bool(Bool)
  case null
}

/// Reads the pairs with the words of the expression language.
private struct PairReader {
  private var lexer: Lexer
  private var token = Token(kind: .end, offset: 0, end: 0)

  init(_ text: String) throws(ExpressionError) {
    guard text.utf8.count <= Parser.sizeLimit else {
      throw ExpressionError(offset: 0, expected: "at most \(Parser.sizeLimit) bytes", found: "\(text.utf8.count)")
    }
    lexer = Lexer(text)
    try advance()
  }

  private mutating func advance() throws(ExpressionError) { token = try lexer.next() }

  private func error(_ expected: String) -> ExpressionError {
    ExpressionError(offset: token.offset, expected: expected, found: lexer.found(token))
  }

  mutating func pairs() throws(ExpressionError) -> [PairMember] {
    var root: [PairMember] = []
    repeat {
      let start = token
      let path = try path()
      guard token.kind == .sign("==") else { throw error("`==`") }
      try advance()
      guard PairReader.insert(try literal(), at: path[...], into: &root) else {
        throw ExpressionError(offset: start.offset, expected: "one value for each name", found: path.joined(separator: ".") + " again")
      }
    } while try takeAnd()
    guard token.kind == .end else { throw error("AND or the end") }
    return root
  }

  private mutating func takeAnd() throws(ExpressionError) -> Bool {
    guard case .name(let word) = token.kind, word.uppercased() == "AND" else { return false }
    try advance()
    return true
  }

  private mutating func path() throws(ExpressionError) -> [String] {
    var names = [try name()]
    while token.kind == .sign(".") {
      try advance()
      names.append(try name())
      guard names.count <= Parser.depthLimit else { throw error("at most \(Parser.depthLimit) names in one another") }
    }
    if names.count > 1, names[0] == "worker" { names.removeFirst() }
    return names
  }

  private mutating func name() throws(ExpressionError) -> String {
    guard case .name(let name) = token.kind else { throw error("the name of an attribute") }
    try advance()
    return name
  }

  private mutating func literal() throws(ExpressionError) -> PairContent {
    let content: PairContent
    switch token.kind {
    case .string(let text): content = .text(text)
    case .integer(let value): content = .integer(value)
    case .unsigned(let value): content = .unsigned(value)
    case .double(let value): content = .double(value)
    case .name(let word):
      switch word.uppercased() {
      case "TRUE": content = .bool(true)
      case "FALSE": content = .bool(false)
      case "NULL": content = .null
      default: throw error("a string, a number, true, false or null")
      }
    default: throw error("a string, a number, true, false or null")
    }
    try advance()
    return content
  }

  /// False where the place has a value already. As deep as the path, which is bounded.
  private static func insert(_ content: PairContent, at path: ArraySlice<String>, into members: inout [PairMember]) -> Bool {
    guard let name = path.first else { return false }
    let rest = path.dropFirst()
    let place = members.firstIndex { $0.name == name }
    if rest.isEmpty {
      guard place == nil else { return false }
      members.append(PairMember(name: name, content: content))
      return true
    }
    guard let place else {
      var inner: [PairMember] = []
      guard insert(content, at: rest, into: &inner) else { return false }
      members.append(PairMember(name: name, content: .members(inner)))
      return true
    }
    guard case .members(var inner) = members[place].content, insert(content, at: rest, into: &inner) else { return false }
    members[place].content = .members(inner)
    return true
  }
}
