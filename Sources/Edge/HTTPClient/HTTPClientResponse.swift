/// Status and headers of an answer, in the order they came.
package struct HTTPClientResponseHead: Sendable {
  /// 200–599; interim answers (1xx) are skipped.
  package let status: Int
  package let headers: [(name: String, value: String)]

  /// The first header of that name, in any case.
  package func header(_ name: String) -> String? {
    let wanted = name.lowercased()
    return headers.first { $0.name.lowercased() == wanted }?.value
  }
}

/// A complete answer, or as much of it as was wanted.
package struct HTTPClientResponse: Sendable {
  package let head: HTTPClientResponseHead
  /// As it came: not decompressed. At most `HTTPClientRequest.bodyLimit` bytes.
  package let body: [UInt8]
  /// Whether the body was longer than the limit.
  package let isTruncated: Bool
  /// From the call of `send` to the end of the answer.
  package let elapsedMilliseconds: Int

  package var status: Int { head.status }
  package var headers: [(name: String, value: String)] { head.headers }
  package func header(_ name: String) -> String? { head.header(name) }
}
