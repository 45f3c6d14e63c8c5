internal import Glibc

/// What the process's streams are connected to.
package enum Terminal {
  package enum Stream: Int32, Sendable {
    case output = 1
    case error = 2
  }

  /// Whether a person looks at it, as far as can be known: `TERM=dumb` cannot draw in place.
  package static func isTerminal(_ stream: Stream, term: String?) -> Bool { isatty(stream.rawValue) == 1 && term != "dumb" }

  /// Columns, 80 when unknown.
  package static func width(_ stream: Stream) -> Int {
    var size = winsize()
    guard ioctl(stream.rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }
}
