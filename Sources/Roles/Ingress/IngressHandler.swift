import Accounts
import Forms
package import HTTPServer
import JSON
import Journal
package import Observability
import Ports
package import Resources

/// A part of a node that is not ready, and why where that is known.
package struct MissingPart: Sendable, Equatable {
  package var name: String
  package var reason: String?

  package init(name: String, reason: String?) {
    self.name = name
    self.reason = reason
  }
}

/// What a node says about itself, and what only the composition root can do.
package struct NodeProbes: Sendable {
  /// The parts that are not ready; empty when all are.
  package var notReady: @Sendable () -> [MissingPart]
  package var metrics: @Sendable () -> String
  /// Moves the product's clock (`--dev-clock`): seconds to advance, rate to run at. Nil where that is not allowed.
  package var moveClock: (@Sendable (_ advance: Double?, _ rate: Double?) async -> Int64)?

  package init(
    notReady: @escaping @Sendable () -> [MissingPart], metrics: @escaping @Sendable () -> String,
    moveClock: (@Sendable (_ advance: Double?, _ rate: Double?) async -> Int64)? = nil
  ) {
    self.notReady = notReady
    self.metrics = metrics
    self.moveClock = moveClock
  }
}

/// Something that answers with a stream of events: the gateway.
package protocol EventStreamer: Sendable {
  /// Serves live events of a workspace until either side ends, or `isAllowed`, asked before anything is sent, says no. The caller has checked whose it is.
  func stream(
    workspace: Identifier, lastEventID: String?, fromBeginning: Bool, worker: Identifier?, isAllowed: @Sendable () async -> Bool,
    to response: HTTPResponder
  ) async
}

