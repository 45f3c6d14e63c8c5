import ChildProcess
import Glibc

/// Where a test puts files: gone with the object.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/trunkline-redis-XXXXXX".utf8CString)
    guard let path = mkdtemp(&template) else { throw RedisProcess.Failure(what: "no temporary folder: \(errno)") }
    self.path = String(cString: path)
  }

  deinit {
    for name in names(in: path) ?? [] { unlink("\(path)/\(name)") }
    rmdir(path)
  }
}

/// A certificate for `localhost` and 127.0.0.1 that nobody has signed, and its key: files that `openssl` makes.
package struct SelfMadeCertificate: Sendable {
  package let certificate: String
  package let key: String
  let folder: TemporaryFolder

  package init() throws {
    folder = try TemporaryFolder()
    certificate = folder.path + "/certificate.pem"
    key = folder.path + "/key.pem"
    let words =
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
      + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate]
    let openssl = try Child("openssl", words, errors: "/dev/null")
    guard openssl.end() == Child.End() else { throw RedisProcess.Failure(what: "openssl made no certificate") }
  }
}
