import Resources
import TaskRouting

/// What a path can be asked with: the `Allow` of an answer 405 (RFC 9110, section 15.5.6). It stands beside the routes, not in them, so that no route has to count its own.
enum Allow {
  /// For probes.
  static let probes = "GET, HEAD, OPTIONS"

  /// `segments` of a path that exists.
  static func methods(for segments: [String]) -> String {
    // Like every GET a HEAD, and OPTIONS everywhere.
    (own(segments).flatMap { $0 == "GET" ? ["GET", "HEAD"] : [$0] } + ["OPTIONS"]).joined(separator: ", ")
  }

  private static func own(_ segments: [String]) -> [String] {
    switch (segments.first, segments.count) {
    case ("dev", _): ["POST"]
    case ("2010-04-01", 4): ["POST"]
    case ("2010-04-01", _): ["GET", "POST"]
    case ("v1", 2): ["GET", "POST"]
    case ("v1", 3): ["GET", "POST", "DELETE"]
    case ("v1", 4...): inside(segments)
    default: []
    }
  }

  private static func inside(_ segments: [String]) -> [String] {
    let kind = ResourceKind.called(segments[3])
    switch (segments.count, segments[3], segments.count > 4 ? segments[4] : "") {
    case (5, "Tasks", "Bulk"): return ["POST"]
    case (4, _, _): return ["GET"] + (kind?.create == nil ? [] : ["POST"])
    case (5, "Events", _), (6, _, _): return ["GET"]
    case (5, _, _): return ["GET"] + (kind?.update == nil ? [] : ["POST"]) + (kind?.delete == nil ? [] : ["DELETE"])
    default: return ["GET", "POST"]
    }
  }
}
