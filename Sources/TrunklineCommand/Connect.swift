import APIClient
import EventLoops
import Foundation
import HTTPClient
import JSON
import Options
import Resources
import Trunkline

/// A server to talk to, and as whom: from the options, or from the data folder beside them.
final class Connect: Sendable {
  let api: APIClient
  private let loop: EventLoop
  private let http: HTTPClient

  init(_ options: Options) throws {
    let folder = try options.value("data-dir", .text)
    let address = (try? String(contentsOfFile: Node.addressFile(folder), encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
    let base = try options.valueIfSet("url", .text) ?? address ?? "http://127.0.0.1:8080"
    let kept = Connect.kept(try options.value("data-dir", .text))
    guard let sid = try options.valueIfSet("account-sid", .text) ?? kept?.sid,
      let token = try options.valueIfSet("auth-token", .text) ?? kept?.token
    else {
      throw Failure("as whom? Set TRUNKLINE_ACCOUNT_SID and TRUNKLINE_AUTH_TOKEN, or give --data-dir of the server's folder")
    }
    loop = try EventLoop.spawn(name: "client")
    var client = HTTPClientOptions(userAgent: "trunkline/\(TrunklineCommand.version)", allowPrivateTargets: true)
    client.certificateFile = try options.valueIfSet("ca", .text)
    http = try HTTPClient(loop: loop, options: client)
    api = APIClient(base: base.hasSuffix("/") ? String(base.dropLast()) : base, sid: sid, token: token, http: http)
  }

  func sleep(milliseconds: Int64) async { try? await loop.sleep(milliseconds: milliseconds) }

  private static func kept(_ folder: String) -> (sid: String, token: String)? {
    guard let text = try? String(contentsOfFile: folder + "/account", encoding: .utf8) else { return nil }
    var values: [Substring: Substring] = [:]
    for line in text.split(separator: "\n") {
      guard let equals = line.firstIndex(of: "=") else { continue }
      values[line[..<equals]] = line[line.index(after: equals)...]
    }
    guard let sid = values["TRUNKLINE_ACCOUNT_SID"], let token = values["TRUNKLINE_AUTH_TOKEN"] else { return nil }
    return (String(sid), String(token))
  }

  /// The workspace that was named, or the account's only one.
  func workspace(_ options: Options) async throws -> String {
    if let sid = try options.valueIfSet("workspace", .text) {
      guard SIDKind.workspace.parse(sid) != nil else {
        throw Failure("--workspace: '\(sid)' is no workspace SID: WS and 32 hexadecimal digits")
      }
      return sid
    }
    var found: [String] = []
    try await api.list("/v1/Workspaces?PageSize=2", key: "workspaces") { item in if let sid = item[key: "sid"]?.string { found.append(sid) }
    }
    guard found.count == 1 else {
      throw Failure(found.isEmpty ? "the account has no workspace yet" : "the account has several workspaces: name one with --workspace")
    }
    return found[0]
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }
}
