package import Resources

/// The documents of a workspace, as machine, ingress and projector all read them. Times are milliseconds since 1970; `serial` is the order of creation in the workspace.
package struct WorkspaceRecord: DocumentRecord, Equatable {
  package static let documentName = "a workspace"
  package var account = Identifier.none
  package var friendlyName = ""
  package var eventCallbackURL = ""
  package var eventsFilter: String?
  package var isMultiTask = true
  package var prioritizedOrder = TaskOrder.fifo
  package var defaultActivity = Identifier.none
  package var timeoutActivity = Identifier.none
  package var created: Int64 = 0
  package var updated: Int64 = 0
  /// Gone for everybody; its contents are still being cleared away.
  package var isDeleted = false
  /// Numbers that are not given out again although nothing that has them is left.
  package var serialFloor: Int64 = 1
  package var reservedFloor: Int64 = 1

  package init() {}
  package init(decoding bytes: [UInt8]) throws(DecodingFailure) { self = try .read(bytes) }
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&account)
    try c.field(&friendlyName)
    try c.field(&eventCallbackURL)
    try c.field(&eventsFilter)
    try c.field(&isMultiTask)
    try c.field(choice: &prioritizedOrder)
    try c.field(&defaultActivity)
    try c.field(&timeoutActivity)
    try c.field(&created)
    try c.field(&updated)
    try c.field(&isDeleted)
    try c.field(&serialFloor)
    try c.field(&reservedFloor)
  }
}

package struct ActivityRecord: DocumentRecord, Equatable {
  package static let documentName = "an activity"
  package var serial: Int64 = 0
  package var friendlyName = ""
  package var isAvailable = false
  package var created: Int64 = 0
  package var updated: Int64 = 0

  package init() {}
  package init(decoding bytes: [UInt8]) throws(DecodingFailure) { self = try .read(bytes) }
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&serial)
    try c.field(&friendlyName)
    try c.field(&isAvailable)
    try c.field(&created)
    try c.field(&updated)
  }
}

/// What a worker has on one task channel. Made on first use: a channel that is not listed has capacity 1, is available and empty.
package struct ChannelLoad: FieldCoded, Equatable {
  package var channel = Identifier.none
  package var capacity = 1
  package var isAvailable = true
  package var pending = 0
  package var accepted = 0
  package var wrapping = 0
  /// Place in the workspace's order of reservations of the last one on this channel; 0 for none yet.
  package var lastReserved: Int64 = 0
  package var updated: Int64 = 0

  package init() {}
  package init(channel: Identifier) { self.channel = channel }

  package var live: Int { pending + accepted + wrapping }
  package var hasRoom: Bool { isAvailable && live < capacity }
  /// floor((1 − live/capacity) × 100), never below 0 (taskrouter.md 6.6).
  package var availablePercentage: Int { capacity <= 0 || live >= capacity ? 0 : (capacity - live) * 100 / capacity }

  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&channel)
    try c.field(&capacity)
    try c.field(&isAvailable)
    try c.field(&pending)
    try c.field(&accepted)
    try c.field(&wrapping)
    try c.field(&lastReserved)
    try c.field(&updated)
  }
}

package struct WorkerRecord: HeadedRecord, Equatable {
  package static let documentName = "a worker"
  package var serial: Int64 = 0
  package var friendlyName = ""
  package var activity = Identifier.none
  package var version: Int64 = 0
  package var created: Int64 = 0
  package var updated: Int64 = 0
  package var statusChanged: Int64 = 0
  /// Place in the workspace's order of reservations of this worker's last one; 0 for none yet.
  package var lastReserved: Int64 = 0
  package var channels: [ChannelLoad] = []

  package init() {}
  package init(decoding bytes: [UInt8]) throws(DecodingFailure) { self = try .read(bytes) }
  package mutating func codeHead<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&serial)
    try c.field(&friendlyName)
    try c.field(&activity)
    try c.field(&version)
    try c.field(&created)
    try c.field(&updated)
    try c.field(&statusChanged)
  }
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try codeHead(&c)
    try c.field(&lastReserved)
    try c.list(&channels)
  }

  package func load(on channel: Identifier) -> ChannelLoad { channels.load(on: channel) }
  package mutating func changeLoad(on channel: Identifier, _ change: (inout ChannelLoad) -> Void) {
    if let place = channels.firstIndex(where: { $0.channel == channel }) { return change(&channels[place]) }
    var load = ChannelLoad(channel: channel)
    change(&load)
    channels.append(load)
  }
}

extension [ChannelLoad] {
  /// Blank for a channel that nothing was ever given on.
  func load(on channel: Identifier) -> ChannelLoad { first { $0.channel == channel } ?? ChannelLoad(channel: channel) }
}

