import Expressions
import JSON

/// A value of the configuration that knows where it stands, so that errors can say so.
struct Reader {
  let value: JSONValue
  let place: String

  static func root(_ document: JSONDocument) -> Reader { Reader(value: document.root, place: "") }

  func error(_ reason: String) -> WorkflowError { WorkflowError(place: place, reason: reason) }

  /// A key of this object, to speak of it whether or not it is there.
  func at(_ key: String) -> Reader { Reader(value: value, place: place.isEmpty ? key : "\(place).\(key)") }

  /// The value of a key; nil when it is absent or `null`, which several client libraries write for what is not set.
  func optional(_ key: String) -> Reader? {
    guard let found = value[key: key], !found.isNull else { return nil }
    return Reader(value: found, place: at(key).place)
  }

  func required(_ key: String) throws(WorkflowError) -> Reader {
    guard value.kind == .object else { throw error("must be an object") }
    guard let found = optional(key) else { throw at(key).error("is required") }
    return found
  }

  func elements() throws(WorkflowError) -> [Reader] {
    guard value.kind == .array else { throw error("must be an array") }
    return value.elements.enumerated().map { Reader(value: $1, place: "\(place)[\($0)]") }
  }

  func string() throws(WorkflowError) -> String {
    guard let string = value.string else { throw error("must be a string") }
    return string
  }

  func string(_ key: String) throws(WorkflowError) -> String? { try optional(key)?.string() }

  /// An integer, or a string of its digits, which documents in use contain.
  func integer(_ key: String, in range: ClosedRange<Int64>) throws(WorkflowError) -> Int? {
    guard let found = optional(key) else { return nil }
    let wanted = "must be an integer from \(range.lowerBound) to \(range.upperBound)"
    guard let number = found.value.integer ?? found.value.string.flatMap({ Int64($0) }) else {
      throw found.error(found.value.string.map { "\(wanted); received \"\($0)\"" } ?? wanted)
    }
    guard range.contains(number) else { throw found.error("\(wanted); received \(number)") }
    return Int(number)
  }

  func expression(_ context: ExpressionContext) throws(WorkflowError) -> Expression {
    let text = try string()
    do throws(ExpressionError) { return try Expression(parsing: text, as: context) } catch { throw self.error("\(error)") }
  }

  func orderBy() throws(WorkflowError) -> OrderBy {
    let text = try string()
    do throws(ExpressionError) { return try OrderBy(parsing: text) } catch { throw self.error("\(error)") }
  }

  func skipIf() throws(WorkflowError) -> SkipIf {
    let text = try string()
    do throws(ExpressionError) { return try SkipIf(parsing: text) } catch { throw self.error("\(error)") }
  }
}
