internal import COpenSSL

extension TLSContext {
  /// For the side that is connected to: TLS 1.2 at least, with forward secrecy; HTTP/1.1 where the client asks which protocol (ALPN, RFC 7301).
  /// - Parameters:
  ///   - certificate: PEM, the server's own first and behind it those that lead to an authority.
  ///   - key: PEM, without a password.
  /// Errors: `TLSError` with the file and what is wrong with it.
  package convenience init(certificate: String, key: String) throws(TLSError) {
    guard let raw = SSL_CTX_new(TLS_server_method()) else { throw .noted("no TLS context") }
    // Owns it from here on, also when a file turns out to be wrong.
    self.init(raw)
    _ = SSL_CTX_ctrl(raw, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
    _ = SSL_CTX_ctrl(
      raw, SSL_CTRL_MODE, Int(SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE) | releaseBuffers, nil)
    // Clients keep their tickets; we keep nothing for those that may never come back.
    _ = SSL_CTX_ctrl(raw, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
    // A client that asks for a new handshake again and again makes us work for nothing.
    SSL_CTX_set_options(raw, noRenegotiation | noCompression)
    guard SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 else { throw .noted("no ciphers") }
    SSL_CTX_set_alpn_select_cb(raw, { _, out, length, offered, count, _ in selectHTTP(out, length, offered, count) }, nil)
    // Nobody is at a terminal to be asked for a password.
    SSL_CTX_set_default_passwd_cb(raw) { _, _, _, _ in 0 }
    ERR_clear_error()
    guard SSL_CTX_use_certificate_chain_file(raw, certificate) == 1 else { throw .noted("the certificate \(certificate)") }
    guard SSL_CTX_use_PrivateKey_file(raw, key, SSL_FILETYPE_PEM) == 1 else { throw .noted("the key \(key) of \(certificate)") }
    guard SSL_CTX_check_private_key(raw) == 1 else { throw .noted("the key \(key) of \(certificate)") }
  }

  /// Seconds until the certificate is no longer valid, negative when it is over; nil without one.
  package var secondsLeft: Int? {
    guard let certificate = SSL_CTX_get0_certificate(raw), let end = X509_get0_notAfter(certificate) else { return nil }
    var (days, seconds): (Int32, Int32) = (0, 0)
    guard ASN1_TIME_diff(&days, &seconds, nil, end) == 1 else { return nil }
    return Int(days) * 86_400 + Int(seconds)
  }
}

// Macros with casts that Swift does not see: SSL_OP_NO_RENEGOTIATION and SSL_OP_NO_COMPRESSION, and a mode, SSL_MODE_RELEASE_BUFFERS.
private let noRenegotiation: UInt64 = 1 << 30
private let noCompression: UInt64 = 1 << 17
private let releaseBuffers = 0x10

/// The client's list is one length byte and so many letters a name. Whoever speaks other protocols only is told so (section 3.2).
private func selectHTTP(
  _ out: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ length: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?,
  _ count: UInt32
) -> Int32 {
  guard let offered, let out, let length else { return SSL_TLSEXT_ERR_NOACK }
  let wanted = "http/1.1".utf8
  var place = 0
  while place < Int(count) {
    let size = Int(offered[place])
    guard place + 1 + size <= Int(count) else { break }
    let name = UnsafeBufferPointer(start: offered + place + 1, count: size)
    if name.elementsEqual(wanted) {
      out.pointee = offered + place + 1
      length.pointee = UInt8(size)
      return SSL_TLSEXT_ERR_OK
    }
    place += 1 + size
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL
}
