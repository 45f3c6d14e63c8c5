internal import Glibc

/// What the system knows of this process, by the names that Prometheus' client libraries use. Read when it is scraped, from /proc and without an allocation worth mentioning.
package enum ProcessFigures {
  /// Nanoseconds of the clock that durations are measured with; it stands still while the machine is suspended.
  package static func nanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  package static func register(in metrics: Metrics) {
    metrics.gauge("process_resident_memory_bytes", help: "Memory of the process that is in RAM") { Double(memory().resident) }
    metrics.gauge("process_virtual_memory_bytes", help: "Memory of the process that is mapped") { Double(memory().virtual) }
    metrics.counter("process_cpu_seconds_total", help: "CPU time of the process, user and system") { cpuSeconds() }
    metrics.gauge("process_open_fds", help: "File descriptors that are open") { Double(openDescriptors()) }
    metrics.gauge("process_max_fds", help: "File descriptors that may be open") { Double(mostDescriptors()) }
    metrics.gauge("process_threads", help: "Threads of the process") { Double(field("Threads:")) }
    // Read once: it does not change.
    let started = startSeconds()
    metrics.gauge("process_start_time_seconds", help: "When the process was started, seconds since 1970") { started }
  }

  private static func memory() -> (virtual: Int, resident: Int) {
    let pages = read("/proc/self/statm").split(separator: " ").compactMap { Int($0) }
    guard pages.count >= 2 else { return (0, 0) }
    let size = sysconf(Int32(_SC_PAGESIZE))
    return (pages[0] * size, pages[1] * size)
  }

  private static func cpuSeconds() -> Double {
    var usage = rusage()
    guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  /// Newer kernels (6.2) say it as the size of the folder; older ones have it counted.
  private static func openDescriptors() -> Int {
    var status = stat()
    if stat("/proc/self/fd", &status) == 0, status.st_size > 0 { return Int(status.st_size) }
    guard let folder = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    // The two names of the folders, and the descriptor that reads them.
    return max(0, count - 3)
  }

  private static func mostDescriptors() -> UInt64 {
    var limit = rlimit()
    return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? UInt64(limit.rlim_cur) : 0
  }

  /// The boot's time and the ticks since then.
  private static func startSeconds() -> Double {
    let boot = read("/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) } ?? 0
    // Behind the name, which may have spaces and brackets of its own, the start is the twentieth field.
    let text = read("/proc/self/stat")
    guard let end = text.lastIndex(of: ")") else { return 0 }
    let fields = text[end...].split(separator: " ")
    guard fields.count > 20, let ticks = Double(fields[20]) else { return 0 }
    return boot + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  private static func field(_ name: String) -> Int {
    let line = read("/proc/self/status").split(separator: "\n").first { $0.hasPrefix(name) }
    return line.flatMap { Int($0.dropFirst(name.count).drop { $0 == "\t" || $0 == " " }) } ?? 0
  }

  /// A file of /proc, up to 64 KiB; empty where it cannot be read.
  private static func read(_ path: String) -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = Glibc.read(file, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : ""
  }
}
