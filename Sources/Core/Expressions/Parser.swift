import JSON

/// Reads the language by recursive descent; parentheses and arrays nest at most `depthLimit` deep (taskrouter.md 6.2).
struct Parser {
  static let depthLimit = 100
  /// Bytes.
  static let sizeLimit = 65_536

  private var lexer: Lexer
  private var token = Token(kind: .end, offset: 0, end: 0)
  private let scope: Scope
  private var depth = 0
  private(set) var names: [Name] = []
  private var seen: Set<Name> = []

  init(_ text: String, _ scope: Scope) throws(ExpressionError) {
    guard text.utf8.count <= Self.sizeLimit else {
      throw ExpressionError(offset: 0, expected: "at most \(Self.sizeLimit) bytes", found: "\(text.utf8.count)")
    }
    lexer = Lexer(text)
    self.scope = scope
    try advance()
  }

  var isAtEnd: Bool { token.kind == .end }

  mutating func program() throws(ExpressionError) -> Program {
    let tree = try disjunction()
    guard isAtEnd else { throw error("AND, OR or the end") }
    return Program(tree, names: names)
  }

  // MARK: Tokens

  private mutating func advance() throws(ExpressionError) { token = try lexer.next() }

  func error(_ expected: String) -> ExpressionError { ExpressionError(offset: token.offset, expected: expected, found: lexer.found(token)) }

  private func isSign(_ sign: String) -> Bool { token.kind == .sign(sign) }

  private func isWord(_ word: String) -> Bool {
    if case .name(let name) = token.kind { name.count == word.count && name.uppercased() == word } else { false }
  }

  mutating func takeSign(_ sign: String) throws(ExpressionError) -> Bool {
    guard isSign(sign) else { return false }
    try advance()
    return true
  }

  mutating func takeWord(_ word: String) throws(ExpressionError) -> Bool {
    guard isWord(word) else { return false }
    try advance()
    return true
  }

  private mutating func deeper() throws(ExpressionError) {
    depth += 1
    guard depth <= Self.depthLimit else { throw error("at most \(Self.depthLimit) levels of parentheses and brackets") }
  }

  // MARK: Connectives

  private mutating func disjunction() throws(ExpressionError) -> Tree {
    var parts = [try conjunction()]
    while try takeWord("OR") { parts.append(try conjunction()) }
    return parts.count == 1 ? parts[0] : .any(parts)
  }

  private mutating func conjunction() throws(ExpressionError) -> Tree {
    var parts = [try primary()]
    while try takeWord("AND") { parts.append(try primary()) }
    return parts.count == 1 ? parts[0] : .all(parts)
  }

  private mutating func primary() throws(ExpressionError) -> Tree {
    guard isSign("(") else { return .comparison(try comparison()) }
    try deeper()
    try advance()
    let tree = try disjunction()
    guard try takeSign(")") else { throw error("AND, OR or `)`") }
    depth -= 1
    return tree
  }

  private mutating func comparison() throws(ExpressionError) -> Comparison {
    let left = try operand("a comparison or `(`")
    let op = try comparisonOperator()
    return Comparison(left: left, op: op, right: try operand("a name, a literal or an array"))
  }

  private mutating func comparisonOperator() throws(ExpressionError) -> Operator {
    for (sign, op) in Self.signs where isSign(sign) {
      try advance()
      return op
    }
    guard scope != .skipIf else { throw error("one of == != > >= < <=") }
    for (word, op) in Self.words where isWord(word) {
      try advance()
      return op
    }
    guard try takeWord("NOT") else { throw error("an operator (== != > >= < <= CONTAINS HAS IN NOT IN)") }
    guard try takeWord("IN") else { throw error("IN after NOT") }
    return .isNotIn
  }

  private static let signs: [(String, Operator)] = [
    ("==", .equal), ("!=", .notEqual), (">=", .greaterOrEqual), ("<=", .lessOrEqual), (">", .greater), ("<", .less),
  ]
  private static let words: [(String, Operator)] = [("CONTAINS", .contains), ("HAS", .has), ("IN", .isIn)]
  private static let reserved: Set<String> = ["AND", "OR", "NOT", "CONTAINS", "HAS", "IN"]

  // MARK: Operands

  private mutating func operand(_ wanted: String) throws(ExpressionError) -> Operand {
    switch token.kind {
    case .string(let text): return try constant(.text(.init(text)))
    case .integer(let value): return try constant(.integer(value))
    case .unsigned(let value): return try constant(.unsigned(value))
    case .double(let value): return try constant(.double(value))
    case .sign("["):
      guard scope != .skipIf else { throw error(wanted) }
      return try array()
    case .name(let name):
      switch name.uppercased() {
      case "TRUE": return try constant(.bool(true))
      case "FALSE": return try constant(.bool(false))
      case "NULL": return try constant(.null)
      case let word where Self.reserved.contains(word): throw error(wanted)
      default: return .name(try path())
      }
    default: throw error(wanted)
    }
  }

  private mutating func constant(_ value: Value) throws(ExpressionError) -> Operand {
    try advance()
    return .constant(value)
  }

  private mutating func array() throws(ExpressionError) -> Operand {
    try deeper()
    try advance()
    var elements: [Operand] = []
    if try !takeSign("]") {
      repeat { elements.append(try operand("a name, a literal or an array")) } while try takeSign(",")
      guard try takeSign("]") else { throw error("`,` or `]`") }
    }
    depth -= 1
    return .constant(.list(elements))
  }

  mutating func path() throws(ExpressionError) -> Name {
    let start = token
    var steps: [NameStep] = []
    repeat { steps.append(.name(try step())) } while try indexes(&steps)
    guard let name = scope.resolve(steps) else {
      let whole = Token(kind: .end, offset: start.offset, end: max(start.end, lastEnd))
      throw ExpressionError(offset: start.offset, expected: scope.wantedName, found: lexer.found(whole))
    }
    if seen.insert(name).inserted { names.append(name) }
    return name
  }

  /// Where the last token that belongs to the path ended.
  private var lastEnd = 0

  private mutating func step() throws(ExpressionError) -> String {
    guard case .name(let name) = token.kind else { throw error("a name") }
    lastEnd = token.end
    try advance()
    return name
  }

  /// Reads `[0]`, as many as there are. Whether a `.` and thus another name follows.
  private mutating func indexes(_ steps: inout [NameStep]) throws(ExpressionError) -> Bool {
    while try takeSign("[") {
      guard case .integer(let index) = token.kind, index >= 0 else { throw error("the place of an element, from 0 on") }
      steps.append(.index(Int(index)))
      try advance()
      lastEnd = token.end
      guard try takeSign("]") else { throw error("`]`") }
    }
    return try takeSign(".")
  }
}
