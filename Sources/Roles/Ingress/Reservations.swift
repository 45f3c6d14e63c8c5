import Forms
import JSON
import Journal
import Machines
import Ports
import Resources
import TaskRouting

/// Reservations from both sides, and workers' channels (taskrouter.md 2.4, 2.9).
extension Ingress {
  /// `side` is `Tasks` or `Workers`, `owner` the task or worker in the path.
  func fetchReservation(_ id: Identifier, side: String, _ owner: Identifier, _ workspace: Identifier, _ call: Call) async throws(APIError)
    -> Answer
  {
    let document = try await reservation(id, side: side, owner, workspace, call)
    return try await show(document, status: 200, workspace, call, side: side)
  }

  private func reservation(
    _ id: Identifier, side: String, _ owner: Identifier, _ workspace: Identifier, _ call: Call
  ) async throws(APIError) -> Document {
    _ = try await self.workspace(workspace, call)
    let key = DocumentKey(kind: Kind.reservation, id: id)
    guard let bytes = try await get(workspace, [key])[0], let record = try? ReservationRecord(decoding: bytes),
      (side == "Tasks" ? record.task : record.worker) == owner
    else { throw .notFound(call.path) }
    return Document(key: key, bytes: bytes)
  }

  func updateReservation(_ id: Identifier, side: String, _ owner: Identifier, _ workspace: Identifier, _ call: Call) async throws(APIError)
    -> Answer
  {
    var request = Request(.updateReservation, target: id, side: owner, ifMatch: call.ifMatch)
    request.arguments = try Ingress.reservationArguments(call.form)
    let verdict = try await perform(request, in: workspace, call)
    return try await show(verdict, workspace, call, side: side)
  }

  /// Status or instruction (taskrouter.md 2.9). The telephony instructions take effect on the reservation only where they say so; without voice the rest is refused.
  static func reservationArguments(_ form: Form) throws(APIError) -> [Parameter: Argument] {
    var p = Parameters(form)
    try p.sid("WorkerActivitySid", .workerActivity, .activity)
    if let status = form.first("ReservationStatus"), !status.isEmpty {
      guard ReservationStatus(text: status) != nil else {
        throw .invalid("ReservationStatus must be one of accepted, rejected, wrapping, completed; received '\(Parameters.shown(status))'")
      }
      p.set(.status, .text(status))
    }
    if let instruction = form.first("Instruction"), !instruction.isEmpty {
      switch instruction {
      case "accept": p.set(.status, "accepted")
      case "reject": p.set(.status, "rejected")
      case "call" where Parameters.isTrue(form.first("CallAccept") ?? ""),
        "redirect" where Parameters.isTrue(form.first("RedirectAccept") ?? ""):
        p.set(.status, "accepted")
      case "call", "redirect", "dequeue", "conference", "supervise":
        throw .invalid(
          "Instruction '\(instruction)' needs telephony, which this server does not have yet; accept, reject, and call or redirect with their accept flag work"
        )
      default:
        throw .invalid(
          "Instruction must be one of accept, reject, dequeue, call, redirect, conference, supervise; received '\(Parameters.shown(instruction))'"
        )
      }
    }
    guard p.arguments[.status] != nil else { throw .invalid("ReservationStatus or Instruction is required") }
    return p.arguments
  }

  func listReservations(side: String, _ owner: Identifier, _ workspace: Identifier, _ call: Call) async throws(APIError) -> Answer {
    _ = try await self.workspace(workspace, call)
    let ownerKey = DocumentKey(kind: side == "Tasks" ? Kind.task : Kind.worker, id: owner)
    guard try await get(workspace, [ownerKey])[0] != nil else { throw .notFound(call.path) }
    let statuses = Set(call.query.list("ReservationStatus"))
    for status in statuses where ReservationStatus(text: status) == nil {
      throw .invalid("ReservationStatus must be a reservation status; received '\(Parameters.shown(status))'")
    }
    let worker = call.query.first("WorkerSid").flatMap { $0.isEmpty ? nil : $0 }
    let range = DocumentRange(
      kind: Kind.reservation, index: side == "Tasks" ? ListIndex.creation : ListIndex.ofWorker, parent: owner, limit: 0)
    return try await list(key: "reservations", workspace, call, range, side: side) { document in
      guard let record = try? ReservationRecord(decoding: document.bytes) else { return false }
      if !statuses.isEmpty, !statuses.contains(record.status.text) { return false }
      if let worker, worker != SIDKind.worker.text(record.worker) { return false }
      return true
    }
  }

