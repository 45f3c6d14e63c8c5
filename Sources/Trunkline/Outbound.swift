import Callouts
import EventLoops
import HTTPClient
import Observability
import Ports

/// HTTP to customers' servers: the client on a loop of its own, so that a slow server is nobody's business but its own.
struct Outbound: HTTPCaller {
  let loop: EventLoop
  private let client: HTTPClient
  private let duration: Histogram

  init(options: NodeOptions, duration: Histogram) throws {
    self.duration = duration
    loop = try EventLoop.spawn(name: "outbound")
    var settings = HTTPClientOptions(userAgent: "trunkline-webhooks/\(options.version)", allowPrivateTargets: options.allowsPrivateTargets)
    // The workers count what is under way, each workspace's apart; here one host's would queue together.
    settings.concurrencyPerHost = .max
    // A callback is asked once: what is asked again of itself would be carried out twice.
    settings.reusesConnections = false
    client = try HTTPClient(loop: loop, options: settings)
  }

  func post(_ request: OutboundRequest) async throws(OutboundFailure) -> OutboundReply {
    var outgoing = HTTPClientRequest(method: "POST", url: request.url, headers: request.headers, body: .bytes(request.body))
    outgoing.totalTimeoutMilliseconds = Int(request.timeout)
    outgoing.connectTimeoutMilliseconds = Int(request.timeout)
    let begun = ProcessFigures.nanoseconds()
    defer { duration.observe(ProcessFigures.nanoseconds() - begun) }
    do throws(HTTPClientError) {
      let response = try await client.send(outgoing)
      return OutboundReply(status: response.status, contentType: response.header("Content-Type") ?? "", body: response.body)
    } catch {
      throw OutboundFailure(reason: "\(error)")
    }
  }

  /// Ends the workers and then the client. What is under way gets the grace time; what is cut off then is sent again at the next start.
  /// The loop goes on: the workers' last steps need it.
  func finish(_ workers: [CalloutWorker], within milliseconds: Int64) async {
    for worker in workers { worker.stop() }
    let client = client
    let limit = loop.schedule(afterMilliseconds: milliseconds) { client.cancelAll() }
    for worker in workers { await worker.end() }
    limit.cancel()
    await client.shutdown()
  }
}