package struct TaskChannelRecord: DocumentRecord, Equatable {
  package static let documentName = "a task channel"
  package var serial: Int64 = 0
  package var friendlyName = ""
  package var uniqueName = ""
  package var isOptimized = false
  package var created: Int64 = 0
  package var updated: Int64 = 0

  package init() {}
  package init(decoding bytes: [UInt8]) throws(DecodingFailure) { self = try .read(bytes) }
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&serial)
    try c.field(&friendlyName)
    try c.field(&uniqueName)
    try c.field(&isOptimized)
    try c.field(&created)
    try c.field(&updated)
  }
}

package struct TaskQueueRecord: DocumentRecord, Equatable {
  package static let documentName = "a task queue"
  package var serial: Int64 = 0
  package var friendlyName = ""
  package var targetWorkers = "1==1"
  package var maxReservedWorkers = 1
  package var order = TaskOrder.fifo
  package var reservationActivity = Identifier.none
  package var assignmentActivity = Identifier.none
  package var created: Int64 = 0
  package var updated: Int64 = 0

  package init() {}
  package init(decoding bytes: [UInt8]) throws(DecodingFailure) { self = try .read(bytes) }
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&serial)
    try c.field(&friendlyName)
    try c.field(&targetWorkers)
    try c.field(&maxReservedWorkers)
    try c.field(choice: &order)
    try c.field(&reservationActivity)
    try c.field(&assignmentActivity)
    try c.field(&created)
    try c.field(&updated)
  }
}

/// The configuration's text is a document of its own.
package struct WorkflowRecord: DocumentRecord, Equatable {
  package static let documentName = "a workflow"
  package var serial: Int64 = 0
  package var friendlyName = ""
  package var assignmentCallbackURL = ""
  package var fallbackAssignmentCallbackURL = ""
  /// Seconds.
  package var reservationTimeout: Int64 = 120
  /// Grows with each change of the configuration and each wish to place tasks again.
  package var revision: Int64 = 0
  /// Older revisions that still hold tasks; their texts are documents of their own.
  package var kept: [KeptRevision] = []
  /// Waiting tasks that were placed by an older revision than this are to be placed again.
  package var reEvaluatedRevision: Int64 = 0
  package var created: Int64 = 0
  package var updated: Int64 = 0

  package init() {}
  package init(decoding bytes: [UInt8]) throws(DecodingFailure) { self = try .read(bytes) }
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&serial)
    try c.field(&friendlyName)
    try c.field(&assignmentCallbackURL)
    try c.field(&fallbackAssignmentCallbackURL)
    try c.field(&reservationTimeout)
    try c.field(&revision)
    try c.list(&kept)
    try c.field(&reEvaluatedRevision)
    try c.field(&created)
    try c.field(&updated)
  }
}

/// A revision of a workflow's configuration by which tasks still wait.
package struct KeptRevision: FieldCoded, Equatable {
  package var number: Int64 = 0

  package init() {}
  package init(_ number: Int64) { self.number = number }
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) { try c.field(&number) }

  /// Where the text of an older revision stands; the present one's stands under the workflow's own identifier.
  package static func key(_ workflow: Identifier, _ number: Int64) -> DocumentKey {
    DocumentKey(kind: Kind.workflowConfiguration, id: workflow.combined(with: Identifier(high: 0x5257, low: UInt64(bitPattern: number))))
  }
}

/// Where a task stands in its workflow.
package struct Placement: FieldCoded, Equatable {
  /// Place of the filter in the document; `defaultFilter` or `direct` where there is none.
  package var filter = Placement.direct
  package var target = 0
  /// When the step ends, if it is timed; otherwise the sum so far, from which later steps count on.
  package var boundary: Int64 = 0
  /// The configuration's revision that placed it.
  package var revision: Int64 = 0
  package var isTimed = false
  /// Some matching filter before this one was left because its time was over.
  package var hasTimedOut = false

  package static let defaultFilter = -1
  package static let direct = -2

  package init() {}
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&filter)
    try c.field(&target)
    try c.field(&boundary)
    try c.field(&isTimed)
    try c.field(&hasTimedOut)
    try c.field(&revision)
  }
}

