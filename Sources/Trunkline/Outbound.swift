import Ports

/// HTTP to customers' servers.
struct Outbound: HTTPCaller {
  init(options: NodeOptions) throws {}

  func post(_ request: OutboundRequest) async throws(OutboundFailure) -> OutboundReply { throw OutboundFailure(reason: "not built yet") }
  func stop() {}
}
