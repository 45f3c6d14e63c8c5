/// Why a record of a file cannot be read. The reader goes on behind it.
package struct RecordError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Reason: Sendable, Equatable {
    /// More bytes than a record may have.
    case tooLong(limit: Int)
    /// A quote that is opened and not closed.
    case openQuote
    /// The same, and more than a record may have stands behind it.
    case endlessQuote(limit: Int)
    /// A quote within a cell that does not begin with one.
    case strayQuote
    /// Something other than a comma behind a closing quote.
    case textAfterQuote
    case cells(expected: Int, found: Int)
    /// The header is not usable, so neither is the file.
    case header(String)
  }

  /// The line of the file on which the record starts, from 1.
  package let line: Int
  package let reason: Reason

  package init(line: Int, reason: Reason) {
    self.line = line
    self.reason = reason
  }

  /// The rule, without the line.
  package var message: String {
    switch reason {
    case .tooLong(let limit): "a record has at most \(limit) bytes, this one is longer"
    case .openQuote: "a quote is opened and not closed"
    case .endlessQuote(let limit):
      "a quote is opened and not closed; it takes all the rest of the file, more than the \(limit) bytes that a record has at most"
    case .strayQuote: "a quote stands within a cell that does not begin with one (quote the cell and double the quote)"
    case .textAfterQuote: "a comma or the end of the record was expected after a closing quote"
    case .cells(let expected, let found): "the header has \(expected) cells, this record has \(found)"
    case .header(let rule): "the header \(rule)"
    }
  }

  package var description: String { "line \(line): \(message)" }
}

/// Limits of the readers.
package enum RecordLimits {
  /// Bytes of a record without its end of line.
  package static let bytes = 64 * 1024
}
