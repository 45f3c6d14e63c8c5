import Observability
import TLS

/// What is said of a server's certificate, in the log and by the doctor.
struct Certificates {
  private let identity: TLSIdentity
  private let logger: Logger
  /// Who renews by machine has done so long before.
  static let shortSeconds = 14 * 86_400

  init(_ identity: TLSIdentity, _ logger: Logger) {
    self.identity = identity
    self.logger = logger
  }

  func announce() {
    let left = identity.current.secondsLeft ?? 0
    let fields: KeyValuePairs = ["certificate": identity.certificate, "valid": Certificates.text(left)]
    if left <= Certificates.shortSeconds {
      logger.warning("the certificate must be renewed", fields)
    } else {
      logger.info("certificate", fields)
    }
  }

  func reload() {
    do throws(TLSError) {
      try identity.reload()
      logger.info("the certificate was read again; new connections get it", ["certificate": identity.certificate])
      announce()
    } catch { logger.error("the certificate stays as it was: the new one cannot be used", ["reason": error.reason]) }
  }

  static func text(_ seconds: Int) -> String {
    if seconds <= 0 { return "no longer" }
    return seconds < 2 * 86_400 ? "for \(seconds / 3600) hours" : "for \(seconds / 86_400) days"
  }

  static func findings(_ identity: TLSIdentity) -> [Finding] {
    let left = identity.current.secondsLeft ?? 0
    let text = "\(identity.certificate) is valid \(self.text(left))"
    if left <= 0 {
      return [Finding(grade: .bad, subject: "certificate", text: text, remedy: "renew it, then send the server SIGHUP")]
    }
    if left <= shortSeconds {
      return [Finding(grade: .warning, subject: "certificate", text: text, remedy: "renew it, then send the server SIGHUP")]
    }
    return [Finding(grade: .good, subject: "certificate", text: text, remedy: "")]
  }
}
