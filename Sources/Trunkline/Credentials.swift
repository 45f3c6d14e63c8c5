import Accounts
import Crypto
import Foundation
import Glibc
import Ingress
import Journal
import Observability
import Ports
import Resources

/// The first account of a data folder: in the accounts' journal, and in a file that only the owner can read.
package struct Credentials: Sendable {
  let file: String

  init(folder: String) { file = folder + "/account" }

  /// Sid and token as the file has them.
  var kept: (sid: String, token: String)? {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
    let lines = text.split(separator: "\n").map(String.init)
    func value(_ name: String) -> String? { lines.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) } }
    guard let sid = value("TRUNKLINE_ACCOUNT_SID"), let token = value("TRUNKLINE_AUTH_TOKEN") else { return nil }
    return (sid, token)
  }

  /// A file that says nothing is no reason to make a second account: its key would open none of the first one's workspaces.
  /// Errors: `NodeFailure` with the remedy. A preset account needs no file.
  func check(_ options: NodeOptions) throws(NodeFailure) {
    guard options.presetAccount == nil, FileManager.default.fileExists(atPath: file) else { return }
    if let kept, SIDKind.account.parse(kept.sid) != nil, !kept.token.isEmpty { return }
    throw NodeFailure(
      "\(file) cannot be read, or lacks TRUNKLINE_ACCOUNT_SID=AC… and TRUNKLINE_AUTH_TOKEN=…: put it back from a backup, or move it away and start with both in the "
        + "environment. `trunkline account list --show-tokens --data-dir FOLDER` shows the folder's accounts once the file is away")
  }

  /// Makes the account where it is missing. False when the partitions are not there yet: to be tried again.
  func prepare(_ options: NodeOptions, _ commander: Commander, _ hot: any HotReads, _ logger: Logger) async -> Bool {
    let isNew = options.presetAccount == nil && kept == nil
    let sid = options.presetAccount ?? kept?.sid ?? SIDKind.account.text(SecureIdentifiers().identifier())
    let token = options.presetToken ?? kept?.token ?? CryptoSecrets().token()
    guard let id = SIDKind.account.parse(sid) else {
      logger.error("the preset account is no account SID", ["sid": sid])
      return true
    }
    guard await submit(.create, id, token, commander) else { return false }
    let key = DocumentKey(kind: AccountKind.account, id: id)
    let found = try? await hot.get(id, [key]).documents[0]
    let stored = found.flatMap { try? AccountRecord(decoding: $0) }
    if let stored, stored.authToken != token, options.presetToken != nil {
      // The operator's word counts: a preset token replaces the one of before.
      guard await submit(.rotate, id, token, commander) else { return false }
      logger.info("the preset token replaces the account's", ["account": sid])
    }
    // Without a preset the journal's word counts: the token may have been rotated since the file was written.
    let current = options.presetToken ?? stored?.authToken ?? token
    if kept?.sid != sid || kept?.token != current { save(sid, current, logger) }
    if isNew { announce(sid, token) }
    return true
  }

  private func submit(_ operation: AccountRequest.Operation, _ id: Identifier, _ token: String, _ commander: Commander) async -> Bool {
    var request = AccountRequest(operation)
    request.friendlyName = operation == .create ? "Trunkline" : nil
    request.token = token
    let command = Command(scope: id, account: id, body: request.encoded())
    if case .success(let verdict) = await commander.submit(command, to: "account.commands", patience: 5000) { return !verdict.isError }
    return false
  }

  /// After a rotation: the file follows when it is about this account.
  package static func follow(folder: String, sid: String, token: String) {
    let credentials = Credentials(folder: folder)
    guard credentials.kept?.sid == sid else { return }
    credentials.save(sid, token, Logger(now: { SystemClock().now() }))
  }

  private func save(_ sid: String, _ token: String, _ logger: Logger) {
    let text = "TRUNKLINE_ACCOUNT_SID=\(sid)\nTRUNKLINE_AUTH_TOKEN=\(token)\n"
    // Whole or not at all: a start refuses what a crash left half.
    let fresh = file + ".new"
    let made = FileManager.default.createFile(atPath: fresh, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
    try? FileHandle(forWritingAtPath: fresh)?.synchronize()
    if !made || rename(fresh, file) != 0 { logger.error("the account's credentials cannot be kept", ["file": file]) }
  }

  /// Printed once, for whoever started it; the file has it for later.
  private func announce(_ sid: String, _ token: String) {
    let text = """

      A first account was made. It is shown here once and kept in \(file) (readable by you alone):

        export TRUNKLINE_ACCOUNT_SID=\(sid)
        export TRUNKLINE_AUTH_TOKEN=\(token)


      """
    FileHandle.standardOutput.write(Data(text.utf8))
  }
}
