import Expressions
import JSON
import Journal
import Machines
import Resources
import Workflows

/// Workspaces, activities and task channels (taskrouter.md 2.1, 2.2, 2.5).
extension Space {
  /// A new workspace with what every one starts with. Nil is never returned; the template is checked by the caller.
  static func make(_ id: Identifier, account: Identifier, _ request: Request, settings: TaskRoutingSettings, _ turn: inout Turn) -> Space {
    var record = WorkspaceRecord()
    record.account = account
    record.friendlyName = request.text(.friendlyName) ?? ""
    record.eventCallbackURL = request.text(.eventCallbackURL) ?? ""
    record.eventsFilter = request.text(.eventsFilter)
    record.isMultiTask = request.flag(.multiTask) ?? true
    record.prioritizedOrder = request.text(.prioritizeQueueOrder) == "LIFO" ? .lifo : .fifo
    record.created = turn.now
    record.updated = turn.now
    var space = Space(id: id, settings: settings, record: record)
    space.pending.writesWorkspace = true
    space.fact(.workspaceCreated, about: id, turn.now)
    let offline = space.addActivity("Offline", isAvailable: false, &turn)
    _ = space.addActivity("Unavailable", isAvailable: false, &turn)
    _ = space.addActivity("Available", isAvailable: true, &turn)
    space.record.defaultActivity = offline
    space.record.timeoutActivity = offline
    for name in ["default", "voice", "sms", "chat", "video"] {
      let title = name == "sms" ? "SMS" : name.prefix(1).uppercased() + name.dropFirst()
      _ = space.addChannel(title, name, isOptimized: false, &turn)
    }
    if request.text(.template) == "FIFO" { space.addSampleWorkflow(&turn) }
    return space
  }

  private mutating func addSampleWorkflow(_ turn: inout Turn) {
    _ = createTaskQueue(Request(.createTaskQueue, arguments: [.friendlyName: "Sample Queue", .targetWorkers: "1==1"]), &turn)
    guard let queue = queuePlaces.keys.first else { return }
    let configuration = #"{"task_routing":{"filters":[],"default_filter":{"queue":"\#(SIDKind.taskQueue.text(queue))"}}}"#
    _ = createWorkflow(
      Request(.createWorkflow, arguments: [.friendlyName: "Default Fifo Workflow", .configuration: .text(configuration)]), &turn)
  }

  mutating func updateWorkspace(_ request: Request, _ turn: inout Turn) -> Verdict {
    for (parameter, name) in [(Parameter.defaultActivity, "DefaultActivitySid"), (.timeoutActivity, "TimeoutActivitySid")] {
      guard let activity = request.identifier(parameter) else { continue }
      guard activities[activity] != nil else {
        return .refuse("\(name) '\(SIDKind.activity.text(activity))' is no activity of this workspace")
      }
    }
    if let multi = request.flag(.multiTask), !multi, record.isMultiTask {
      return .refuse("MultiTaskEnabled cannot be changed from true to false")
    }
    if let name = request.text(.friendlyName) { record.friendlyName = name }
    if let url = request.text(.eventCallbackURL) { record.eventCallbackURL = url }
    if let filter = request.text(.eventsFilter) { record.eventsFilter = filter.isEmpty ? nil : filter }
    if let multi = request.flag(.multiTask), multi != record.isMultiTask {
      record.isMultiTask = multi
      refreshAll()
    }
    if let order = request.text(.prioritizeQueueOrder) { record.prioritizedOrder = order == "LIFO" ? .lifo : .fifo }
    if let activity = request.identifier(.defaultActivity) { record.defaultActivity = activity }
    if let activity = request.identifier(.timeoutActivity) { record.timeoutActivity = activity }
    record.updated = turn.now
    pending.writesWorkspace = true
    fact(.workspaceUpdated, about: id, turn.now)
    return Verdict(status: 200, scope: id, document: DocumentKey(kind: Kind.workspace, id: id))
  }

  // MARK: Activities

  mutating func addActivity(_ name: String, isAvailable: Bool, _ turn: inout Turn) -> Identifier {
    var activity = ActivityRecord()
    activity.serial = takeSerial()
    activity.friendlyName = name
    activity.isAvailable = isAvailable
    activity.created = turn.now
    activity.updated = turn.now
    let id = turn.identifier()
    activities[id] = activity
    put(Kind.activity, id, activity)
    fact(.activityCreated, about: id, turn.now)
    return id
  }

  mutating func createActivity(_ request: Request, _ turn: inout Turn) -> Verdict {
    let name = request.text(.friendlyName) ?? ""
    if activities.values.contains(where: { $0.friendlyName == name }) {
      return .refuse("FriendlyName '\(name)' is already the name of an activity of this workspace")
    }
    let made = addActivity(name, isAvailable: request.flag(.available) ?? false, &turn)
    return Verdict(status: 201, scope: id, document: DocumentKey(kind: Kind.activity, id: made))
  }

