import Foundation

/// The environment of the test run: which seeds to draw.
enum Environment {
  static var values: [String: String] { ProcessInfo.processInfo.environment }
}
