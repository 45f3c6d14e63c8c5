package import JSON

/// A worker's place in the order of a step: smaller is offered first. Directions are folded in.
package struct OrderKey: Comparable, Sendable, Hashable {
  fileprivate(set) var first: Int64 = 0
  fileprivate(set) var second: Int64 = 0
  fileprivate(set) var third: Int64 = 0
  fileprivate(set) var fourth: Int64 = 0

  /// Of a step without an order: all are alike.
  package static let none = OrderKey()

  package static func < (a: OrderKey, b: OrderKey) -> Bool {
    if a.first != b.first { return a.first < b.first }
    if a.second != b.second { return a.second < b.second }
    if a.third != b.third { return a.third < b.third }
    return a.fourth < b.fourth
  }
}

/// `worker.{path} ASC|DESC, …`, at most four clauses (taskrouter.md 6.7).
package struct OrderBy: Sendable, Hashable {
  private struct Clause: Sendable, Hashable {
    var path: JSONPath
    var isDescending: Bool
  }

  package static let clauseLimit = 4

  /// As it was written.
  package let text: String
  private let clauses: [Clause]

  package init(parsing text: String) throws(ExpressionError) {
    self.text = text
    var parser = try Parser(text, .orderBy)
    var clauses: [Clause] = []
    repeat {
      guard clauses.count < Self.clauseLimit else { throw parser.error("at most \(Self.clauseLimit) clauses") }
      clauses.append(try Self.clause(&parser))
    } while try parser.takeSign(",")
    guard parser.isAtEnd else { throw parser.error("`,` or the end") }
    self.clauses = clauses
  }

  private static func clause(_ parser: inout Parser) throws(ExpressionError) -> Clause {
    let start = parser
    guard case .worker(let path) = try parser.path() else { throw start.error("an attribute of the worker, not a built-in variable") }
    if try parser.takeWord("ASC") { return Clause(path: path, isDescending: false) }
    guard try parser.takeWord("DESC") else { throw parser.error("ASC or DESC") }
    return Clause(path: path, isDescending: true)
  }

  /// Where a worker with such attributes stands. What is no integer counts as missing and comes last in both directions.
  package func key(of attributes: JSONDocument) -> OrderKey {
    var key = OrderKey()
    for (place, clause) in clauses.enumerated() {
      let value = Self.fold(attributes[clause.path], isDescending: clause.isDescending)
      switch place {
      case 0: key.first = value
      case 1: key.second = value
      case 2: key.third = value
      default: key.fourth = value
      }
    }
    return key
  }

  /// The largest number is kept for what is missing; the one value that would collide with it is moved by one.
  private static func fold(_ value: JSONValue?, isDescending: Bool) -> Int64 {
    guard let value else { return .max }
    let integer: Int64
    switch value.kind {
    case .integer: integer = value.integer ?? 0
    case .unsigned: integer = .max
    case .double:
      guard let whole = value.double.flatMap({ Int64(exactly: $0) }) else { return .max }
      integer = whole
    default: return .max
    }
    // The complement turns the order round without overflowing.
    return min(isDescending ? ~integer : integer, .max - 1)
  }
}
