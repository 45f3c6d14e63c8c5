import EventLoops
import Foundation
import Glibc
import SQLiteEventLog

/// One thing that was looked at before serving.
package struct Finding: Sendable {
  package enum Grade: String, Sendable { case good, warning, bad }
  package var grade: Grade
  package var subject: String
  package var text: String
  /// How to mend it; empty when it is good.
  package var remedy: String
}

/// `trunkline doctor`: what would keep a server from working here, and what to do about it.
package enum Doctor {
  package static func examine(_ options: NodeOptions) -> [Finding] {
    folder(options) + disk(options) + file(options) + smallFiles(options) + port(options) + limits(options) + settings(options)
      + (options.tls.map { Certificates.findings($0) } ?? [])
  }

  private static func folder(_ options: NodeOptions) -> [Finding] {
    let path = options.dataFolder
    var status = stat()
    guard stat(path, &status) == 0 else {
      let parent = (path as NSString).deletingLastPathComponent
      let place = parent.isEmpty ? "." : parent
      guard access(place, W_OK) == 0 else {
        return [
          Finding(
            grade: .bad, subject: "data folder", text: "\(path) does not exist and \(place) is not writable",
            remedy: "mkdir -p \(path), or choose another --data-dir")
        ]
      }
      return [Finding(grade: .good, subject: "data folder", text: "\(path) will be made at the first start", remedy: "")]
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      return [Finding(grade: .bad, subject: "data folder", text: "\(path) is not a folder", remedy: "choose another --data-dir")]
    }
    guard access(path, R_OK | W_OK | X_OK) == 0 else {
      return [
        Finding(
          grade: .bad, subject: "data folder", text: "\(path) is not writable by this user",
          remedy: "chown or chmod it, or choose another --data-dir")
      ]
    }
    var findings = [Finding(grade: .good, subject: "data folder", text: "\(path) is writable", remedy: "")]
    if status.st_mode & 0o077 != 0 {
      findings.append(
        Finding(
          grade: .warning, subject: "permissions", text: "\(path) can be read by others; the account's token is in it",
          remedy: "chmod 700 \(path)"))
    }
    do throws(EventLogStartFailure) {
      try FolderLock(folder: path).release()
    } catch {
      findings.append(Finding(grade: .warning, subject: "lock", text: "\(error)", remedy: "fine if that is the server you mean"))
    }
    return findings
  }

  private static func disk(_ options: NodeOptions) -> [Finding] {
    guard let free = FolderFigures.free(access(options.dataFolder, F_OK) == 0 ? options.dataFolder : ".") else { return [] }
    let text = "\(free >> 20) MiB free"
    if free < 256 << 20 {
      return [Finding(grade: .bad, subject: "disk", text: text, remedy: "make room: new work is refused on a full disk")]
    }
    if free < 2 << 30 {
      return [Finding(grade: .warning, subject: "disk", text: text, remedy: "a million tasks take about 2 GiB for seven days of journal")]
    }
    return [Finding(grade: .good, subject: "disk", text: text, remedy: "")]
  }

  private static func file(_ options: NodeOptions) -> [Finding] {
    guard access(options.dataFolder + "/log.sqlite", F_OK) == 0 else {
      guard options.cluster == nil, access(options.dataFolder + "/account", F_OK) == 0 else { return [] }
      return [
        Finding(
          grade: .bad, subject: "log", text: "log.sqlite is missing, but account is there: the folder has been served before",
          remedy: "restore a backup into a new folder (trunkline restore BACKUP --data-dir NEW), or move account away to begin with nothing"
        )
      ]
    }
    do throws(EventLogStartFailure) {
      let file = try LogFile(folder: options.dataFolder)
      if let damage = try file.damage() {
        return [
          Finding(
            grade: .bad, subject: "log", text: "\(damage.file) is damaged: \(damage.reason)",
            remedy: "restore a backup into a new folder (trunkline restore BACKUP --data-dir NEW), or recover a copy with sqlite3 .recover")
        ]
      }
      let count = file.partitions(of: "work.journal").count
      return [
        Finding(grade: .good, subject: "log", text: "sound: \(file.names.joined(separator: ", ")); \(count) partitions of work", remedy: "")
      ]
    } catch {
      return [Finding(grade: .bad, subject: "log", text: "\(error)", remedy: "see the text")]
    }
  }

  /// What a start would refuse.
  private static func smallFiles(_ options: NodeOptions) -> [Finding] {
    guard access(options.dataFolder, R_OK | X_OK) == 0 else { return [] }
    do throws(NodeFailure) {
      try Credentials(folder: options.dataFolder).check(options)
      _ = try DevClock.kept(options.dataFolder)
      return []
    } catch { return [Finding(grade: .bad, subject: "files", text: "\(error)", remedy: "see the text")] }
  }

  private static func port(_ options: NodeOptions) -> [Finding] {
    let place = "\(options.host):\(options.port)"
    func finding(_ grade: Finding.Grade, _ text: String, _ remedy: String = "") -> [Finding] {
      [Finding(grade: grade, subject: "port", text: text, remedy: remedy)]
    }
    switch PortHolder.look(host: options.host, port: options.port) {
    case .free: return finding(.good, "\(place) is free")
    case .notNumeric, .refused(EADDRNOTAVAIL):
      return finding(
        .bad, "\(options.host) is not a numeric address of this machine", "give --http an address such as 127.0.0.1:8080 or 0.0.0.0:8080")
    case .refused(EACCES):
      return finding(
        .bad, "\(place): permission denied; ports below 1024 are for root",
        "choose another --http, or allow it: setcap cap_net_bind_service=+ep on the program, or AmbientCapabilities= in the systemd unit")
    case .refused(let code):
      return finding(.bad, "\(place) cannot be listened on: \(String(cString: strerror(code)))", "choose another --http")
    case .taken:
      guard let holder = PortHolder.find(port: options.port) else {
        return finding(.bad, "\(place) is in use", "stop who has it, or choose another --http")
      }
      if isServer(of: options.dataFolder, holder) { return finding(.good, "\(place) is in use by \(holder), this folder's server") }
      return finding(.bad, "\(place) is in use by \(holder)", "stop it, or choose another --http")
    }
  }

  /// Whether who has the port has the folder's lock too.
  private static func isServer(of folder: String, _ holder: PortHolder) -> Bool {
    guard access(folder, F_OK) == 0 else { return false }
    do throws(EventLogStartFailure) {
      try FolderLock(folder: folder).release()
      return false
    } catch {
      guard case .folderInUse(_, let owner) = error else { return false }
      return owner.hasPrefix("pid \(holder.pid) ")
    }
  }

  private static func limits(_ options: NodeOptions) -> [Finding] {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let wanted = UInt64(options.mostConnections) + 256
    guard limit.rlim_cur < wanted else {
      return [Finding(grade: .good, subject: "open files", text: "\(limit.rlim_cur) allowed", remedy: "")]
    }
    return [
      Finding(
        grade: .warning, subject: "open files", text: "\(limit.rlim_cur) allowed, \(options.mostConnections) connections may come",
        remedy: "ulimit -n \(wanted), or LimitNOFILE= in the systemd unit, or a smaller --max-connections")
    ]
  }

  private static func settings(_ options: NodeOptions) -> [Finding] {
    var findings: [Finding] = []
    let isLoopback = options.host.hasPrefix("127.") || options.host == "::1"
    if !isLoopback, options.publicURL == nil {
      findings.append(
        Finding(
          grade: .warning, subject: "public URL", text: "URLs and signatures follow each request's Host",
          remedy: "set --public-url to what clients use"))
    }
    if options.allowsPrivateTargets {
      findings.append(
        Finding(
          grade: .warning, subject: "callbacks", text: "they may go to loopback and private addresses",
          remedy: "drop --allow-private-targets where tenants are not trusted"))
    }
    return findings
  }
}

