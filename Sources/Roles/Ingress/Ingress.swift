import Accounts
import Forms
import HTTPServer
import Journal
import Machines
package import Ports
import Resources
import Synchronization
import TaskRouting

/// What the ingress asks of the outside besides its ports: hashing and randomness, which are nobody's core.
package protocol Secrets: Sendable {
  func sha256(_ bytes: [UInt8]) -> [UInt8]
  /// Whether two secrets are equal, in time that does not depend on where they differ.
  func isSame(_ a: [UInt8], _ b: [UInt8]) -> Bool
  /// 32 lower-case hexadecimal digits from a cryptographic source.
  func token() -> String
}

package struct IngressOptions: Sendable {
  /// What absolute URLs start with; nil: scheme and `Host` of the request.
  package var publicURL: String?
  package var trustsProxy = false
  /// Form and JSON bodies, bytes.
  package var mostBodyBytes = 4 << 20
  /// A line of a bulk import, bytes.
  package var mostLineBytes = 64 << 10
  /// Requests a second per account; 0: no limit.
  package var rateLimit = 0
  package var version = "0"
  /// Milliseconds for which what is known of an account is good enough for its open streams; 0: it is read before every write.
  package var accountHolds: Int64 = 0
  /// What this node serves: all of the API, or live events alone, or neither.
  package var servesAPI = true
  package var servesEvents = true

  package init() {}
}

