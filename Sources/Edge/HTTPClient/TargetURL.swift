internal import CCurl

/// A URL read by the one parser that also connects, so that nobody judges another host than the one that is asked.
///
/// Owns libcurl's handle: created on any thread, used by one transfer, freed with the object.
// `@unchecked Sendable`: immutable after `init`; libcurl only reads from a handle given as `CURLOPT_CURLU`.
final class TargetURL: @unchecked Sendable {
  let handle: OpaquePointer
  let host: String
  /// Scheme, host and port: what shares connections.
  let origin: String
  let isSecure: Bool

  init(_ text: String) throws(HTTPClientError) {
    guard let handle = curl_url() else { throw .unavailable(reason: "no memory for a URL") }
    do {
      (host, origin, isSecure) = try Self.read(text, into: handle)
    } catch {
      curl_url_cleanup(handle)
      throw error
    }
    self.handle = handle
  }

  private static func read(_ text: String, into handle: OpaquePointer) throws(HTTPClientError) -> (String, String, Bool) {
    if text.utf8.contains(0) { throw .invalidURL(url: redacted(text), reason: "contains a zero byte") }
    // Dot segments stay: what is requested is what the caller wrote, and may have signed.
    let code = curl_url_set(handle, CURLUPART_URL, text, UInt32(CURLU_PATH_AS_IS))
    if code == CURLUE_UNSUPPORTED_SCHEME || code == CURLUE_BAD_SCHEME { throw badScheme(text) }
    if code != CURLUE_OK { throw .invalidURL(url: redacted(text), reason: String(cString: curl_url_strerror(code))) }
    let scheme = part(CURLUPART_SCHEME, of: handle) ?? ""
    guard scheme == "http" || scheme == "https" else { throw badScheme(text) }
    guard let host = part(CURLUPART_HOST, of: handle), !host.isEmpty else { throw .invalidURL(url: redacted(text), reason: "has no host") }
    let port = part(CURLUPART_PORT, of: handle, CURLU_DEFAULT_PORT) ?? ""
    return (host, "\(scheme)://\(host.lowercased()):\(port)", scheme == "https")
  }

  deinit { curl_url_cleanup(handle) }

  private static func badScheme(_ text: String) -> HTTPClientError {
    .invalidURL(url: redacted(text), reason: "the scheme must be http or https")
  }

  private static func part(_ part: CURLUPart, of handle: OpaquePointer, _ flags: Int32 = 0) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    guard curl_url_get(handle, part, &text, UInt32(flags)) == CURLUE_OK, let text else { return nil }
    defer { curl_free(text) }
    return String(cString: text)
  }

  /// For messages: without what may be a password or a key, and not longer than a line.
  private static func redacted(_ text: String) -> String {
    let short = String(text.prefix { $0 != "?" && $0 != "#" }.prefix(200))
    guard let at = short.lastIndex(of: "@") else { return short }
    return "…" + short[at...]
  }
}
