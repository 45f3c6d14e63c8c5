/// What to run: words on the command line, or the same in the environment.
struct Choice: Sendable {
  struct Problem: Error {
    var what: String
  }

  static let usage = "Simulate [--seeds N] [--from N] [--seed N] [--jobs N] [--failures N]"

  /// Histories to run, from seed `from` on.
  var seeds: UInt64 = 2000
  var from: UInt64 = 1
  /// One history, told step by step.
  var one: UInt64?
  var jobs: Int = 2
  /// So many failures are enough.
  var failures = 20

  init(arguments: ArraySlice<String>) throws(Problem) {
    var rest = arguments
    while let name = rest.popFirst() {
      guard let text = rest.popFirst(), let value = UInt64(text) else { throw Problem(what: "\(name) takes a number") }
      switch name {
      case "--seeds": seeds = value
      case "--from": from = value
      case "--seed": one = value
      case "--jobs": jobs = Int(clamping: max(1, value))
      case "--failures": failures = Int(clamping: max(1, value))
      default: throw Problem(what: "\(name) is not known")
      }
    }
  }
}
