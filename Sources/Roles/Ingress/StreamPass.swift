import Accounts
import Ports
import Resources
import Synchronization

/// What a stream of events was opened with: an account and its token. A stream outlives its request by days, so what was checked then is looked at again.
final class StreamPass: Sendable {
  private let ingress: Ingress
  private let account: Identifier
  private let token: String
  private let looked: Mutex<Int64>

  init(ingress: Ingress, account: Identifier, token: String) {
    self.ingress = ingress
    self.account = account
    self.token = token
    looked = Mutex(ingress.clock.monotonic())
  }

  /// False once the token is another or the account not active. Who cannot be looked up now keeps what he has.
  func isGood() async -> Bool {
    let now = ingress.clock.monotonic()
    let isDue = looked.withLock { last in
      guard now - last >= ingress.options.accountHolds else { return false }
      last = now
      return true
    }
    guard isDue else { return true }
    guard let record = try? await ingress.account(account) else { return true }
    return record.status == .active && record.authToken == token
  }
}
