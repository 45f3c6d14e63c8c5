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
      ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
      + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate]
    var pointers = words.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    defer { posix_spawn_file_actions_destroy(&actions) }
    var process: pid_t = 0
    var status: Int32 = -1
    guard posix_spawnp(&process, "openssl", &actions, nil, &pointers, environ) == 0, waitpid(process, &status, 0) == process, status == 0
    else { throw RedisProcess.Failure(what: "openssl made no certificate") }
  }
}
