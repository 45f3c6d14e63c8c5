import EventLoops
import Foundation
import Glibc
import Ingress
import Observability
import TLS

/// What a node says about itself as a whole.
extension Node {
  func describe(_ home: String) {
    metrics.gauge(
      "trunkline_build_info", help: "Always 1; what runs here",
      labels: ["version": options.version, "home": home, "node": options.cluster?.node ?? "embedded", "roles": options.roles.description]
    ) { 1 }
    ProcessFigures.register(in: metrics)
    let readiness = readiness
    metrics.gauge("trunkline_ready", help: "1 when /ready says so, 0 when not") { readiness.missing.isEmpty ? 1 : 0 }
    metrics.gauges("trunkline_not_ready", help: "1 for each part of the node that is not ready, by its name in /ready") {
      readiness.missing.map { (["part": $0.name], 1) }
    }
    if let tls = options.tls {
      metrics.gauge("trunkline_tls_certificate_expiry_timestamp_seconds", help: "When the certificate ends, seconds since 1970") {
        Date().timeIntervalSince1970 + Double(tls.current.secondsLeft ?? 0)
      }
    }
  }
}

/// How late loops come to what is asked of them: the first sign of too much work for a core.
struct LoopFigures: Sendable {
  private let loops: [(loop: EventLoop, delay: Histogram)]

  init(metrics: Metrics, http: [EventLoop], lanes: [EventLoop], projection: EventLoop) {
    func delay(_ name: String) -> Histogram {
      metrics.histogram(
        "trunkline_loop_delay_seconds", help: "Time from asking a loop for something until it does it, tried once a second on each",
        labels: ["loop": name])
    }
    // In the embedded home the lanes are the loops of requests.
    let own = lanes.filter { lane in !http.contains { $0 === lane } }
    loops = http.map { ($0, delay("http")) } + own.map { ($0, delay("lane")) } + [(projection, delay("projection"))]
  }

  func measure() {
    for (loop, delay) in loops {
      let asked = ProcessFigures.nanoseconds()
      loop.post { delay.observe(ProcessFigures.nanoseconds() - asked) }
    }
  }
}

/// Sizes of the embedded home's files.
enum FolderFigures {
  static func register(_ folder: String, in metrics: Metrics) {
    for (file, name) in [
      ("database", "log.sqlite"), ("wal", "log.sqlite-wal"), ("derived", "derived.sqlite"), ("derived_wal", "derived.sqlite-wal"),
    ] {
      metrics.gauge("trunkline_log_file_bytes", help: "Size of the log's files", labels: ["file": file]) {
        Double(size(folder + "/" + name))
      }
    }
    metrics.gauge("trunkline_disk_free_bytes", help: "Room on the data folder's disk for this user") { Double(free(folder) ?? 0) }
  }

  private static func size(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  /// Bytes; nil where it cannot be told.
  static func free(_ path: String) -> UInt64? {
    var status = statvfs()
    return statvfs(path, &status) == 0 ? UInt64(status.f_bavail) * UInt64(status.f_frsize) : nil
  }
}