/// Who has a port, if the kernel's tables tell.
package struct PortHolder: CustomStringConvertible {
  package let pid: Int
  let name: String

  package var description: String { "pid \(pid) (\(name))" }

  enum State {
    case free, taken
    case notNumeric
    /// errno.
    case refused(Int32)
  }

  /// Whether a port could be listened on now.
  static func look(host: String, port: Int) -> State {
    guard !host.contains(":") else { return .free }
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(truncatingIfNeeded: port)).bigEndian
    guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return .notNumeric }
    let outcome = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    if outcome == 0 { return .free }
    return errno == EADDRINUSE ? .taken : .refused(errno)
  }

  /// Whoever listens on a port.
  package static func find(port: Int) -> PortHolder? {
    let wanted = String(format: "%04X", port)
    var inodes: Set<String> = []
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
      guard let text = try? String(contentsOfFile: table, encoding: .utf8) else { continue }
      for line in text.split(separator: "\n").dropFirst() {
        let fields = line.split(separator: " ")
        guard fields.count > 9, fields[1].hasSuffix(":" + wanted), fields[3] == "0A" else { continue }
        inodes.insert("socket:[\(fields[9])]")
      }
    }
    guard !inodes.isEmpty, let processes = try? FileManager.default.contentsOfDirectory(atPath: "/proc") else { return nil }
    for pid in processes.compactMap({ Int($0) }) {
      guard let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd") else { continue }
      for file in files {
        guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(file)"), inodes.contains(target)
        else { continue }
        let name =
          (try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "?"
        return PortHolder(pid: pid, name: name)
      }
    }
    return nil
  }
}