/// The HTTP API: checks who asks, validates, sends commands and answers from hot state once the decision is there (architecture.md, rooms).
package final class Ingress: Sendable {
  let options: IngressOptions
  let log: any EventLog
  let hot: any HotReads
  let accounts: any HotReads
  let clock: any Clock
  let identifiers: any IdentifierSource
  let secrets: any Secrets
  package let commander: Commander
  let courtesy: any Courtesy
  let rest: @Sendable (_ milliseconds: Int64) async -> Void
  let turn: @Sendable () async -> Void
  let limiter: RateLimiter
  let meter: any RequestMeter

  /// - Parameters:
  ///   - accounts: the hot state of the `account` family (kinds are numbered per family, so each has its own).
  ///   - courtesy: told of everybody who waits for an answer.
  ///   - rest: lets time pass; imports do so while others wait.
  ///   - turn: lets the loop that it is called on look at its sockets, if they have waited a few milliseconds; called between the parts of what may take longer.
  package init(
    options: IngressOptions, log: any EventLog, hot: any HotReads, accounts: any HotReads, clock: any Clock,
    identifiers: any IdentifierSource, secrets: any Secrets, commander: Commander, courtesy: any Courtesy = NoCourtesy(),
    rest: @escaping @Sendable (_ milliseconds: Int64) async -> Void = { _ in }, turn: @escaping @Sendable () async -> Void = {},
    meter: any RequestMeter = NoRequestMeter()
  ) {
    self.options = options
    self.log = log
    self.hot = hot
    self.accounts = accounts
    self.clock = clock
    self.identifiers = identifiers
    self.secrets = secrets
    self.commander = commander
    self.courtesy = courtesy
    self.rest = rest
    self.turn = turn
    self.meter = meter
    limiter = RateLimiter(perSecond: options.rateLimit)
  }

  // MARK: Commands

  /// Sends a command and turns what comes back into a verdict, or into the error that the client sees.
  func perform(_ request: Request, in workspace: Identifier, _ call: Call) async throws(APIError) -> Verdict {
    let command = Command(scope: workspace, account: call.account, idempotency: call.idempotency, body: request.encoded())
    return try await submit(command, to: "work.commands", call)
  }

  func submit(_ command: Command, to topic: String, _ call: Call, patience: Int64? = nil) async throws(APIError) -> Verdict {
    let outcome = await commander.submit(command, to: topic, patience: patience)
    if case .failure(let failure) = outcome { meter.failed(failure) }
    switch outcome {
    case .success(let verdict):
      guard verdict.isError else { return verdict }
      if verdict.status == 404 { throw .notFound(call.path) }
      throw APIError(verdict.status, verdict.code, verdict.message)
    case .failure(.tooMany):
      throw APIError(429, 20429, "Too many requests: \(commander.most) commands are waiting already", retryAfter: 1)
    case .failure(.noAnswer):
      throw APIError(503, 20503, "The request is recorded but not decided yet; retry with the same Idempotency-Key", retryAfter: 1)
    case .failure(.tooLarge(let why)): throw APIError(413, 20413, "The request is too large to be recorded: \(why)")
    case .failure(.notSent(let why)): throw APIError(503, 20503, "The request could not be recorded: \(why)", retryAfter: 1)
    }
  }

  /// The request's `Idempotency-Key`, which counts with its account.
  func idempotencyKey(_ request: HTTPRequest, _ call: Call) throws(APIError) -> Identifier? {
    guard let key = request.headers.first("Idempotency-Key") else { return nil }
    guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
      throw .invalid("Idempotency-Key must have 1 to 255 printable ASCII characters without spaces; received '\(Parameters.shown(key))'")
    }
    return digest([call.account.keyBytes, Array(key.utf8)])
  }

  func digest(_ parts: [[UInt8]]) -> Identifier {
    var all: [UInt8] = []
    for part in parts { all += Array("\(part.count):".utf8) + part }
    return Identifier(keyBytes: secrets.sha256(all).prefix(16)) ?? .none
  }

  // MARK: Reading

  func get(_ scope: Identifier, _ keys: [DocumentKey]) async throws(APIError) -> [[UInt8]?] {
    do throws(HotStateFailure) { return try await hot.get(scope, keys).documents } catch { throw Ingress.notNow(error) }
  }

  static func notNow(_ failure: HotStateFailure) -> APIError {
    APIError(503, 20503, "Not readable at the moment: \(failure)", retryAfter: 1)
  }

  /// The workspace, if it is this account's and not deleted; the same 404 for all other cases (WD-1).
  func workspace(_ id: Identifier, _ call: Call) async throws(APIError) -> WorkspaceRecord {
    guard let bytes = try await get(id, [DocumentKey(kind: Kind.workspace, id: id)])[0], let record = try? WorkspaceRecord(decoding: bytes),
      record.account == call.account, !record.isDeleted
    else { throw .notFound(call.path) }
    return record
  }

  /// What stands in `kept` is not read.
  func neighbours(_ scope: Identifier, _ documents: [Document], kept: Neighbours = Neighbours()) async throws(APIError) -> Neighbours {
    var list: [DocumentKey] = []
    if documents.count == 1, kept.documents.isEmpty {
      list = Shown.neighbours(of: documents[0].key, documents[0].bytes)
    } else {
      var keys: Set<DocumentKey> = []
      for document in documents { keys.formUnion(Shown.neighbours(of: document.key, document.bytes)) }
      list = keys.filter { kept.documents[$0] == nil }
    }
    guard !list.isEmpty else { return kept }
    let found = try await get(scope, list)
    var near = kept
    near.documents.reserveCapacity(list.count)
    for (key, bytes) in zip(list, found) { if let bytes { near.documents[key] = bytes } }
    return near
  }
}

/// One request, understood as far as all handlers need it.
package struct Call: Sendable {
  var method: String
  var path: String
  var segments: [String]
  var query: Form
  var form: Form
  var base: String
  var account: Identifier
  var record: AccountRecord
  var idempotency: IdempotencyKey?
  var ifMatch: Int64?
}

/// At most so many requests a second for each account, in bursts of a second's worth.
final class RateLimiter: Sendable {
  private struct Bucket {
    var tokens: Double
    var at: Int64
  }
  let perSecond: Int
  private let buckets = Mutex<[Identifier: Bucket]>([:])

  init(perSecond: Int) { self.perSecond = perSecond }

  /// Nil when the request may pass; otherwise seconds after which to try again.
  func refuse(_ account: Identifier, at milliseconds: Int64) -> Int? {
    guard perSecond > 0 else { return nil }
    return buckets.withLock { buckets in
      let full = Double(perSecond)
      var bucket = buckets[account] ?? Bucket(tokens: full, at: milliseconds)
      bucket.tokens = min(full, bucket.tokens + Double(milliseconds - bucket.at) * full / 1000)
      bucket.at = milliseconds
      let passes = bucket.tokens >= 1
      if passes { bucket.tokens -= 1 }
      buckets[account] = bucket
      return passes ? nil : 1
    }
  }
}
