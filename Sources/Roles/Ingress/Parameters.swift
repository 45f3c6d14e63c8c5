import Forms
import JSON
import Resources
import TaskRouting

/// Reads the form parameters of one request into what the machine takes. Errors name the parameter, the rule and what was received.
struct Parameters {
  let form: Form
  private(set) var arguments: [Parameter: Argument] = [:]

  init(_ form: Form) { self.form = form }

  private func text(_ name: String) -> String? { form.first(name) }

  /// What was received, short enough to be repeated in an error.
  static func shown(_ text: String) -> String { text.count > 80 ? "\(text.prefix(80))…" : text }

  mutating func text(_ name: String, _ parameter: Parameter, most: Int = .max, isRequired: Bool = false, allowsEmpty: Bool = true)
    throws(APIError)
  {
    guard let value = text(name) else {
      if isRequired { throw .missing(name) }
      return
    }
    if value.isEmpty, isRequired || !allowsEmpty { throw .invalid("\(name) must not be empty") }
    guard value.count <= most else { throw .invalid("\(name) must have at most \(most) characters; received \(value.count)") }
    arguments[parameter] = .text(value)
  }

  mutating func friendlyName(isRequired: Bool) throws(APIError) {
    try text("FriendlyName", .friendlyName, most: 64, isRequired: isRequired, allowsEmpty: false)
  }

  mutating func flag(_ name: String, _ parameter: Parameter) {
    guard let value = text(name) else { return }
    arguments[parameter] = .flag(Parameters.isTrue(value))
  }

  /// `true`, `1`, `yes` in any case; everything else is false (taskrouter.md 1.3).
  static func isTrue(_ value: String) -> Bool { ["true", "1", "yes"].contains(value.lowercased()) }

  mutating func integer(_ name: String, _ parameter: Parameter, _ range: ClosedRange<Int64>) throws(APIError) {
    guard let value = text(name), !value.isEmpty else { return }
    guard let number = Int64(value), range.contains(number) else {
      throw .invalid("\(name) must be an integer from \(range.lowerBound) to \(range.upperBound); received '\(Parameters.shown(value))'")
    }
    arguments[parameter] = .integer(number)
  }

  mutating func choice(_ name: String, _ parameter: Parameter, _ choices: [String]) throws(APIError) {
    guard let value = text(name), !value.isEmpty else { return }
    guard choices.contains(value) else {
      throw .invalid("\(name) must be one of \(choices.joined(separator: ", ")); received '\(Parameters.shown(value))'")
    }
    arguments[parameter] = .text(value)
  }

  mutating func sid(_ name: String, _ parameter: Parameter, _ kind: SIDKind) throws(APIError) {
    guard let value = text(name), !value.isEmpty else { return }
    guard let id = kind.parse(value) else {
      throw .invalid("\(name) must be \(kind.rawValue) followed by 32 hexadecimal digits; received '\(Parameters.shown(value))'")
    }
    arguments[parameter] = .identifier(id)
  }

  mutating func date(_ name: String, _ parameter: Parameter) throws(APIError) {
    guard let value = text(name), !value.isEmpty else { return }
    guard let instant = Dates.parseISO8601(value) else {
      throw .invalid("\(name) must be an ISO 8601 date and time such as 2026-01-31T12:00:00Z; received '\(Parameters.shown(value))'")
    }
    guard instant >= -2_208_988_800_000 else { throw .invalid("\(name) must not be before 1900; received '\(value)'") }
    arguments[parameter] = .integer(instant)
  }

  mutating func url(_ name: String, _ parameter: Parameter) throws(APIError) {
    guard let value = text(name) else { return }
    if !value.isEmpty, let rule = CallbackURL.brokenRule(value) { throw .invalid("\(name) \(rule); received '\(Parameters.shown(value))'") }
    arguments[parameter] = .text(value)
  }

  /// A JSON object in a string, at most 4,096 characters (taskrouter.md 2.3, 2.8).
  mutating func attributes() throws(APIError) {
    guard let value = text("Attributes") else { return }
    arguments[.attributes] = .bytes(try Parameters.checkAttributes(value.isEmpty ? "{}" : value))
  }

  static func checkAttributes(_ value: String) throws(APIError) -> [UInt8] {
    guard value.utf8.count <= 4096 || value.count <= 4096 else {
      throw .invalid("Attributes must have at most 4096 characters; received \(value.count)")
    }
    let bytes = Array(value.utf8)
    let document: JSONDocument
    do throws(JSONError) { document = try JSONDocument(parsing: bytes) } catch {
      throw .invalid("Attributes must be a JSON object: \(error)")
    }
    guard document.isObject else { throw .invalid("Attributes must be a JSON object; received '\(shown(value))'") }
    return bytes
  }

  mutating func set(_ parameter: Parameter, _ argument: Argument) { arguments[parameter] = argument }
}
