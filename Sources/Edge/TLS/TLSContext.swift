internal import COpenSSL
internal import Glibc

/// Why there is no secure connection, in words for an operator.
package struct TLSError: Error, Sendable, Equatable, CustomStringConvertible {
  package let reason: String

  package init(reason: String) { self.reason = reason }

  package var description: String { reason }

  /// With what OpenSSL noted on this thread.
  static func noted(_ what: String) -> TLSError {
    let code = ERR_get_error()
    ERR_clear_error()
    if code == 0 { return TLSError(reason: what) }
    // The uppermost bit says that it is the system's error and not one of OpenSSL's: a macro that Swift does not see.
    if code & 0x8000_0000 != 0 { return TLSError(reason: "\(what): \(String(cString: strerror(Int32(code & 0x7FFF_FFFF))))") }
    return TLSError(reason: "\(what): \(ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)")")
  }
}

/// Whose certificates are believed.
package enum TLSTrust: Sendable, Equatable {
  case system
  /// A file of certificates in PEM form.
  case file(String)
}

/// Settings of connections that are made alike. TLS 1.2 at least, certificates always verified.
package final class TLSContext: Sendable {
  // Settled in `init`; from then on OpenSSL only counts references to it and reads it, which any thread may.
  nonisolated(unsafe) let raw: OpaquePointer

  /// For the side that connects.
  /// Errors: `TLSError` when the file of certificates cannot be read.
  package init(clientTrusting trust: TLSTrust) throws(TLSError) {
    guard let raw = SSL_CTX_new(TLS_client_method()) else { throw .noted("no TLS context") }
    self.raw = raw
    // Two macros of OpenSSL that Swift does not see.
    _ = SSL_CTX_ctrl(raw, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
    _ = SSL_CTX_ctrl(raw, SSL_CTRL_MODE, Int(SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE), nil)
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nil)
    switch trust {
    case .system:
      guard SSL_CTX_set_default_verify_paths(raw) == 1 else { throw .noted("no system certificates") }
    case .file(let path):
      guard SSL_CTX_load_verify_file(raw, path) == 1 else { throw .noted("no certificates in \(path)") }
    }
  }

  /// Takes over what was made elsewhere.
  init(_ raw: OpaquePointer) { self.raw = raw }

  deinit { SSL_CTX_free(raw) }

  /// A session of the side that was connected to.
  package func serverSession() throws(TLSError) -> TLSSession {
    guard let ssl = SSL_new(raw) else { throw .noted("no TLS session") }
    let session = try TLSSession(ssl)
    SSL_set_accept_state(ssl)
    return session
  }

  /// A session of the connecting side with a server that must prove to be `host`, a name or a numeric address.
  package func session(withServer host: String) throws(TLSError) -> TLSSession {
    guard let ssl = SSL_new(raw) else { throw .noted("no TLS session") }
    let session = try TLSSession(ssl)
    SSL_set_connect_state(ssl)
    // An address in digits is compared with the addresses in the certificate, and is not sent as a name (RFC 6066, section 3).
    if X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1 { return session }
    ERR_clear_error()
    guard SSL_set1_host(ssl, host) == 1 else { throw .noted("\(host) cannot be verified") }
    var name = Array(host.utf8CString)
    guard SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name), &name) == 1 else {
      throw .noted("\(host) cannot be asked for")
    }
    return session
  }
}
