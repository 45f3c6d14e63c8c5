import Glibc
import Ingress
import JSON
import Journal
import PartitionRunner
import Ports
package import Resources
import SQLiteEventLog
import TaskRouting

/// What `trunkline journal show` prints: the records of the journals, readably or as one JSON object a line.
package struct JournalListing {
  /// "work" or "account".
  package var family = "work"
  /// Nil: all.
  package var partition: Int?
  /// The first offset of each partition.
  package var offset: Int64 = 0
  /// Only what was decided in this workspace.
  package var workspace: Identifier?
  private let isJSON: Bool

  package init(isJSON: Bool) { self.isJSON = isJSON }

  /// The SID of a workspace. Errors: `NodeFailure` for anything else.
  package mutating func narrow(to workspace: String) throws(NodeFailure) {
    guard let id = SIDKind.workspace.parse(workspace) else {
      throw NodeFailure("--workspace: '\(workspace)' is no workspace SID: WS and 32 hexadecimal digits")
    }
    self.workspace = id
  }

  /// Of the embedded home: every record of the chosen journals, in order of partition and offset.
  package func show(folder: String, _ print: (String) -> Void) throws {
    let file = try open(folder)
    let all = file.partitions(of: family + ".journal")
    try check(all.count, of: folder)
    for source in chosen(all) {
      var next = offset
      var ledger = Ledger()
      while true {
        let records = try file.read(source, from: next, limit: 500)
        guard let last = records.last else { break }
        for record in records { if let line = line(record, source, &ledger) { print(line) } }
        next = last.offset + 1
      }
    }
  }

  /// Of a cluster: what is in the journals now.
  package func show(_ cluster: ClusterJournal, _ print: (String) -> Void) async throws {
    let all = try cluster.partitions(of: family + ".journal")
    try check(all.count, of: "the cluster")
    for source in chosen(all) {
      var ledger = Ledger()
      try await cluster.read(source, from: offset) { records in
        for record in records { if let line = line(record, source, &ledger) { print(line) } }
      }
    }
  }

  private func check(_ count: Int, of place: String) throws(NodeFailure) {
    guard let partition, partition >= count else { return }
    throw NodeFailure("there is no partition \(partition): \(place) has \(count), from 0 on")
  }

  /// SQLite reads a log that may be written meanwhile with the help of a file beside it, which it must be able to make.
  private func open(_ folder: String) throws -> LogFile {
    do throws(EventLogStartFailure) { return try LogFile(folder: folder) } catch {
      guard access(folder + "/log.sqlite", R_OK) == 0, access(folder, W_OK) != 0 else { throw error }
      throw NodeFailure(
        "\(folder) may be read but not written by this user, and reading the log needs both: run it as the folder's owner, or on a copy of the folder (\(error))"
      )
    }
  }

  private var words: JournalWords { JournalWords(family: family) }

  /// A workspace's records are all in one partition.
  private func chosen(_ all: [TopicPartition]) -> [TopicPartition] {
    let only = partition ?? workspace.flatMap { family == "work" && !all.isEmpty ? Partitioner.partition(of: $0, among: all.count) : nil }
    return all.filter { only == nil || $0.partition == only }
  }

  /// Nil when it is not of the workspace that was asked for.
  private func line(_ record: LogRecord, _ source: TopicPartition, _ ledger: inout Ledger) -> String? {
    do {
      let whole = try JournalRecord(decoding: record.value ?? [])
      // What stands before the first Open that was read cannot be told.
      let acceptance = ledger.feed(whole, at: record.offset)
      let counts = ledger.epoch < 0 ? nil : acceptance != .refused
      guard let parsed = narrowed(whole) else { return nil }
      return isJSON ? json(parsed, record, source, counts) : text(parsed, record, source, counts)
    } catch {
      return "\(source) @\(record.offset) unreadable: \(error)"
    }
  }

  private func narrowed(_ record: JournalRecord) -> JournalRecord? {
    guard let workspace else { return record }
    guard case .decision(var decision) = record else { return nil }
    decision.scopes.removeAll { $0.scope != workspace }
    return decision.scopes.isEmpty ? nil : .decision(decision)
  }

  // MARK: For people

  private func text(_ parsed: JournalRecord, _ record: LogRecord, _ source: TopicPartition, _ counts: Bool?) -> String {
    let head = "\(source) @\(record.offset) \(Dates.iso8601Milliseconds(record.appended))"
    switch parsed {
    case .open(let open): return "\(head) OPEN by \(open.node), incarnation \(String(open.incarnation, radix: 16))"
    case .decision(let decision):
      var lines = [
        "\(head) \(counts == false ? "REFUSED " : "")DECISION \(decision.epoch).\(decision.sequence), \(record.value?.count ?? 0) bytes, positions "
          + decision.positions.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }.joined(separator: " ")
      ]
      for scope in decision.scopes {
        lines.append("  in \(words.scope(scope.scope)), events from \(scope.firstEvent)")
        for step in scope.steps { lines.append("    " + describe(step)) }
      }
      for message in decision.outbox {
        lines.append("  send \(message.target)[\(message.partition)] #\(message.number), \(message.payload.count) bytes")
      }
      for (peer, number) in decision.sent { lines.append("  sent \(peer.topic)[\(peer.partition)] up to #\(number)") }
      for (source, number) in decision.received { lines.append("  received \(source) #\(number)") }
      for mark in decision.imports { lines.append("  import \(mark.id.hex) up to line \(mark.number)") }
      for reply in decision.replies {
        lines.append("  reply \(reply.verdict.status) to \(reply.to.node)#\(reply.to.request) \(reply.verdict.message)")
      }
      for reject in decision.rejected {
        let place = reject.input >= ErrandInput.slice ? "" : " input \(reject.input)@\(reject.offset)"
        lines.append("  REJECTED\(place): \(reject.reason)")
      }
      return lines.joined(separator: "\n")
    }
  }

  private func describe(_ step: Step) -> String {
    switch step {
    case .put(let key, let bytes): "put \(words.name(key.kind)) \(words.sid(key)), \(bytes.count) bytes\(detail(key, bytes))"
    case .delete(let key): "delete \(words.name(key.kind)) \(words.sid(key))"
    case .fact(let fact): describe(fact)
    }
  }

  private func describe(_ fact: Fact) -> String {
    let (subjects, reason) = (words.subjects(fact).joined(separator: " "), words.reason(fact))
    return "event \(FactKind(rawValue: fact.kind)?.name ?? "of kind \(fact.kind)") \(subjects)" + (reason.isEmpty ? "" : ": \(reason)")
  }

  private func detail(_ key: DocumentKey, _ bytes: [UInt8]) -> String {
    guard family == "work" else { return "" }
    switch key.kind {
    case Kind.task:
      return (try? TaskRecord(decoding: bytes)).map {
        ": \($0.status.text), priority \($0.priority), version \($0.version), \(JournalWords.place(filter: $0.placement.filter, target: $0.placement.target))"
      } ?? ""
    case Kind.reservation:
      return (try? ReservationRecord(decoding: bytes)).map {
        ": \($0.status.text), task \(SIDKind.task.text($0.task)), worker \(SIDKind.worker.text($0.worker))"
      } ?? ""
    case Kind.worker: return (try? WorkerRecord(decoding: bytes)).map { ": \($0.friendlyName), version \($0.version)" } ?? ""
    default: return ""
    }
  }

  // MARK: For programs

  private func json(_ parsed: JournalRecord, _ record: LogRecord, _ source: TopicPartition, _ counts: Bool?) -> String {
    var json = JSONWriter(capacity: 512)
    func member(_ name: String, _ value: String) {
      json.key(name)
      json.string(value)
    }
    func member(_ name: String, _ value: Int64) {
      json.key(name)
      json.int(value)
    }
    json.beginObject()
    member("topic", source.topic)
    member("partition", Int64(source.partition))
    member("offset", record.offset)
    member("appended", Dates.iso8601Milliseconds(record.appended))
    switch parsed {
    case .open(let open):
      member("kind", "open")
      member("node", open.node)
      member("incarnation", String(open.incarnation, radix: 16))
    case .decision(let decision):
      member("kind", "decision")
      member("epoch", decision.epoch)
      member("incarnation", String(decision.incarnation, radix: 16))
      member("sequence", Int64(decision.sequence))
      if let counts {
        json.key("accepted")
        json.bool(counts)
      }
      member("now", Dates.iso8601Milliseconds(decision.now))
      member("bytes", Int64(record.value?.count ?? 0))
      write(decision, &json)
    }
    json.endObject()
    return String(decoding: json.bytes, as: UTF8.self)
  }

  private func write(_ details: [(name: String, value: JournalWords.Detail)], _ json: inout JSONWriter) {
    for detail in details {
      json.key(detail.name)
      switch detail.value {
      case .number(let value): json.int(value)
      case .text(let value): json.string(value)
      }
    }
  }

  private func write(_ decision: Decision, _ json: inout JSONWriter) {
    json.key("steps")
    json.beginArray()
    for scope in decision.scopes {
      var sequence = scope.firstEvent
      for step in scope.steps {
        json.beginObject()
        json.key("scope")
        json.string(words.scope(scope.scope))
        switch step {
        case .put(let key, let bytes):
          json.key("put")
          json.string(words.name(key.kind))
          json.key("id")
          json.string(words.sid(key))
          json.key("bytes")
          json.int(bytes.count)
        case .delete(let key):
          json.key("delete")
          json.string(words.name(key.kind))
          json.key("id")
          json.string(words.sid(key))
        case .fact(let fact):
          json.key("event")
          json.string(FactKind(rawValue: fact.kind)?.name ?? "\(fact.kind)")
          json.key("sequence")
          json.int(sequence)
          json.key("subjects")
          json.beginArray()
          for subject in words.subjects(fact) { json.string(subject) }
          json.endArray()
          write(words.details(fact), &json)
          sequence += 1
        }
        json.endObject()
      }
    }
    json.endArray()
    json.key("replies")
    json.beginArray()
    for reply in decision.replies { json.int(reply.verdict.status) }
    json.endArray()
    json.key("rejected")
    json.beginArray()
    for reject in decision.rejected { json.string(reject.reason) }
    json.endArray()
  }
}
