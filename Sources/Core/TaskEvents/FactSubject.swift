package import TaskRouting

/// What a fact is about first.
package enum FactSubject { case workspace, activity, taskChannel, taskQueue, workflow, worker, reservation, task }

extension FactKind {
  package var subject: FactSubject {
    switch self {
    case .workspaceCreated, .workspaceUpdated, .workspaceDeleted: .workspace
    case .activityCreated, .activityUpdated, .activityDeleted: .activity
    case .taskChannelCreated, .taskChannelUpdated, .taskChannelDeleted: .taskChannel
    case .taskQueueCreated, .taskQueueDeleted, .taskQueueExpressionUpdated: .taskQueue
    case .workflowCreated, .workflowUpdated, .workflowDeleted: .workflow
    case .workerCreated, .workerDeleted, .workerActivityUpdate, .workerAttributesUpdate, .workerCapacityUpdate,
      .workerChannelAvailabilityUpdate:
      .worker
    case .reservationCreated, .reservationAccepted, .reservationRejected, .reservationTimeout, .reservationCanceled, .reservationRescinded,
      .reservationWrapup, .reservationCompleted:
      .reservation
    default: .task
    }
  }
}
