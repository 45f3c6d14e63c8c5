internal import Glibc

/// The process's standard error.
package enum StandardError {
  /// Writes `line` with one system call, so that lines of several threads and processes do not mix (POSIX promises it for pipes up to
  /// `PIPE_BUF` bytes). Where the reader is gone, or does not keep up and the descriptor does not block, the rest is dropped: a log must
  /// never stop the product. (A process that wants to outlive its reader ignores `SIGPIPE`.)
  package static func write(_ line: String) {
    var copy = line
    copy.withUTF8 { bytes in
      var start = 0
      while start < bytes.count {
        let rest = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[start...])
        let written = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
        if written < 0 && errno == EINTR { continue }
        guard written > 0 else { return }
        start += written
      }
    }
  }
}