  mutating func updateActivity(_ request: Request, _ turn: inout Turn) -> Verdict {
    guard var activity = activities[request.target] else { return .notFound }
    if let name = request.text(.friendlyName), name != activity.friendlyName {
      if activities.contains(where: { $0.key != request.target && $0.value.friendlyName == name }) {
        return .refuse("FriendlyName '\(name)' is already the name of an activity of this workspace")
      }
      activity.friendlyName = name
      activity.updated = turn.now
      activities[request.target] = activity
      put(Kind.activity, request.target, activity)
      fact(.activityUpdated, about: request.target, turn.now)
      // Expressions may read activity names.
      if hasChangingExpressions { refreshAll() }
    }
    return Verdict(status: 200, scope: id, document: DocumentKey(kind: Kind.activity, id: request.target))
  }

  mutating func deleteActivity(_ request: Request, _ turn: inout Turn) -> Verdict {
    guard activities[request.target] != nil else { return .notFound }
    let name = SIDKind.activity.text(request.target)
    if record.defaultActivity == request.target {
      return .refuse("Activity \(name) cannot be deleted: it is the default activity of the workspace")
    }
    if record.timeoutActivity == request.target {
      return .refuse("Activity \(name) cannot be deleted: it is the timeout activity of the workspace")
    }
    if workerPlaces.values.contains(where: { workers[$0].record.activity == request.target }) {
      return .refuse("Activity \(name) cannot be deleted: a worker is in it")
    }
    if queuePlaces.values.contains(where: {
      queues[$0].record.reservationActivity == request.target || queues[$0].record.assignmentActivity == request.target
    }) {
      return .refuse("Activity \(name) cannot be deleted: a task queue uses it")
    }
    fact(.activityDeleted, about: request.target, turn.now)
    if let activity = activities[request.target] { retire(serial: activity.serial) }
    activities[request.target] = nil
    delete(Kind.activity, request.target)
    return Verdict(status: 204)
  }

  // MARK: Task channels

  mutating func addChannel(_ name: String, _ uniqueName: String, isOptimized: Bool, _ turn: inout Turn) -> Identifier {
    var channel = TaskChannelRecord()
    channel.serial = takeSerial()
    channel.friendlyName = name
    channel.uniqueName = uniqueName
    channel.isOptimized = isOptimized
    channel.created = turn.now
    channel.updated = turn.now
    let id = turn.identifier()
    channels[id] = channel
    channelNames[uniqueName] = id
    put(Kind.taskChannel, id, channel)
    fact(.taskChannelCreated, about: id, turn.now)
    if hasChangingExpressions { refreshAll() }
    return id
  }

  mutating func createTaskChannel(_ request: Request, _ turn: inout Turn) -> Verdict {
    let unique = request.text(.uniqueName) ?? ""
    if channelNames[unique] != nil { return .refuse("UniqueName '\(unique)' is already the name of a task channel of this workspace") }
    let made = addChannel(request.text(.friendlyName) ?? "", unique, isOptimized: request.flag(.optimized) ?? false, &turn)
    return Verdict(status: 201, scope: id, document: DocumentKey(kind: Kind.taskChannel, id: made))
  }

  mutating func updateTaskChannel(_ request: Request, _ turn: inout Turn) -> Verdict {
    guard let target = channelTarget(request), var channel = channels[target] else { return .notFound }
    if let name = request.text(.friendlyName) { channel.friendlyName = name }
    let wasOptimized = channel.isOptimized
    if let optimized = request.flag(.optimized) { channel.isOptimized = optimized }
    channel.updated = turn.now
    channels[target] = channel
    put(Kind.taskChannel, target, channel)
    fact(.taskChannelUpdated, about: target, turn.now)
    if wasOptimized != channel.isOptimized {
      refreshAll()
    }
    return Verdict(status: 200, scope: id, document: DocumentKey(kind: Kind.taskChannel, id: target))
  }

  mutating func deleteTaskChannel(_ request: Request, _ turn: inout Turn) -> Verdict {
    guard let target = channelTarget(request), let channel = channels[target] else { return .notFound }
    if channel.uniqueName == "default" { return .refuse("TaskChannel 'default' cannot be deleted") }
    if taskPlaces.values.contains(where: { tasks[$0].record.channel == target && !tasks[$0].record.status.isOver }) {
      return .refuse("TaskChannel '\(channel.uniqueName)' cannot be deleted: tasks use it")
    }
    if hasReservations(on: target) {
      return .refuse("TaskChannel '\(channel.uniqueName)' cannot be deleted: live reservations count on it")
    }
    fact(.taskChannelDeleted, about: target, turn.now)
    channels[target] = nil
    channelNames[channel.uniqueName] = nil
    retire(serial: channel.serial)
    if hasChangingExpressions { refreshAll() }
    delete(Kind.taskChannel, target)
    return Verdict(status: 204)
  }

  /// Whether a live reservation counts on a channel: its task may have another by now.
  private func hasReservations(on channel: Identifier) -> Bool {
    reservationPlaces.values.contains { reservations[$0].record.channel == channel && reservations[$0].record.status.isLive }
  }

  /// Task channels may be named by unique name instead of SID (taskrouter.md 2.5).
  func channelTarget(_ request: Request) -> Identifier? {
    request.target.isNone ? request.text(.taskChannel).flatMap { channelNames[$0] } : request.target
  }
}
