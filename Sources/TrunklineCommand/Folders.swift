import Foundation
import Glibc
import Options
import Terminal
import Trunkline

/// `trunkline account …`: of a folder that no server has.
enum Accounts {
  static func run(_ what: String, _ options: Options) async throws {
    let administration = try Administration(folder: try options.value("data-dir", .text))
    do {
      try await perform(what, options, administration)
      await administration.close()
    } catch {
      await administration.close()
      throw error
    }
  }

  private static func perform(_ what: String, _ options: Options, _ administration: Administration) async throws {
    switch what {
    case "create": show(try await administration.create(name: try options.value("name", .text)))
    case "rotate": show(try await administration.rotate(sid: options.positional("SID") ?? ""))
    default:
      let shows = try options.flag("show-tokens")
      var table = Table([
        (title: "SID", alignment: .left), (title: "Name", alignment: .left), (title: "Status", alignment: .left),
        (title: "Token", alignment: .left),
      ])
      for account in try await administration.list() {
        table.add([account.sid, account.friendlyName, account.status, shows ? account.token : "********"])
      }
      print(table.render())
    }
  }

  private static func show(_ account: Administration.Account) {
    print("TRUNKLINE_ACCOUNT_SID=\(account.sid)\nTRUNKLINE_AUTH_TOKEN=\(account.token)")
  }
}

/// `trunkline doctor`: exit status 1 when something would keep a server from working.
enum Checkup {
  static func run(_ options: Options) throws {
    let findings = Doctor.examine(try Serve.nodeOptions(options))
    for finding in findings {
      let sign =
        switch finding.grade {
        case .good: "ok  "
        case .warning: "note"
        case .bad: "BAD "
        }
      print("\(sign) \(finding.subject): \(finding.text)" + (finding.remedy.isEmpty ? "" : "\n     → \(finding.remedy)"))
    }
    print("partitions: \(NodeOptions.partitions) (fixed when the folder was made)")
    if findings.contains(where: { $0.grade == .bad }) { exit(1) }
  }
}

/// `trunkline journal show`.
enum Journals {
  static func run(_ options: Options) throws {
    let listing = try JournalListing(folder: try options.value("data-dir", .text), isJSON: try options.flag("json"))
    let family = try options.value("family", OptionKind<String>(rule: "work or account") { ["work", "account"].contains($0) ? $0 : nil })
    let partition = try options.valueIfSet("partition", .integer(in: 0...1023))
    try listing.forEach(family: family, partition: partition, from: Int64(try options.value("from", .integer(in: 0...Int.max)))) {
      print($0)
    }
  }
}
