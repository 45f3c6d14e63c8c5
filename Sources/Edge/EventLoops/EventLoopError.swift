internal import CLibuv

/// What libuv or the kernel refused, with what was being done.
package struct EventLoopError: Error, Equatable, CustomStringConvertible {
  /// The call that failed and on what, for example "listen on 127.0.0.1:8080".
  package let operation: String
  /// libuv's code: a negative errno or one of its own.
  package let code: Int32

  package init(operation: String, code: Int32) {
    self.operation = operation
    self.code = code
  }

  /// Another socket owns the address.
  package var isAddressInUse: Bool { code == UV_EADDRINUSE.rawValue }

  package var description: String {
    if isAddressInUse { return "\(operation): address in use" }
    return "\(operation): \(String(cString: uv_strerror(code)))"
  }

  /// Throws when `code` is an error of libuv.
  static func check(_ code: Int32, _ operation: @autoclosure () -> String) throws(EventLoopError) {
    if code < 0 { throw EventLoopError(operation: operation(), code: code) }
  }
}
