import Callouts
import Crypto
import Ingress
import PartitionRunner
import PoisonStamp
import Ports
import Resources

/// Identifiers and seeds from the system's cryptographic source.
struct SecureIdentifiers: IdentifierSource {
  func identifier() -> Identifier { Identifier(keyBytes: Crypto.random(16)) ?? .none }
  func seed() -> UInt64 { Crypto.random(8).reduce(0) { $0 << 8 | UInt64($1) } }
}

struct CryptoSecrets: Secrets, Signer {
  func sha256(_ bytes: [UInt8]) -> [UInt8] { Crypto.sha256(bytes) }
  func isSame(_ a: [UInt8], _ b: [UInt8]) -> Bool { Crypto.isSame(a, b) }
  func token() -> String { Crypto.hex(Crypto.random(16)) }
  func sign(_ message: [UInt8], key: [UInt8]) -> String { Crypto.base64(Crypto.hmacSHA1(key: key, message)) }
}

/// The evidence of deadly commands, kept in the data folder's page.
struct StampGuard: PoisonGuard {
  /// The inputs of accounts' partitions: those of workspaces have the same numbers, and one's evidence is not the other's.
  static let accounts: UInt8 = 128

  let stamp: PoisonStamp
  /// What the family's first input is called.
  var first: UInt8 = 0

  func note(input: UInt8, partition: Int, position: Int64) {
    stamp.note(input: named(input), partition: UInt32(partition), position: position)
  }
  func clear() { stamp.clear() }
  func isPoisoned(input: UInt8, partition: Int, position: Int64) -> Bool {
    stamp.isPoisoned(input: named(input), partition: UInt32(partition), position: position)
  }

  /// Errands are called by what they are about, in whichever family.
  private func named(_ input: UInt8) -> UInt8 { input >= ErrandInput.slice ? input : input &+ first }

  static func words(for input: UInt8) -> StaticString {
    switch input {
    case ErrandInput.timer: "a timer ended the process"
    case ErrandInput.slice: "a slice of a long command ended the process"
    case accounts...: "a command about accounts ended the process"
    default: "a command ended the process"
    }
  }
}
