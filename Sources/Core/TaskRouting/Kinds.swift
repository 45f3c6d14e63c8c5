import Resources

/// The kinds of documents that this machine keeps, each with its number in keys.
package enum Kind {
  package static let workspace: UInt8 = 1
  package static let activity: UInt8 = 2
  package static let worker: UInt8 = 3
  package static let workerAttributes: UInt8 = 4
  package static let taskChannel: UInt8 = 5
  package static let taskQueue: UInt8 = 6
  package static let workflow: UInt8 = 7
  package static let task: UInt8 = 8
  package static let taskAttributes: UInt8 = 9
  package static let reservation: UInt8 = 10
  package static let workflowConfiguration: UInt8 = 11
  package static let bulkImport: UInt8 = 12
  package static let refusedLine: UInt8 = 13
  package static let silence: UInt8 = 14

  package static func name(_ kind: UInt8) -> String {
    switch kind {
    case workspace: "workspace"
    case activity: "activity"
    case worker: "worker"
    case workerAttributes: "worker attributes"
    case taskChannel: "task channel"
    case taskQueue: "task queue"
    case workflow: "workflow"
    case task: "task"
    case taskAttributes: "task attributes"
    case reservation: "reservation"
    case workflowConfiguration: "workflow configuration"
    case bulkImport: "import"
    case refusedLine: "refused line"
    case silence: "removed timer"
    case 250: "idempotency key"
    default: "document of kind \(kind)"
    }
  }
}

/// The sorted lists that documents stand in.
package enum ListIndex {
  /// Every resource, by order of creation.
  package static let creation: UInt8 = 0
  /// Workers by when their activity changed; queues by when they were updated.
  package static let changed: UInt8 = 1
  /// Tasks by virtual start time.
  package static let virtualStart: UInt8 = 2
  /// Tasks by priority.
  package static let priority: UInt8 = 3
  /// Reservations of one worker, by order of creation (`creation` has those of one task).
  package static let ofWorker: UInt8 = 4
}

/// What happened, as a number in the journal and a name on the wire (taskrouter.md 9.3).
package enum FactKind: UInt8, Sendable, CaseIterable {
  case workspaceCreated = 1
  case workspaceUpdated, workspaceDeleted
  case activityCreated, activityUpdated, activityDeleted
  case workerCreated, workerDeleted, workerActivityUpdate, workerAttributesUpdate, workerCapacityUpdate, workerChannelAvailabilityUpdate
  case taskChannelCreated, taskChannelUpdated, taskChannelDeleted
  case taskQueueCreated, taskQueueDeleted, taskQueueExpressionUpdated
  case workflowCreated, workflowUpdated, workflowDeleted
  case taskCreated, taskUpdated, taskCanceled, taskWrapup, taskCompleted, taskDeleted, taskSystemDeleted
  case taskQueueEntered, taskQueueMoved, taskQueueTimeout
  case workflowEntered, workflowTargetMatched, workflowTimeout, workflowSkipped
  case reservationCreated, reservationAccepted, reservationRejected, reservationTimeout, reservationCanceled, reservationRescinded
  case reservationWrapup, reservationCompleted, reservationFailed

  /// The dotted event type without the product's prefix.
  package var name: String {
    switch self {
    case .workspaceCreated: "workspace.created"
    case .workspaceUpdated: "workspace.updated"
    case .workspaceDeleted: "workspace.deleted"
    case .activityCreated: "activity.created"
    case .activityUpdated: "activity.updated"
    case .activityDeleted: "activity.deleted"
    case .workerCreated: "worker.created"
    case .workerDeleted: "worker.deleted"
    case .workerActivityUpdate: "worker.activity.update"
    case .workerAttributesUpdate: "worker.attributes.update"
    case .workerCapacityUpdate: "worker.capacity.update"
    case .workerChannelAvailabilityUpdate: "worker.channel.availability.update"
    case .taskChannelCreated: "task-channel.created"
    case .taskChannelUpdated: "task-channel.updated"
    case .taskChannelDeleted: "task-channel.deleted"
    case .taskQueueCreated: "task-queue.created"
    case .taskQueueDeleted: "task-queue.deleted"
    case .taskQueueExpressionUpdated: "task-queue.expression.updated"
    case .workflowCreated: "workflow.created"
    case .workflowUpdated: "workflow.updated"
    case .workflowDeleted: "workflow.deleted"
    case .taskCreated: "task.created"
    case .taskUpdated: "task.updated"
    case .taskCanceled: "task.canceled"
    case .taskWrapup: "task.wrapup"
    case .taskCompleted: "task.completed"
    case .taskDeleted: "task.deleted"
    case .taskSystemDeleted: "task.system-deleted"
    case .taskQueueEntered: "task-queue.entered"
    case .taskQueueMoved: "task-queue.moved"
    case .taskQueueTimeout: "task-queue.timeout"
    case .workflowEntered: "workflow.entered"
    case .workflowTargetMatched: "workflow.target-matched"
    case .workflowTimeout: "workflow.timeout"
    case .workflowSkipped: "workflow.skipped"
    case .reservationCreated: "reservation.created"
    case .reservationAccepted: "reservation.accepted"
    case .reservationRejected: "reservation.rejected"
    case .reservationTimeout: "reservation.timeout"
    case .reservationCanceled: "reservation.canceled"
    case .reservationRescinded: "reservation.rescinded"
    case .reservationWrapup: "reservation.wrapup"
    case .reservationCompleted: "reservation.completed"
    case .reservationFailed: "reservation.failed"
    }
  }
}

/// A task's `assignment_status` (taskrouter.md 4.1).
package enum TaskStatus: UInt8, Sendable, TextChoice {
  case pending, reserved, assigned, wrapping, completed, canceled

  package var text: String {
    switch self {
    case .pending: "pending"
    case .reserved: "reserved"
    case .assigned: "assigned"
    case .wrapping: "wrapping"
    case .completed: "completed"
    case .canceled: "canceled"
    }
  }
  /// Waiting for somebody: an offer may be out, but nobody has taken it.
  package var isWaiting: Bool { self == .pending || self == .reserved }
  package var isOver: Bool { self == .completed || self == .canceled }
}

/// A reservation's `reservation_status` (taskrouter.md 4.2).
package enum ReservationStatus: UInt8, Sendable, TextChoice {
  case pending, accepted, rejected, timeout, canceled, rescinded, wrapping, completed

  package var text: String {
    switch self {
    case .pending: "pending"
    case .accepted: "accepted"
    case .rejected: "rejected"
    case .timeout: "timeout"
    case .canceled: "canceled"
    case .rescinded: "rescinded"
    case .wrapping: "wrapping"
    case .completed: "completed"
    }
  }
  /// Takes up capacity of its worker (taskrouter.md 6.6).
  package var isLive: Bool { self == .pending || self == .accepted || self == .wrapping }
}

/// In which order a queue gives out its tasks.
package enum TaskOrder: UInt8, Sendable {
  case fifo, lifo
  package var text: String { self == .fifo ? "FIFO" : "LIFO" }
}
