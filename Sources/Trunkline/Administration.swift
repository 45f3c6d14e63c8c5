import Accounts
import EventLoops
import InProcessHotState
import InProcessSignalBus
import Ingress
import Journal
import PartitionRunner
import Ports
import Resources
import SQLiteEventLog

/// Accounts of a stopped server's folder: the same journal and machine as when it serves, without the rest.
package final class Administration: Sendable {
  package struct Account: Sendable {
    package var sid: String
    package var friendlyName: String
    package var status: String
    package var token: String

    package init(sid: String, friendlyName: String, status: String, token: String) {
      self.sid = sid
      self.friendlyName = friendlyName
      self.status = status
      self.token = token
    }
  }

  private let log: SQLiteEventLog
  private let loop: EventLoop
  private let hot = InProcessHotState(indexer: AccountIndexes.entries)
  private let runners: [PartitionRunner<AccountsMachine>]
  private let commander: Commander
  private let clock = SystemClock()

  /// Throws `EventLogStartFailure.folderInUse` while a server has the folder.
  package init(folder: String) throws {
    log = try SQLiteEventLog(folder: folder, topics: Node.topics, clock: clock)
    loop = try EventLoop.spawn(name: "administration")
    let bus = InProcessSignalBus()
    let ports = RunnerPorts(log: log, hot: hot, bus: bus, clock: clock, identifiers: SecureIdentifiers())
    let queue = loop
    runners = (0..<NodeOptions.partitions).map { partition in
      PartitionRunner(
        options: RunnerOptions(family: "account", partition: partition, node: "administration", inputs: ["account.commands"]), ports: ports,
        settings: AccountsMachine.Settings(), queue: queue)
    }
    commander = Commander(log: log, bus: bus, clock: clock, node: "administration", first: SecureIdentifiers().seed() >> 16)
    for runner in runners { runner.start() }
  }

  package func close() async {
    for runner in runners { await runner.finish(within: 5000) }
    log.shutdown()
    loop.stop()
  }

  private func submit(_ request: AccountRequest, _ id: Identifier) async throws {
    let command = Command(scope: id, account: id, body: request.encoded())
    switch await commander.submit(command, to: "account.commands") {
    case .success(let verdict):
      if verdict.isError {
        throw NodeFailure(verdict.message.isEmpty ? "there is no account \(SIDKind.account.text(id))" : verdict.message)
      }
    case .failure(let failure): throw NodeFailure("the account could not be changed: \(failure)")
    }
  }

  package func create(name: String) async throws -> Account {
    let id = SecureIdentifiers().identifier()
    var request = AccountRequest(.create)
    request.friendlyName = name
    request.token = CryptoSecrets().token()
    try await submit(request, id)
    return try account(id)
  }

  package func rotate(sid: String) async throws -> Account {
    guard let id = SIDKind.account.parse(sid) else { throw NodeFailure("'\(sid)' is no account SID: AC and 32 hexadecimal digits") }
    var request = AccountRequest(.rotate)
    request.token = CryptoSecrets().token()
    try await submit(request, id)
    return try account(id)
  }

  private func account(_ id: Identifier) throws -> Account {
    guard let bytes = hot.documents(of: id)[DocumentKey(kind: AccountKind.account, id: id)] else {
      throw NodeFailure("there is no account \(SIDKind.account.text(id))")
    }
    let record = try AccountRecord(decoding: bytes)
    return Account(sid: SIDKind.account.text(id), friendlyName: record.friendlyName, status: record.status.text, token: record.authToken)
  }

  /// All accounts, parents and subaccounts.
  package func list() async throws -> [Account] {
    for runner in runners { await withCheckedContinuation { continuation in runner.post { $0.whenQuiet { continuation.resume() } } } }
    return try hot.scopes.sorted().compactMap { id in
      guard hot.documents(of: id)[DocumentKey(kind: AccountKind.account, id: id)] != nil else { return nil }
      return try account(id)
    }
  }
}