/// A million of them wait: what few have stands apart, and what is small at the end, where it needs no padding.
package struct TaskRecord: HeadedRecord, Equatable {
  package static let documentName = "a task"
  package var serial: Int64 = 0
  package var priority: Int64 = 0
  /// Seconds of life before being assigned.
  package var timeout: Int64 = 86_400
  package var created: Int64 = 0
  package var updated: Int64 = 0
  package var queueEntered: Int64 = 0
  package var virtualStart: Int64 = 0
  package var workflow = Identifier.none
  package var queue = Identifier.none
  package var channel = Identifier.none
  package var version: Int64 = 0
  /// How often it went from pending to reserved.
  package var assignments = 0
  /// When it was accepted, and once it is over, when that was; 0 before.
  package var since: Int64 = 0
  private var texts: TaskTexts?
  package var placement = Placement()
  package var status = TaskStatus.pending
  package var ignoresCapacity = false

  package var reason: String? {
    get { texts?.reason }
    set { if newValue != reason { setTexts(newValue, routingTarget, reEvaluated) } }
  }
  package var routingTarget: String? {
    get { texts?.routingTarget }
    set { if newValue != routingTarget { setTexts(reason, newValue, reEvaluated) } }
  }
  /// It goes to a worker or a queue that its client named, past the filters of its workflow (taskrouter.md 7.6).
  package var isDirect: Bool { routingTarget.map { $0.hasPrefix("WK") || $0.hasPrefix("WQ") } ?? false }
  package var reEvaluated: String? {
    get { texts?.reEvaluated }
    set { if newValue != reEvaluated { setTexts(reason, routingTarget, newValue) } }
  }

  private mutating func setTexts(_ reason: String?, _ routingTarget: String?, _ reEvaluated: String?) {
    guard reason != nil || routingTarget != nil || reEvaluated != nil else {
      texts = nil
      return
    }
    texts = TaskTexts(reason: reason, routingTarget: routingTarget, reEvaluated: reEvaluated)
  }

  package init() {}
  package init(decoding bytes: [UInt8]) throws(DecodingFailure) { self = try .read(bytes) }
  package mutating func codeHead<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&serial)
    try c.field(choice: &status)
    try c.field(&priority)
    try c.field(&timeout)
    try c.field(&created)
    try c.field(&updated)
    try c.field(&queueEntered)
    try c.field(&virtualStart)
  }
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try codeHead(&c)
    try c.field(&workflow)
    try c.field(&queue)
    try c.field(&channel)
    try c.field(&version)
    try c.field(&reason)
    try c.field(&routingTarget)
    try c.field(&ignoresCapacity)
    try placement.code(&c)
    try c.field(&assignments)
    try c.field(&reEvaluated)
    try c.field(&since)
  }
}

/// What few tasks have. Shared by the copies of a record, and never changed.
private final class TaskTexts: Equatable, Sendable {
  let reason: String?
  let routingTarget: String?
  let reEvaluated: String?

  init(reason: String?, routingTarget: String?, reEvaluated: String?) {
    (self.reason, self.routingTarget, self.reEvaluated) = (reason, routingTarget, reEvaluated)
  }

  static func == (a: TaskTexts, b: TaskTexts) -> Bool {
    a === b || (a.reason == b.reason && a.routingTarget == b.routingTarget && a.reEvaluated == b.reEvaluated)
  }
}

package struct ReservationRecord: HeadedRecord, Equatable {
  package static let documentName = "a reservation"
  package var serial: Int64 = 0
  package var task = Identifier.none
  package var worker = Identifier.none
  package var channel = Identifier.none
  package var status = ReservationStatus.pending
  package var version: Int64 = 0
  package var created: Int64 = 0
  package var updated: Int64 = 0
  /// When it times out if nobody answers.
  package var expires: Int64 = 0

  package init() {}
  package init(decoding bytes: [UInt8]) throws(DecodingFailure) { self = try .read(bytes) }
  package mutating func codeHead<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&serial)
    try c.field(&task)
    try c.field(&worker)
  }
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try codeHead(&c)
    try c.field(&channel)
    try c.field(choice: &status)
    try c.field(&version)
    try c.field(&created)
    try c.field(&updated)
    try c.field(&expires)
  }
}

/// What has become of a bulk import so far.
package struct ImportRecord: DocumentRecord, Equatable {
  package static let documentName = "an import"
  package var created: Int64 = 0
  package var updated: Int64 = 0
  /// Lines decided, good and bad, in the import's own count.
  package var decided: UInt64 = 0
  /// Tasks made.
  package var made: UInt64 = 0
  /// Lines that passed the ingress and were refused in deciding.
  package var refused: UInt64 = 0

  package init() {}
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&created)
    try c.field(&updated)
    try c.field(&decided)
    try c.field(&made)
    try c.field(&refused)
  }
}

package struct RefusedLineRecord: DocumentRecord, Equatable {
  package static let documentName = "a refused line"
  package var importing = Identifier.none
  package var line: Int64 = 0
  package var message = ""

  package init() {}
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) {
    try c.field(&importing)
    try c.field(&line)
    try c.field(&message)
  }
}

/// Timers that were removed unfired because firing them ended the process. Its identifier is that of the task or reservation they belong to, or of a deleted workspace that is
/// not cleared away any further.
package struct SilenceRecord: DocumentRecord, Equatable {
  package static let documentName = "a removed timer"
  /// Nothing that was due up to then fires.
  package var until: Int64 = 0

  package init() {}
  package init(until: Int64) { self.until = until }
  package mutating func code<Coder: FieldCoder>(_ c: inout Coder) throws(DecodingFailure) { try c.field(&until) }
}
