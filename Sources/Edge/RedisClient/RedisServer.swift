/// What a server says about itself.
package struct RedisServer: Sendable, Equatable {
  package var endpoint: RedisEndpoint
  /// Of this run of the process.
  package var runID: String
  /// Of the history of writes that it carries on.
  package var replicationID: String
  package var role: String
  package var version: String
  /// `maxmemory-policy`; nil where it is not told.
  package var evictionPolicy: String?

  /// From the texts of `INFO server`, `INFO replication` and, where asked for, `INFO memory`; nil where a name is missing.
  init?(endpoint: RedisEndpoint, info: String) {
    var fields: [Substring: String] = [:]
    for line in info.split(whereSeparator: \.isNewline) {
      guard let colon = line.firstIndex(of: ":") else { continue }
      fields[line[..<colon]] = String(line[line.index(after: colon)...])
    }
    guard let runID = fields["run_id"] else { return nil }
    // A Sentinel replicates nothing.
    let isSentinel = fields["redis_mode"] == "sentinel"
    guard let replicationID = fields["master_replid"] ?? (isSentinel ? "" : nil) else { return nil }
    guard let role = fields["role"] ?? (isSentinel ? "sentinel" : nil) else { return nil }
    self.endpoint = endpoint
    self.runID = runID
    self.replicationID = replicationID
    self.role = role
    version = fields["redis_version"] ?? ""
    evictionPolicy = fields["maxmemory_policy"]
  }

  /// Whether what is stored may be another's than `other` has seen.
  func differs(from other: RedisServer) -> Bool { runID != other.runID || replicationID != other.replicationID || role != other.role }

  /// What keeps it from holding documents, in words for an operator: single keys that it drops would be missed by nobody.
  package var evictionProblem: String? {
    guard let evictionPolicy, evictionPolicy != "noeviction" else { return nil }
    return "Redis at \(endpoint) drops documents when its memory is full: set maxmemory-policy to noeviction (it is \(evictionPolicy))"
  }
}