  // MARK: Workers' channels

  func listWorkerChannels(_ worker: Identifier, _ workspace: Identifier, _ call: Call) async throws(APIError) -> Answer {
    let record = try await workerRecord(worker, workspace, call)
    let channels = try await allChannels(workspace)
    let request = try PageRequest(call.query)
    let renderer = renderer(workspace, call)
    var json = JSONWriter(capacity: 4096)
    json.beginObject()
    json.key("channels")
    json.beginArray()
    for document in channels {
      guard let channel = try? TaskChannelRecord(decoding: document.bytes) else { continue }
      renderer.writeChannel(worker, record, document.key.id, channel, &json)
    }
    json.endArray()
    writeMeta(&json, call, key: "channels", request, Page(documents: channels))
    json.endObject()
    return .json(200, json.bytes)
  }

  private func workerRecord(_ worker: Identifier, _ workspace: Identifier, _ call: Call) async throws(APIError) -> WorkerRecord {
    _ = try await self.workspace(workspace, call)
    guard let bytes = try await get(workspace, [DocumentKey(kind: Kind.worker, id: worker)])[0],
      let record = try? WorkerRecord(decoding: bytes)
    else { throw .notFound(call.path) }
    return record
  }

  /// `WC…`, `TC…` or a unique name.
  private func workerChannel(_ text: String, of worker: Identifier, _ workspace: Identifier, _ call: Call) async throws(APIError) -> (
    Identifier, TaskChannelRecord
  ) {
    guard let id = SIDKind.workerChannel.parse(text) else { return try await channel(named: text, workspace, call) }
    for document in try await allChannels(workspace) where worker.combined(with: document.key.id) == id {
      if let record = try? TaskChannelRecord(decoding: document.bytes) { return (document.key.id, record) }
    }
    throw .notFound(call.path)
  }

  func fetchWorkerChannel(_ text: String, _ worker: Identifier, _ workspace: Identifier, _ call: Call) async throws(APIError) -> Answer {
    let record = try await workerRecord(worker, workspace, call)
    let (channel, channelRecord) = try await workerChannel(text, of: worker, workspace, call)
    return show(channel, channelRecord, of: worker, record, workspace, call)
  }

  private func show(
    _ channel: Identifier, _ channelRecord: TaskChannelRecord, of worker: Identifier, _ record: WorkerRecord, _ workspace: Identifier,
    _ call: Call, isReplayed: Bool = false
  ) -> Answer {
    var json = JSONWriter(capacity: 1024)
    renderer(workspace, call).writeChannel(worker, record, channel, channelRecord, &json)
    return .json(200, json.bytes, headers: isReplayed ? [("Idempotent-Replayed", "true")] : [])
  }

  func updateWorkerChannel(_ text: String, _ worker: Identifier, _ workspace: Identifier, _ call: Call) async throws(APIError) -> Answer {
    let (channel, channelRecord) = try await workerChannel(text, of: worker, workspace, call)
    var request = Request(.updateWorkerChannel, target: channel, side: worker)
    request.arguments = try arguments(.updateWorkerChannel, call.form)
    let verdict = try await perform(request, in: workspace, call)
    guard let kept = try await keptAnswer(to: call, workspace)?.documents.first, kept.key.kind == Kind.worker,
      let record = try? WorkerRecord(decoding: kept.bytes)
    else {
      return try await fetchWorkerChannel(text, worker, workspace, call)
    }
    return show(channel, channelRecord, of: worker, record, workspace, call, isReplayed: verdict.replayed)
  }
}
