package import Glibc

/// A program that a test runs, with its output in hand. Not Foundation's `Process`: its `run` copies entries of a folder whole, over the end of the buffer that they stand in, and
/// that has ended all tests with a bad access.
package final class Child {
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  /// How it ended: the number of a signal, or 0 and its exit status.
  package struct End: Equatable {
    package var signal: Int32
    package var status: Int32

    package init(signal: Int32 = 0, status: Int32 = 0) { (self.signal, self.status) = (signal, status) }
  }

  package let pid: pid_t
  private let output: Int32

  /// - Parameters:
  ///   - program: a path, or a name that is looked for on the path.
  ///   - environment: beside this process's own, or instead of what that says.
  ///   - errors: the file that its standard error goes to; this process's otherwise.
  package init(_ program: String, _ arguments: [String] = [], environment: [String: String] = [:], errors: String? = nil) throws {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Failure(description: "no pipe: \(String(cString: strerror(errno)))") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[1]) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    if let errors { posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600) }
    for descriptor in inheritedDescriptors() { posix_spawn_file_actions_addclose(&actions, descriptor) }
    var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] = Child.environment(environment).map { strdup($0) } + [nil]
    defer { for text in words + variables { free(text) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, program, &actions, nil, &words, &variables)
    guard code == 0 else {
      close(ends[0])
      throw Failure(description: "\(program): \(String(cString: strerror(code)))")
    }
    self.pid = pid
    output = ends[0]
  }

  deinit { close(output) }

  private static func environment(_ added: [String: String]) -> [String] {
    var all = added.map { "\($0)=\($1)" }
    var next = environ
    while let variable = next.pointee {
      let text = String(cString: variable)
      if added[String(text.prefix { $0 != "=" })] == nil { all.append(text) }
      next += 1
    }
    return all
  }

  /// What it prints next; empty once there is nothing more to come.
  package func read() -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(output, &buffer, buffer.count)
      if count >= 0 { return Array(buffer[..<count]) }
      guard errno == EINTR else { return [] }
    }
  }

  package func readToEnd() -> [UInt8] {
    var all: [UInt8] = []
    while true {
      let more = read()
      if more.isEmpty { return all }
      all += more
    }
  }

  package func signal(_ number: Int32) { kill(pid, number) }

  /// Waits for its end; to be called once.
  package func end() -> End {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    let signal = status & 0x7F
    return End(signal: signal, status: signal == 0 ? status >> 8 & 0xFF : 0)
  }
}
