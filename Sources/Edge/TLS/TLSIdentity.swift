internal import Synchronization

/// A server's certificate and key, from two files that may be replaced while it serves.
package final class TLSIdentity: Sendable {
  package let certificate: String
  package let key: String
  private let context: Mutex<TLSContext>

  /// Errors: `TLSError` with the file and what is wrong with it.
  package init(certificate: String, key: String) throws(TLSError) {
    self.certificate = certificate
    self.key = key
    context = Mutex(try TLSContext(certificate: certificate, key: key))
  }

  /// What new connections are made with; those that are open keep theirs.
  package var current: TLSContext { context.withLock { $0 } }

  /// Reads the files again. Errors: as at the beginning; what was there stays in use then.
  package func reload() throws(TLSError) {
    let fresh = try TLSContext(certificate: certificate, key: key)
    context.withLock { $0 = fresh }
  }
}
