/// Why a form or one of its fields is not what was asked for.
package struct FormError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The field's name as it came; empty where the form as a whole is meant.
  package let field: String
  /// The rule: `must be an integer from 1 to 50`.
  package let rule: String
  /// What came instead, cut to a readable length; nil where nothing can be shown.
  package let received: String?

  /// A plain sentence for the caller of the API.
  package let message: String

  package init(field: String, rule: String, received: String? = nil) {
    let shown = received.map { text in text.count > 100 ? text.prefix(100) + "…" : text }
    self.init(
      field: field, rule: rule, received: shown,
      message: (field.isEmpty ? "The form" : field) + " " + rule + (shown.map { ", \"\($0)\" was received" } ?? ""))
  }

  /// A field that must be there is not; in the words that users' programs look for (taskrouter.md 1.7).
  package static func missing(_ field: String) -> FormError {
    FormError(field: field, rule: "is required", received: nil, message: "Missing required parameter \(field) in the post body")
  }

  private init(field: String, rule: String, received: String?, message: String) {
    self.field = field
    self.rule = rule
    self.received = received
    self.message = message
  }

  package var description: String { message }
}
