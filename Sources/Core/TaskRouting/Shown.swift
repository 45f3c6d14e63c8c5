import JSON
import Journal
import Machines
package import Resources

/// What a resource is shown with: the documents beside its own that its JSON needs.
package enum Shown {
  /// Empty for what stands alone, and for what cannot be read.
  package static func neighbours(of key: DocumentKey, _ bytes: [UInt8]) -> [DocumentKey] {
    func keys(_ pairs: [(UInt8, Identifier)]) -> [DocumentKey] {
      pairs.filter { !$0.1.isNone }.map { DocumentKey(kind: $0.0, id: $0.1) }
    }
    switch key.kind {
    case Kind.workspace:
      guard let record = try? WorkspaceRecord(decoding: bytes) else { return [] }
      return keys([(Kind.activity, record.defaultActivity), (Kind.activity, record.timeoutActivity)])
    case Kind.worker:
      guard let record = try? WorkerRecord(decoding: bytes) else { return [] }
      return keys([(Kind.activity, record.activity), (Kind.workerAttributes, key.id)])
    case Kind.taskQueue:
      guard let record = try? TaskQueueRecord(decoding: bytes) else { return [] }
      return keys([(Kind.activity, record.reservationActivity), (Kind.activity, record.assignmentActivity)])
    case Kind.workflow: return keys([(Kind.workflowConfiguration, key.id)])
    case Kind.task:
      guard let record = try? TaskRecord(decoding: bytes) else { return [] }
      return keys([
        (Kind.taskAttributes, key.id), (Kind.taskQueue, record.queue), (Kind.workflow, record.workflow), (Kind.taskChannel, record.channel),
      ])
    case Kind.reservation:
      guard let record = try? ReservationRecord(decoding: bytes) else { return [] }
      return keys([(Kind.worker, record.worker)])
    default: return []
    }
  }
}

extension Space {
  /// The documents that an answer about `key` is made of, its own first; empty without a key. Large ones are left out, or every keyed change of a workflow would keep a copy of
  /// it for a day: those are shown as they are when the request is repeated.
  func documents(toShow key: DocumentKey?) -> [(key: DocumentKey, bytes: [UInt8])] {
    guard let key, let own = bytes(of: key) else { return [] }
    return [(key, own)]
      + Shown.neighbours(of: key, own).compactMap { near in
        bytes(of: near).flatMap { $0.count <= Space.mostShown ? (near, $0) : nil }
      }
  }

  /// What a command with a key was answered, for its repeats.
  mutating func remember(_ verdict: Verdict, of command: Command, _ turn: inout Turn) {
    guard let key = command.idempotency else { return }
    keys.remember(key, verdict, shown: documents(toShow: verdict.document), at: turn.now, scope: id, into: &turn.effects)
  }

  private static let mostShown = 16_384

  /// The document of a resource that can be answered about, as it stands now.
  private func bytes(of key: DocumentKey) -> [UInt8]? {
    switch key.kind {
    case Kind.workspace: key.id == id ? record.encoded() : nil
    case Kind.activity: activities[key.id]?.encoded()
    case Kind.taskChannel: channels[key.id]?.encoded()
    case Kind.taskQueue: queuePlaces[key.id].map { queues[$0].record.encoded() }
    case Kind.workflow: workflows[key.id]?.record.encoded()
    case Kind.workflowConfiguration: workflows[key.id]?.configuration
    case Kind.worker: workerPlaces[key.id].map { workers[$0].record.encoded() }
    case Kind.workerAttributes: workerPlaces[key.id].map { workers[$0].attributes.text }
    case Kind.task: taskPlaces[key.id].map { tasks[$0].record.encoded() }
    case Kind.taskAttributes: taskPlaces[key.id].map { tasks[$0].attributes }
    case Kind.reservation: reservationPlaces[key.id].map { reservations[$0].record.encoded() }
    default: nil
    }
  }
}
