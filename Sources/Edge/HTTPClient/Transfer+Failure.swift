internal import CCurl

extension Transfer {
  func timeout(_ phase: HTTPClientError.Phase, _ milliseconds: Int) -> HTTPClientError {
    .timeout(host: url.host, phase: phase, milliseconds: milliseconds)
  }

  /// What libcurl's result means to the caller; nil for success, which a body that was cut is as well.
  func failure(_ code: CURLcode, _ easy: EasyHandle) -> HTTPClientError? {
    let host = url.host
    switch code {
    case CURLE_OK: return nil
    case CURLE_WRITE_ERROR where isTruncated: return nil
    case _ where isHeadTooLong: return .invalidResponse(host: host, reason: "the head is longer than \(options.headerLimit) bytes")
    case CURLE_URL_MALFORMAT: return .invalidURL(url: url.origin, reason: easy.reason(code))
    case CURLE_COULDNT_RESOLVE_HOST: return .cannotResolve(host: host)
    case CURLE_COULDNT_CONNECT:
      if let refusal { return .refusedAddress(host: host, address: refusal.address, rule: refusal.rule) }
      return .cannotConnect(host: host, reason: easy.reason(code))
    case CURLE_OPERATION_TIMEDOUT: return timeoutReached(easy)
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE,
      CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_CLIENTCERT,
      CURLE_SSL_ENGINE_INITFAILED:
      return .tls(host: host, reason: easy.reason(code))
    case CURLE_ABORTED_BY_CALLBACK, CURLE_READ_ERROR: return .requestBody(reason: source.failure ?? easy.reason(code))
    case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_HTTP2, CURLE_HTTP2_STREAM, CURLE_SEND_FAIL_REWIND:
      return .connectionReset(host: host, reason: easy.reason(code))
    // The scheme was checked before, so an unsupported protocol is what the peer answered with.
    case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING:
      return .invalidResponse(host: host, reason: easy.reason(code))
    default: return .unavailable(reason: "\(easy.reason(code)) (libcurl \(code.rawValue))")
    }
  }

  private func timeoutReached(_ easy: EasyHandle) -> HTTPClientError {
    if easy.isConnected { return timeout(.exchanging, request.totalTimeoutMilliseconds) }
    if isStream { return timeout(.connecting, request.connectTimeoutMilliseconds) }
    return timeout(.connecting, min(request.connectTimeoutMilliseconds, request.totalTimeoutMilliseconds))
  }
}
