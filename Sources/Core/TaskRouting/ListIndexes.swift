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
        let worker = try WorkerRecord(headOf: bytes)
        return IndexEntries(
          IndexEntry(index: ListIndex.creation, value: worker.serial), IndexEntry(index: ListIndex.changed, value: worker.statusChanged))
      case Kind.task:
        let task = try TaskRecord(headOf: bytes)
        return IndexEntries(
          IndexEntry(index: ListIndex.creation, value: task.serial), IndexEntry(index: ListIndex.virtualStart, value: task.virtualStart),
          IndexEntry(index: ListIndex.priority, value: task.priority))
      case Kind.reservation:
        let reservation = try ReservationRecord(headOf: bytes)
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
