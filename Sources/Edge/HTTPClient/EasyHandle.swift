internal import CCurl

/// One of libcurl's transfers and the memory it writes error texts into; used for one request after another. Loop's thread only.
final class EasyHandle {
  let pointer: UnsafeMutableRawPointer
  // libcurl keeps the address from `prepare` to `reset`.
  private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
  private var headers: UnsafeMutablePointer<curl_slist>?

  init?() {
    guard let pointer = curl_easy_init() else {
      errorText.deallocate()
      return nil
    }
    self.pointer = pointer
  }

  deinit {
    curl_easy_cleanup(pointer)
    curl_slist_free_all(headers)
    errorText.deallocate()
  }

  /// Forgets all options, so that the handle can serve another request. Not while it is part of a multi.
  func reset() {
    curl_easy_reset(pointer)
    curl_slist_free_all(headers)
    headers = nil
  }

  /// What libcurl has to say about the failure beyond its code.
  func reason(_ code: CURLcode) -> String {
    let text = String(cString: errorText)
    return text.isEmpty ? String(cString: curl_easy_strerror(code)) : text
  }

  func set(_ option: CURLoption, _ value: Int) { ccurl_set_long(pointer, option, value) }
  func set(_ option: CURLoption, _ value: String) { ccurl_set_string(pointer, option, value) }
  func set(_ option: CURLoption, pointer value: UnsafeMutableRawPointer?) { ccurl_set_pointer(pointer, option, value) }

  /// All that does not depend on callbacks. `totalMilliseconds`: what is left for the whole request, nil for no limit.
  func prepare(_ request: HTTPClientRequest, _ url: TargetURL, _ options: HTTPClientOptions, totalMilliseconds: Int?) {
    errorText[0] = 0
    set(CURLOPT_ERRORBUFFER, pointer: errorText)
    set(CURLOPT_CURLU, pointer: UnsafeMutableRawPointer(url.handle))
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    set(CURLOPT_NOSIGNAL, 1)
    // Without it a cancelled request waits, and the loop with it, for the thread that resolves its name.
    set(CURLOPT_QUICK_EXIT, 1)
    // An empty name: no proxy at all, not even from the environment.
    set(CURLOPT_PROXY, "")
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
    // Rather share a connection that is being opened than open another, if it may turn out to be HTTP/2.
    if url.isSecure, options.reusesConnections { set(CURLOPT_PIPEWAIT, 1) }
    if !options.reusesConnections {
      set(CURLOPT_FRESH_CONNECT, 1)
      set(CURLOPT_FORBID_REUSE, 1)
    }
    set(CURLOPT_TCP_KEEPALIVE, 1)
    set(CURLOPT_MAXAGE_CONN, max(1, options.idleSeconds))
    set(CURLOPT_CONNECTTIMEOUT_MS, request.connectTimeoutMilliseconds)
    set(CURLOPT_TIMEOUT_MS, totalMilliseconds ?? 0)
    set(CURLOPT_USERAGENT, options.userAgent)
    if let file = options.certificateFile { set(CURLOPT_CAINFO, file) }
    if let username = request.username {
      set(CURLOPT_HTTPAUTH, 1)
      set(CURLOPT_USERNAME, username)
      set(CURLOPT_PASSWORD, request.password ?? "")
    }
    setHeaders(request, closes: !options.reusesConnections)
    setMethod(request)
  }

  private func setHeaders(_ request: HTTPClientRequest, closes: Bool) {
    // A name alone takes libcurl's own header away.
    headers = curl_slist_append(headers, "Expect:")
    // So that the peer does not wait for another request. libcurl leaves it out of HTTP/2.
    if closes { headers = curl_slist_append(headers, "Connection: close") }
    for header in request.headers {
      // "Name:" would take a header away instead of sending an empty one.
      headers = curl_slist_append(headers, header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)")
    }
    set(CURLOPT_HTTPHEADER, pointer: headers)
  }

  private func setMethod(_ request: HTTPClientRequest) {
    var length: Int?
    switch request.body {
    case .bytes(let bytes): length = bytes.count
    case .chunks(let declared, _): length = declared
    case .none:
      if request.method == "HEAD" { return set(CURLOPT_NOBODY, 1) }
      set(CURLOPT_HTTPGET, 1)
      if request.method == "GET" { return }
      set(CURLOPT_CUSTOMREQUEST, request.method)
      // RFC 9110 8.6: methods that anticipate a body say that there is none.
      guard ["POST", "PUT", "PATCH"].contains(request.method) else { return }
      length = 0
    }
    set(CURLOPT_UPLOAD, 1)
    set(CURLOPT_CUSTOMREQUEST, request.method)
    ccurl_set_offset(pointer, CURLOPT_INFILESIZE_LARGE, curl_off_t(length ?? -1))
  }

  /// Whether the connection, TLS included, stood.
  var isConnected: Bool {
    var microseconds: curl_off_t = 0
    ccurl_get_offset(pointer, CURLINFO_PRETRANSFER_TIME_T, &microseconds)
    return microseconds > 0
  }
}
