/// Why a command line or configuration was not understood. Its description is one message for the user; secrets are not in it.
package enum OptionError: Error, Equatable, CustomStringConvertible {
  case unknownOption(String, nearest: String?)
  case unknownCommand(String, nearest: String?)
  case missingCommand(after: String, known: [String])
  case missingValue(option: String, placeholder: String)
  case unexpectedArgument(String)
  case missingArgument(String)
  /// No layer gives a value that is needed.
  case notSet(option: String, environment: String)
  case givenTwice(option: String, source: String)
  case invalid(option: String, source: String, rule: String, received: String)
  case unreadableFile(path: String, reason: String)
  case badLine(path: String, line: Int, rule: String)
  case unknownKey(path: String, line: Int, key: String, nearest: String?)
  /// Code asked for an option that the command does not declare.
  case undeclared(String)

  package var description: String {
    switch self {
    case .unknownOption(let name, let nearest): "unknown option \(name)" + Self.hint(nearest)
    case .unknownCommand(let name, let nearest): "unknown command '\(name)'" + Self.hint(nearest)
    case .missingCommand(let after, let known): "\(after): a command is needed, one of: " + known.joined(separator: ", ")
    case .missingValue(let option, let placeholder): "--\(option) needs a value: --\(option) \(placeholder)"
    case .unexpectedArgument(let argument): "unexpected argument '\(argument)'"
    case .missingArgument(let name): "missing argument <\(name)>"
    case .notSet(let option, let environment): "--\(option) is needed (or \(environment) in the environment, or \(option) in the file)"
    case .givenTwice(let option, let source): "\(option) (\(source)): may be given once, received it twice"
    case .invalid(let option, let source, let rule, let received): "\(option) (\(source)): must be \(rule), received '\(received)'"
    case .unreadableFile(let path, let reason): "cannot read configuration file '\(path)': \(reason)"
    case .badLine(let path, let line, let rule): "\(path):\(line): \(rule)"
    case .unknownKey(let path, let line, let key, let nearest): "\(path):\(line): unknown key '\(key)'" + Self.hint(nearest)
    case .undeclared(let name): "option '\(name)' is not declared by this command"
    }
  }

  private static func hint(_ nearest: String?) -> String { nearest.map { "; did you mean \($0)?" } ?? "" }
}
