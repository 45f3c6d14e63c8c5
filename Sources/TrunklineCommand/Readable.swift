import Foundation
import Glibc

/// Files that a user names, before they are read: Foundation's own errors are a page long.
enum Readable {
  /// Why a file cannot be read, in the system's words; nil: it can.
  static func problem(_ path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0, access(path, R_OK) == 0 else { return String(cString: strerror(errno)) }
    return status.st_mode & S_IFMT == S_IFDIR ? "it is a folder" : nil
  }

  /// The text of a configuration file.
  static func text(_ path: String) throws -> String {
    if let problem = problem(path) { throw Failure(description: problem) }
    do { return try String(contentsOfFile: path, encoding: .utf8) } catch { throw Failure(description: "it is not UTF-8") }
  }

  struct Failure: Error, CustomStringConvertible { let description: String }
}
