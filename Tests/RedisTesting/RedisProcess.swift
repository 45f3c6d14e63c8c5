import ChildProcess
import Glibc
import Synchronization

/// A `redis-server` of a test's own on a free port, without files. It ends with the object, and with this process, however that ends.
package final class RedisProcess: Sendable {
  private static let name = "redis-server"
  /// Where it is; nil where it is nowhere on the path.
  private static let program: String? = getenv("PATH").flatMap { path in
    String(cString: path).split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  /// Whether tests can run servers. Where they cannot they are skipped and it is said, unless the environment demands them (`TRUNKLINE_REQUIRE_CLUSTER=1`).
  package static let isAvailable: Bool = {
    let isThere = program != nil
    let isRequired = getenv("TRUNKLINE_REQUIRE_CLUSTER").map { String(cString: $0) == "1" } ?? false
    if !isThere, !isRequired { print("*** SKIPPED: no \(name) on the path, so nothing is tested on Redis ***") }
    return isThere || isRequired
  }()

  /// One for the whole run of the tests: each case takes a prefix of its own.
  package static let shared = Result { try RedisProcess() }

  package let port: Int
  private let arguments: [String]
  /// Of its configuration or certificate, where it has one.
  private let folder: TemporaryFolder?
  private let state: Mutex<(pid: pid_t, lifeline: Int32)>

  /// - Parameter arguments: further ones of `redis-server`.
  package convenience init(_ arguments: String...) throws {
    let port = try Self.freePort()
    try self.init(port: port, ["--port", "\(port)"] + Self.standard + arguments)
  }

  /// A server of TLS alone.
  package convenience init(certificate: SelfMadeCertificate) throws {
    let port = try Self.freePort()
    let tls = ["--tls-cert-file", certificate.certificate, "--tls-key-file", certificate.key, "--tls-auth-clients", "no"]
    try self.init(port: port, ["--port", "0", "--tls-port", "\(port)"] + Self.standard + tls, folder: certificate.folder)
  }

  /// A Sentinel that alone decides, in a third of a second, that `master` is down.
  package convenience init(sentinelOf name: String, _ master: RedisProcess) throws {
    let port = try Self.freePort()
    let folder = try TemporaryFolder()
    let file = folder.path + "/sentinel.conf"
    let text = """
      port \(port)
      bind 127.0.0.1
      sentinel monitor \(name) 127.0.0.1 \(master.port) 1
      sentinel down-after-milliseconds \(name) 300
      sentinel failover-timeout \(name) 3000

      """
    guard let stream = fopen(file, "w") else { throw Failure(what: "no \(file)") }
    fputs(text, stream)
    fclose(stream)
    try self.init(port: port, [file, "--sentinel"], folder: folder)
  }

  private init(port: Int, _ arguments: [String], folder: TemporaryFolder? = nil) throws {
    self.folder = folder
    self.port = port
    self.arguments = arguments
    state = Mutex(try Self.start(arguments))
  }

  private static let standard = [
    "--bind", "127.0.0.1", "127.0.0.2", "--save", "", "--appendonly", "no", "--dir", "/tmp", "--repl-diskless-sync-delay", "0",
  ]

  deinit { stop() }

  package var pid: Int32 { state.withLock { $0.pid } }

  package func signal(_ number: Int32) { kill(pid, number) }

  /// Kills the server. Its data are gone.
  package func stop() {
    state.withLock { state in
      if state.lifeline < 0 { return }
      kill(state.pid, SIGKILL)
      close(state.lifeline)
      state.lifeline = -1
    }
  }

  /// Kills the server and starts an empty one on the same port.
  package func restart() throws {
    stop()
    try state.withLock { $0 = try Self.start(arguments) }
  }

  package struct Failure: Error {
    package let what: String
  }

  private static let lastPort = Atomic(20_000 + Int(getpid()) * 37 % 8000)

  /// Below the ports that the kernel gives to outgoing connections: none of those takes it before the server does.
  package static func freePort() throws -> Int {
    for _ in 0..<4000 {
      let port = lastPort.wrappingAdd(1, ordering: .relaxed).newValue
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(descriptor) }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(port).bigEndian
      let code = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
      }
      if code == 0 { return port }
    }
    throw Failure(what: "no free port")
  }

  /// A shell stands between: it kills the server when its standard input ends, which it does when this process is gone.
  private static func start(_ arguments: [String]) throws -> (pid: pid_t, lifeline: Int32) {
    guard let program else { throw Failure(what: "no \(name) on the path") }
    var input: [Int32] = [-1, -1]
    var output: [Int32] = [-1, -1]
    guard pipe(&input) == 0, pipe(&output) == 0 else { throw Failure(what: "no pipe: \(errno)") }
    // Another server's shell must not keep this one's alive.
    for descriptor in input + output { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    let script = #""$@" >/dev/null 2>&1 & echo $!; read _; kill -9 $!"#
    let words = ["/bin/sh", "-c", script, "sh", program] + arguments
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, input[0], 0)
    posix_spawn_file_actions_adddup2(&actions, output[1], 1)
    for descriptor in inheritedDescriptors() { posix_spawn_file_actions_addclose(&actions, descriptor) }
    defer { posix_spawn_file_actions_destroy(&actions) }
    var pointers = words.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var shell: pid_t = 0
    let code = posix_spawn(&shell, "/bin/sh", &actions, nil, &pointers, environ)
    close(input[0])
    close(output[1])
    defer { close(output[0]) }
    guard code == 0 else { throw Failure(what: "no shell: \(code)") }
    var text = [UInt8](repeating: 0, count: 32)
    let count = read(output[0], &text, text.count)
    guard count > 1, let pid = pid_t(String(decoding: text[..<(count - 1)], as: UTF8.self)) else { throw Failure(what: "no process") }
    return (pid, input[1])
  }
}
