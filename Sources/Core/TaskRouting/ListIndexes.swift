package import Resources

/// In which lists a document stands, for the adapters of hot state.
package enum TaskRoutingIndexes {
  @Sendable
  package static func entries(_ key: DocumentKey, _ bytes: [UInt8]) -> IndexEntries {
    do {
      switch key.kind {
      case Kind.activity: return IndexEntries(IndexEntry(index: ListIndex.creation, value: try ActivityRecord(decoding: bytes).serial))
      case Kind.taskChannel:
        return IndexEntries(IndexEntry(index: ListIndex.creation, value: try TaskChannelRecord(decoding: bytes).serial))
      case Kind.workflow: return IndexEntries(IndexEntry(index: ListIndex.creation, value: try WorkflowRecord(decoding: bytes).serial))
      case Kind.taskQueue:
        let queue = try TaskQueueRecord(decoding: bytes)
        return IndexEntries(
          IndexEntry(index: ListIndex.creation, value: queue.serial), IndexEntry(index: ListIndex.changed, value: queue.updated))
      case Kind.worker:
        let worker = try WorkerHead(decoding: bytes)
        return IndexEntries(
          IndexEntry(index: ListIndex.creation, value: worker.serial), IndexEntry(index: ListIndex.changed, value: worker.statusChanged))
      case Kind.task:
        let task = try TaskHead(decoding: bytes)
        return IndexEntries(
          IndexEntry(index: ListIndex.creation, value: task.serial), IndexEntry(index: ListIndex.virtualStart, value: task.virtualStart),
          IndexEntry(index: ListIndex.priority, value: task.priority))
      case Kind.reservation:
        let reservation = try ReservationHead(decoding: bytes)
        return IndexEntries(
          IndexEntry(index: ListIndex.creation, parent: reservation.task, value: reservation.serial),
          IndexEntry(index: ListIndex.ofWorker, parent: reservation.worker, value: reservation.serial))
      case Kind.refusedLine:
        let line = try RefusedLineRecord(decoding: bytes)
        return IndexEntries(IndexEntry(index: ListIndex.creation, parent: line.importing, value: line.line))
      default: return []
      }
    } catch {
      // A document whose head cannot be read stands in no list; whoever reads it by key learns why.
      return []
    }
  }
}

/// The first fields of a task, a worker, a reservation: what lists need to know, read without the rest.
private struct TaskHead: DocumentRecord {
  static let documentName = TaskRecord.documentName
  static let schemaVersion = TaskRecord.schemaVersion
  var serial: Int64 = 0
  var status = TaskStatus.pending
  var priority: Int64 = 0
  var timeout: Int64 = 0
  var created: Int64 = 0
  var updated: Int64 = 0
  var queueEntered: Int64 = 0
  var virtualStart: Int64 = 0

  mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&serial)
    try c.field(choice: &status)
    try c.field(&priority)
    try c.field(&timeout)
    try c.field(&created)
    try c.field(&updated)
    try c.field(&queueEntered)
    try c.field(&virtualStart)
  }
}

private struct WorkerHead: DocumentRecord {
  static let documentName = WorkerRecord.documentName
  static let schemaVersion = WorkerRecord.schemaVersion
  var serial: Int64 = 0
  var friendlyName = ""
  var activity = Identifier.none
  var version: Int64 = 0
  var created: Int64 = 0
  var updated: Int64 = 0
  var statusChanged: Int64 = 0

  mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&serial)
    try c.field(&friendlyName)
    try c.field(&activity)
    try c.field(&version)
    try c.field(&created)
    try c.field(&updated)
    try c.field(&statusChanged)
  }
}

private struct ReservationHead: DocumentRecord {
  static let documentName = ReservationRecord.documentName
  static let schemaVersion = ReservationRecord.schemaVersion
  var serial: Int64 = 0
  var task = Identifier.none
  var worker = Identifier.none

  mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&serial)
    try c.field(&task)
    try c.field(&worker)
  }
}
