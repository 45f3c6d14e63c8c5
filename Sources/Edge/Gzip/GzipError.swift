/// Why bytes are not gzip (RFC 1952).
package enum GzipError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The first bytes are not gzip's.
  case notGzip
  /// The bytes end before the data does.
  case truncated
  /// The data breaks the format, or a checksum is wrong, after about this many compressed bytes.
  case corrupt(offset: Int)
  case noMemory

  package var description: String {
    switch self {
    case .notGzip: "the body is not gzip although its headers say so"
    case .truncated: "the gzip data ends too early"
    case .corrupt(let offset): "the gzip data is damaged near byte \(offset)"
    case .noMemory: "no memory for compression"
    }
  }
}
