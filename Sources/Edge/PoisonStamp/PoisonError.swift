internal import Glibc

/// Why the evidence of deaths cannot be kept.
package enum PoisonError: Error, Equatable, CustomStringConvertible {
  /// Another process works in the data folder (or this one opened it twice).
  case inUse(path: String)
  /// The file is not what its name says; removing it forgets the deaths counted so far.
  case damaged(path: String, rule: String)
  /// A system call failed.
  case system(doing: String, code: Int32)
  /// All slots belong to other threads.
  case tooManyThreads(limit: Int)

  package var description: String {
    switch self {
    case .inUse(let path): "\(path) is in use by another process"
    case .damaged(let path, let rule): "\(path) is damaged (\(rule)); remove it to forget the deaths counted in it"
    case .system(let doing, let code): "\(doing): \(String(cString: strerror(code)))"
    case .tooManyThreads(let limit): "at most \(limit) threads can be armed at a time"
    }
  }
}