/// HTTP on one side, the ingress on the other.
package struct IngressHandler: HTTPHandler {
  private let ingress: Ingress
  private let probes: NodeProbes
  private let streamer: (any EventStreamer)?
  private let logger: Logger

  package init(
    ingress: Ingress, probes: NodeProbes, streamer: (any EventStreamer)?, logger: Logger
  ) {
    self.ingress = ingress
    self.probes = probes
    self.streamer = streamer
    self.logger = logger
  }

  package func handle(_ request: HTTPRequest, _ response: HTTPResponder) async {
    do throws(APIError) {
      if try await handleProbe(request, response) { return }
      try await handleCall(request, response)
    } catch {
      if error.status >= 500 {
        logger.warning("request failed", ["path": request.path, "status": "\(error.status)", "message": error.message])
      }
      send(error.answer, request, response)
    }
  }

  private func send(_ answer: Answer, _ request: HTTPRequest, _ response: HTTPResponder) {
    ingress.meter.answered(RouteClass(path: request.path), method: request.method, status: answer.status, since: request.received)
    response.send(status: answer.status, headers: answer.headers, body: answer.body)
  }

  /// For every answer of the server that this handler is for, its own included: browsers may read (taskrouter.md 1.6).
  package static let fields: HTTPFields = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, If-Match, Idempotency-Key, Last-Event-ID"),
    ("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS"), ("Access-Control-Expose-Headers", "ETag, Retry-After, Location"),
  ]

  // MARK: Probes

  private func handleProbe(_ request: HTTPRequest, _ response: HTTPResponder) async throws(APIError) -> Bool {
    if request.method == "OPTIONS" {
      send(Answer(status: 204), request, response)
      return true
    }
    let isProbe = request.path == "/health" || request.path == "/ready" || request.path == "/metrics"
    guard isProbe else { return false }
    guard request.method == "GET" || request.method == "HEAD" else {
      throw APIError(405, 20004, "The method \(request.method) is not allowed for \(request.path)", allow: Allow.probes)
    }
    switch request.path {
    case "/health": send(.json(200, Array(#"{"status":"ok"}"#.utf8)), request, response)
    case "/ready":
      let missing = probes.notReady()
      let body = missing.isEmpty ? Array(#"{"status":"ready"}"#.utf8) : IngressHandler.notReady(missing)
      send(.json(missing.isEmpty ? 200 : 503, body, headers: missing.isEmpty ? [] : [("Retry-After", "1")]), request, response)
    case "/metrics":
      send(Answer(status: 200, headers: [("Content-Type", Metrics.contentType)], body: Array(probes.metrics().utf8)), request, response)
    default: return false
    }
    return true
  }

  private static func notReady(_ missing: [MissingPart]) -> [UInt8] {
    var json = JSONWriter(capacity: 512)
    json.beginObject()
    json.member("status", "not ready")
    json.key("not_ready")
    json.beginArray()
    for part in missing { json.string(part.name) }
    json.endArray()
    json.key("reasons")
    json.beginObject()
    for part in missing { if let reason = part.reason { json.member(part.name, reason) } }
    json.endObject()
    json.endObject()
    return json.bytes
  }

  // MARK: API

  private func handleCall(_ request: HTTPRequest, _ response: HTTPResponder) async throws(APIError) {
    guard let segments = IngressHandler.segments(request.path) else { throw .invalid("The path is not percent-encoded UTF-8") }
    let isStream = segments.count == 5 && segments[3] == "Events" && segments[4] == "Stream"
    guard isStream ? ingress.options.servesEvents : ingress.options.servesAPI else {
      throw APIError(421, 20421, "This node does not serve \(isStream ? "events" : "the API"): ask one that has the role ingress")
    }
    let base = try base(of: request)
    let (account, record) = try await ingress.authenticate(request.headers.first("Authorization"))
    if let wait = ingress.limiter.refuse(account, at: ingress.clock.monotonic()) {
      throw APIError(429, 20429, "Too many requests: more than \(ingress.limiter.perSecond) a second", retryAfter: wait)
    }
    var call = Call(
      method: request.method == "HEAD" ? "GET" : request.method, path: request.path, segments: segments,
      query: try query(request),
      form: Form(), base: base, account: account, record: record)
    if segments == ["dev", "clock"] { return try await moveClock(call, request, response) }
    if segments.count >= 5, segments[0] == "v1", segments[1] == "Workspaces", let workspace = SIDKind.workspace.parse(segments[2]) {
      if segments[3] == "Tasks", segments[4] == "Bulk", segments.count <= 6 { return try await bulk(workspace, call, request, response) }
      if segments[3] == "Events", segments[4] == "Stream", segments.count == 5 {
        return try await stream(workspace, call, request, response)
      }
    }
    ingress.courtesy.note(ingress.clock.monotonic())
    if call.method == "POST" { call.form = try await readForm(request, &call) }
    call.ifMatch = try IngressHandler.version(request.headers.first("If-Match"))
    send(try await ingress.route(call), request, response)
  }

  private func query(_ request: HTTPRequest) throws(APIError) -> Form {
    guard let text = request.query else { return Form() }
    do throws(FormError) { return try Form(parsing: Array(text.utf8)) } catch { throw .invalid("\(error)") }
  }

  private func readForm(_ request: HTTPRequest, _ call: inout Call) async throws(APIError) -> Form {
    let body = try await collect(request)
    let type = (request.headers.first("Content-Type") ?? "").lowercased()
    guard body.isEmpty || type.isEmpty || type.hasPrefix("application/x-www-form-urlencoded") else {
      throw APIError(415, 20001, "Content-Type must be application/x-www-form-urlencoded; received '\(Parameters.shown(type))'")
    }
    call.idempotency = try idempotency(request, body, call)
    do throws(FormError) { return try Form(parsing: body) } catch { throw .invalid("\(error)") }
  }

  private func collect(_ request: HTTPRequest) async throws(APIError) -> [UInt8] {
    do { return try await request.body.collect(upTo: ingress.options.mostBodyBytes) } catch let error as HTTPBodyError {
      throw error.status == 413
        ? APIError(413, 20413, "The body must have at most \(ingress.options.mostBodyBytes) bytes")
        : APIError(error.status, 20001, "\(error)")
    } catch {
      throw APIError(400, 20001, "The body could not be read: \(error)")
    }
  }

  /// The key counts with its account; another method, path or body under the same key is another request.
  private func idempotency(_ request: HTTPRequest, _ body: [UInt8], _ call: Call) throws(APIError) -> IdempotencyKey? {
    guard let key = try ingress.idempotencyKey(request, call) else { return nil }
    let content = ingress.digest([Array(call.method.utf8), Array(call.path.utf8), Array((request.query ?? "").utf8), body])
    return IdempotencyKey(key: key, content: content)
  }

  /// `3`, `"3"` and `W/"3"` (taskrouter.md 1.5); `*` matches anything that exists.
  private static func version(_ header: String?) throws(APIError) -> Int64? {
    guard let header, header != "*" else { return nil }
    var text = header[...]
    if text.hasPrefix("W/") { text = text.dropFirst(2) }
    if text.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") { text = text.dropFirst().dropLast() }
    guard let version = Int64(text) else {
      throw APIError(412, 20412, "If-Match must be a version such as \"3\"; received '\(Parameters.shown(header))'")
    }
    return version
  }

  /// What stands between the slashes, decoded; nil where that is no percent-encoded UTF-8.
  static func segments(_ path: String) -> [String]? {
    var path = path
    var out: [String] = []
    out.reserveCapacity(8)
    let isGood = path.withUTF8 { bytes in
      var rest = bytes[...]
      while let start = rest.firstIndex(where: { $0 != UInt8(ascii: "/") }) {
        rest = rest[start...]
        let part = UnsafeBufferPointer(rebasing: rest[..<(rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex)])
        rest = rest.dropFirst(part.count)
        guard let text = FormText.decode(part, plusIsSpace: false) else { return false }
        out.append(text)
      }
      return true
    }
    return isGood ? out : nil
  }

  // MARK: Where clients find us

  private func base(of request: HTTPRequest) throws(APIError) -> String {
    if let configured = ingress.options.publicURL { return configured }
    var scheme = request.isSecure ? "https" : "http"
    var host = request.headers.first("Host") ?? ""
    if ingress.options.trustsProxy {
      if let proto = request.headers.first("X-Forwarded-Proto")?.lowercased(), proto == "http" || proto == "https" { scheme = proto }
      if let forwarded = request.headers.first("X-Forwarded-Host") { host = forwarded }
    }
    guard Authority(host) != nil else {
      throw .invalid("Host must be a name or address with an optional port; received '\(Parameters.shown(host))'")
    }
    return scheme + "://" + host
  }

  // MARK: The clock of development

  private func moveClock(_ call: Call, _ request: HTTPRequest, _ response: HTTPResponder) async throws(APIError) {
    guard let move = probes.moveClock else { throw .notFound(call.path) }
    guard request.method == "POST" else { throw Ingress.methodNotAllowed(call) }
    let wanted = try DevClock.read(try await collect(request))
    let now = await move(wanted.advance, wanted.rate)
    send(.json(200, DevClock.answer(now: now)), request, response)
  }

  // MARK: Streams

  private func stream(_ workspace: Identifier, _ call: Call, _ request: HTTPRequest, _ response: HTTPResponder) async throws(APIError) {
    guard let streamer else { throw .notFound(call.path) }
    guard call.method == "GET" else { throw Ingress.methodNotAllowed(call) }
    _ = try await ingress.workspace(workspace, call)
    var worker: Identifier?
    if let text = call.query.first("WorkerSid"), !text.isEmpty {
      guard let id = SIDKind.worker.parse(text) else {
        throw .invalid("WorkerSid must be WK followed by 32 hexadecimal digits; received '\(Parameters.shown(text))'")
      }
      worker = id
    }
    let from = call.query.first("from")
    guard from == nil || from == "beginning" || from == "now" else {
      throw .invalid("from must be beginning or now; received '\(Parameters.shown(from ?? ""))'")
    }
    let last = request.headers.first("Last-Event-ID") ?? call.query.first("last_event_id")
    ingress.meter.answered(.events, method: request.method, status: 200, since: nil)
    let pass = StreamPass(ingress: ingress, account: call.account, token: call.record.authToken)
    await streamer.stream(
      workspace: workspace, lastEventID: last, fromBeginning: from == "beginning", worker: worker, isAllowed: { await pass.isGood() },
      to: response)
  }

  private func bulk(_ workspace: Identifier, _ call: Call, _ request: HTTPRequest, _ response: HTTPResponder) async throws(APIError) {
    switch (call.method, call.segments.count) {
    case ("POST", 5):
      let intake = try BulkIntake(ingress: ingress, workspace: workspace, call: call, request: request)
      send(try await intake.run(request.body), request, response)
    case ("GET", 6): send(try await ingress.importStatus(call.segments[5], workspace, call), request, response)
    default: throw Ingress.methodNotAllowed(call)
    }
  }
}
