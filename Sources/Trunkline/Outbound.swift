import EventLoops
import HTTPClient
import Ports

/// HTTP to customers' servers: the client on a loop of its own, so that a slow server is nobody's business but its own.
struct Outbound: HTTPCaller {
  let loop: EventLoop
  private let client: HTTPClient

  init(options: NodeOptions) throws {
    loop = try EventLoop.spawn(name: "outbound")
    var settings = HTTPClientOptions(userAgent: "trunkline-webhooks/\(options.version)", allowPrivateTargets: options.allowsPrivateTargets)
    settings.concurrencyPerHost = 64
    client = try HTTPClient(loop: loop, options: settings)
  }

  func post(_ request: OutboundRequest) async throws(OutboundFailure) -> OutboundReply {
    var outgoing = HTTPClientRequest(method: "POST", url: request.url, headers: request.headers, body: .bytes(request.body))
    outgoing.totalTimeoutMilliseconds = Int(request.timeout)
    outgoing.connectTimeoutMilliseconds = Int(request.timeout)
    do throws(HTTPClientError) {
      let response = try await client.send(outgoing)
      return OutboundReply(status: response.status, contentType: response.header("Content-Type") ?? "", body: response.body)
    } catch {
      throw OutboundFailure(reason: "\(error)")
    }
  }

  func stop() async {
    await client.shutdown()
    loop.stop()
  }
}
