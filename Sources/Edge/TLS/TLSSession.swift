internal import COpenSSL

/// One secured connection without its transport: bytes of the wire go in and come out, and so do bytes of the user. Which side it plays was said when it was made.
/// For one thread at a time.
///
/// After each call `output()` holds what is to be sent.
package final class TLSSession {
  private let ssl: OpaquePointer
  private let input: OpaquePointer
  private let sink: OpaquePointer
  package private(set) var isEstablished = false
  /// The peer said that nothing more comes.
  package private(set) var isEnded = false
  /// Bytes of the user that wait for the handshake.
  private var waiting: [UInt8] = []

  /// Takes the session over, and the ends of its wire with it.
  init(_ ssl: OpaquePointer) throws(TLSError) {
    guard let input = BIO_new(BIO_s_mem()), let sink = BIO_new(BIO_s_mem()) else {
      SSL_free(ssl)
      throw .noted("no memory for a TLS session")
    }
    self.ssl = ssl
    self.input = input
    self.sink = sink
    SSL_set_bio(ssl, input, sink)
  }

  deinit { SSL_free(ssl) }

  /// Begins the handshake, or carries it on.
  package func handshake() throws(TLSError) {
    if isEstablished { return }
    ERR_clear_error()
    let code = SSL_do_handshake(ssl)
    if code == 1 {
      isEstablished = true
      let early = waiting
      waiting = []
      if !early.isEmpty { try write(early) }
      return
    }
    let reason = SSL_get_error(ssl, code)
    if reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE { return }
    let verification = SSL_get_verify_result(ssl)
    if verification != Int(X509_V_OK) {
      throw .noted("the certificate is not believed (\(String(cString: X509_verify_cert_error_string(verification))))")
    }
    throw .noted("the handshake failed")
  }

  /// Takes bytes from the wire and gives out what they say, empty while the handshake is on.
  package func received(_ bytes: RawSpan) throws(TLSError) -> [UInt8] {
    let taken = bytes.withUnsafeBytes { BIO_write(input, $0.baseAddress, Int32(clamping: $0.count)) }
    guard taken == bytes.byteCount else { throw .noted("no memory for what came") }
    try handshake()
    guard isEstablished else { return [] }
    var plain: [UInt8] = []
    while try readRecord(into: &plain) {}
    return plain
  }

  private func readRecord(into plain: inout [UInt8]) throws(TLSError) -> Bool {
    ERR_clear_error()
    // A record holds at most 16 KiB.
    let count = withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 16) { record in
      let count = SSL_read(ssl, record.baseAddress, Int32(record.count))
      plain.append(contentsOf: UnsafeRawBufferPointer(rebasing: record[..<max(0, Int(count))]))
      return count
    }
    if count > 0 { return true }
    switch SSL_get_error(ssl, count) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return false
    case SSL_ERROR_ZERO_RETURN:
      isEnded = true
      return false
    default: throw .noted("the peer's bytes are not TLS")
    }
  }

  /// Takes bytes of the user; before the end of the handshake they wait for it.
  package func write(_ bytes: [UInt8]) throws(TLSError) { try write(bytes.span.bytes) }

  package func write(_ bytes: RawSpan) throws(TLSError) {
    guard isEstablished else {
      bytes.withUnsafeBytes { waiting.append(contentsOf: $0) }
      return
    }
    var done = 0
    while done < bytes.byteCount {
      ERR_clear_error()
      let count = bytes.withUnsafeBytes { bytes in
        SSL_write(ssl, bytes.baseAddress.map { $0 + done }, Int32(clamping: bytes.count - done))
      }
      // The wire's end is memory that grows: there is nothing to wait for.
      guard count > 0 else { throw .noted("nothing can be sent") }
      done += Int(count)
    }
  }

  /// Says to the peer that nothing more comes.
  package func end() {
    ERR_clear_error()
    if isEstablished { SSL_shutdown(ssl) }
  }

  /// Takes out what is to be sent.
  package func output() -> [UInt8] {
    let count = BIO_ctrl_pending(sink)
    if count == 0 { return [] }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      initialized = Int(max(0, BIO_read(sink, buffer.baseAddress, Int32(clamping: count))))
    }
  }
}
