// The trivial handler beside which the cost of everything else is seen: reads the body, answers 300 bytes of JSON, on one loop.
import EventLoops
import Glibc
import HTTPServer

struct Trivial: HTTPHandler {
  let answer = Array("{\"text\":\"\(String(repeating: "x", count: 289))\"}".utf8)

  func handle(_ request: HTTPRequest, _ response: HTTPResponder) async {
    guard (try? await request.body.collect(upTo: 65_536)) != nil else { return }
    response.send(status: 200, headers: [("Content-Type", "application/json")], body: answer)
  }
}

guard CommandLine.arguments.count == 2, let port = Int(CommandLine.arguments[1]) else {
  print("usage: EdgeBench PORT")
  exit(2)
}
let group = try LoopGroup(count: 1, name: "bench")
let server = HTTPServer(group: group, host: "127.0.0.1", port: port, handler: Trivial())
print("listening on \(try server.start())")
while true { pause() }
