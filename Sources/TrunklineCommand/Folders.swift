import APIClient
import Foundation
import Glibc
import JSON
import Options
import Terminal
import Trunkline

/// `trunkline account …`: of a folder that no server has, or over the API of the server that has it.
enum Accounts {
  static func run(_ what: String, _ options: Options) async throws {
    let folder = try options.value("data-dir", .text)
    guard try ClusterChoice.brokers(options) == nil else {
      throw NodeFailure(
        "accounts of a cluster are looked after over a node that runs: --url http://HOST:PORT, as an account of it. "
          + "The first account is the one that nodes are started with (TRUNKLINE_ACCOUNT_SID, TRUNKLINE_AUTH_TOKEN)")
    }
    // Who names a server means that one, whatever lies in the folder.
    if try options.valueIfSet("url", .text) != nil { return try await overAPI(what, options, try Connect(options), folder) }
    guard !FileManager.default.fileExists(atPath: folder + "/account") || FileManager.default.fileExists(atPath: folder + "/log.sqlite")
    else {
      // Of a cluster's node: its accounts are in the cluster's journal, not here.
      guard FileManager.default.fileExists(atPath: Node.addressFile(folder)) else {
        throw NodeFailure("\(folder) is the folder of a cluster's node, which keeps no accounts: name a node that runs with --url")
      }
      return try await overAPI(what, options, try Connect(options), folder)
    }
    let administration: Administration
    do { administration = try Administration(folder: folder) } catch {
      guard FileManager.default.fileExists(atPath: Node.addressFile(folder)) else { throw error }
      return try await overAPI(what, options, try Connect(options), folder)
    }
    do {
      try await perform(what, options, administration, folder)
      await administration.close()
    } catch {
      await administration.close()
      throw error
    }
  }

  private static func perform(_ what: String, _ options: Options, _ administration: Administration, _ folder: String) async throws {
    switch what {
    case "create": show(try await administration.create(name: try options.value("name", .text)))
    case "rotate":
      let account = try await administration.rotate(sid: options.positional("SID") ?? "")
      Credentials.follow(folder: folder, sid: account.sid, token: account.token)
      show(account)
    default: list(try await administration.list(), showsTokens: try options.flag("show-tokens"))
    }
  }

  /// A running server is asked as the folder's own account: what it makes are subaccounts.
  private static func overAPI(_ what: String, _ options: Options, _ connection: Connect, _ folder: String) async throws {
    switch what {
    case "create":
      let made = try await connection.api.call(
        "POST", "/2010-04-01/Accounts.json", [("FriendlyName", try options.value("name", .text))])
      show(read(made.root))
      FileHandle.standardError.write(Data("over a running server, so this is a subaccount of the account that asked\n".utf8))
    case "rotate":
      let account = read(
        try await connection.api.call("POST", "/2010-04-01/Accounts/\(options.positional("SID") ?? "")/AuthToken.json").root)
      Credentials.follow(folder: folder, sid: account.sid, token: account.token)
      show(account)
    default:
      var found: [Administration.Account] = []
      let page = try await connection.api.call("GET", "/2010-04-01/Accounts.json?PageSize=1000")
      for item in page.root[key: "accounts"]?.elements.map({ $0 }) ?? [] { found.append(read(item)) }
      list(found, showsTokens: try options.flag("show-tokens"))
    }
  }

  private static func read(_ value: JSONValue) -> Administration.Account {
    func text(_ key: String) -> String { value[key: key]?.string ?? "" }
    return Administration.Account(sid: text("sid"), friendlyName: text("friendly_name"), status: text("status"), token: text("auth_token"))
  }

  private static func list(_ accounts: [Administration.Account], showsTokens: Bool) {
    var table = Table([
      (title: "SID", alignment: .left), (title: "Name", alignment: .left), (title: "Status", alignment: .left),
      (title: "Token", alignment: .left),
    ])
    for account in accounts { table.add([account.sid, account.friendlyName, account.status, showsTokens ? account.token : "********"]) }
    print(table.render())
  }

  private static func show(_ account: Administration.Account) {
    print("TRUNKLINE_ACCOUNT_SID=\(account.sid)\nTRUNKLINE_AUTH_TOKEN=\(account.token)")
  }
}

/// `trunkline doctor`: exit status 1 when something would keep a server from working.
enum Checkup {
  static func run(_ options: Options) async throws {
    let settings = try Serve.nodeOptions(options)
    var findings = Doctor.examine(settings)
    if let cluster = settings.cluster { findings += await Doctor.examine(cluster: cluster) }
    for finding in findings {
      let sign =
        switch finding.grade {
        case .good: "ok  "
        case .warning: "note"
        case .bad: "BAD "
        }
      print("\(sign) \(finding.subject): \(finding.text)" + (finding.remedy.isEmpty ? "" : "\n     → \(finding.remedy)"))
    }
    if settings.cluster == nil { print("partitions: \(NodeOptions.partitions) (fixed when the folder was made)") }
    if findings.contains(where: { $0.grade == .bad }) { exit(1) }
  }
}

/// `trunkline journal show`.
enum Journals {
  static func run(_ options: Options) async throws {
    var listing = JournalListing(isJSON: try options.flag("json"))
    listing.family = try options.value("family", OptionKind(rule: "work or account") { ["work", "account"].contains($0) ? $0 : nil })
    listing.partition = try options.valueIfSet("partition", .integer(in: 0...9999))
    listing.offset = Int64(try options.value("from", .integer(in: 0...Int.max)))
    if let workspace = try options.valueIfSet("workspace", .text) { try listing.narrow(to: workspace) }
    guard let brokers = try ClusterChoice.brokers(options) else {
      return try listing.show(folder: try options.value("data-dir", .text)) { print($0) }
    }
    let cluster = try await ClusterJournal(brokers, prefix: try options.valueIfSet("topic-prefix", ClusterChoice.prefixRule) ?? "")
    defer { cluster.close() }
    try await listing.show(cluster) { print($0) }
  }
}
