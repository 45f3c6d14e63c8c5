import Foundation
import JSON
import Journal
import Resources
import TaskRouting
import Testing

@testable import TaskEvents

/// Documents and facts as a task's first seconds leave them.
private struct Scene {
  let workspace = Identifier(high: 1, low: 1)
  var documents: [DocumentKey: [UInt8]] = [:]
  let activity = Identifier(high: 2, low: 1)
  let worker = Identifier(high: 3, low: 1)
  let channel = Identifier(high: 4, low: 1)
  let queue = Identifier(high: 5, low: 1)
  let workflow = Identifier(high: 6, low: 1)
  let task = Identifier(high: 7, low: 1)
  let reservation = Identifier(high: 8, low: 1)
  let born: Int64 = 1_700_000_000_000

  init() {
    var desk = WorkspaceRecord()
    desk.account = Identifier(high: 9, low: 1)
    desk.friendlyName = "Desk"
    put(Kind.workspace, workspace, desk)
    var available = ActivityRecord()
    available.friendlyName = "Available"
    available.isAvailable = true
    put(Kind.activity, activity, available)
    var alice = WorkerRecord()
    alice.friendlyName = "alice"
    alice.activity = activity
    alice.version = 3
    alice.changeLoad(on: channel) { $0.pending = 1 }
    put(Kind.worker, worker, alice)
    documents[DocumentKey(kind: Kind.workerAttributes, id: worker)] = Array(#"{"skill":1}"#.utf8)
    var sms = TaskChannelRecord()
    sms.uniqueName = "sms"
    put(Kind.taskChannel, channel, sms)
    var support = TaskQueueRecord()
    support.friendlyName = "Support"
    put(Kind.taskQueue, queue, support)
    var flow = WorkflowRecord()
    flow.friendlyName = "Flow"
    put(Kind.workflow, workflow, flow)
    var record = TaskRecord()
    record.created = born
    record.virtualStart = born
    record.queueEntered = born
    record.workflow = workflow
    record.queue = queue
    record.channel = channel
    put(Kind.task, task, record)
    documents[DocumentKey(kind: Kind.taskAttributes, id: task)] = Array(#"{"who":"Zoë"}"#.utf8)
  }

  mutating func put(_ kind: UInt8, _ id: Identifier, _ record: some DocumentRecord) {
    documents[DocumentKey(kind: kind, id: id)] = record.encoded()
  }

  func event(_ kind: FactKind, at: Int64, _ subjects: [Identifier], _ details: [UInt8] = []) throws -> TaskEvent {
    let renderer = try #require(EventRenderer(scope: workspace) { documents[$0] })
    return try #require(renderer.render(Fact(kind: kind.rawValue, at: at, subjects: subjects, details: details), sequence: 41))
  }

  func events() throws -> [(name: String, event: TaskEvent)] {
    var taken = TaskFactDetails()
    taken.priority = 7
    taken.version = 2
    var offer = ReservationFactDetails()
    offer.priority = 7
    offer.rule = 0
    offer.candidates = 3
    offer.filter = -1
    var canceled = taken
    canceled.status = .canceled
    canceled.reason = "hung up"
    var move = ByteWriter()
    move.signed(4)
    move.signed(61_234)
    var room = ChannelFactDetails()
    room.capacity = 5
    room.live = 2
    return [
      ("task-created", try event(.taskCreated, at: born, [task, .none], taken.fieldBytes())),
      ("task-canceled", try event(.taskCanceled, at: born + 9_500, [task, queue], canceled.fieldBytes())),
      ("reservation-created", try event(.reservationCreated, at: born + 2_000, [reservation, task, worker, queue], offer.fieldBytes())),
      ("workflow-target-matched", try event(.workflowTargetMatched, at: born, [task, queue], taken.fieldBytes())),
      ("worker-activity-update", try event(.workerActivityUpdate, at: born, [worker, activity, activity], move.bytes)),
      ("worker-capacity-update", try event(.workerCapacityUpdate, at: born, [worker, channel], room.fieldBytes())),
      ("task-queue-created", try event(.taskQueueCreated, at: born, [queue])),
      ("workspace-created", try event(.workspaceCreated, at: born, [workspace])),
    ]
  }
}

@Suite("Events as they go out (taskrouter.md 9, eventing-presence.md 1.8.1)")
struct CloudEventTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")

  @Test("Golden CloudEvents")
  func golden() throws {
    for (name, event) in try Scene().events() {
      let file = Self.folder.appendingPathComponent(name + ".json")
      let text = String(decoding: event.cloudEvent(), as: UTF8.self)
      if ProcessInfo.processInfo.environment["RECORD_GOLDEN"] == "1" {
        try (text + "\n").write(to: file, atomically: true, encoding: .utf8)
      }
      let wanted = try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .newlines)
      #expect(text == wanted, "\(name) changed on the wire")
    }
  }

  @Test("The envelope is a CloudEvent 1.0, one line, with the sequence first in its data")
  func envelope() throws {
    for (name, event) in try Scene().events() {
      let bytes = event.cloudEvent()
      #expect(!bytes.contains(10))
      for kind in FactKind.allCases { #expect(bytes.starts(with: TaskEvent.head(of: kind)) == (kind == event.kind)) }
      let root = try JSONDocument(parsing: bytes).root
      #expect(root[key: "specversion"]?.string == "1.0")
      #expect(root[key: "type"]?.string == "com.twilio.taskrouter.\(event.kind.name)")
      #expect(root[key: "datacontenttype"]?.string == "application/json")
      #expect(root[key: "source"]?.string?.hasPrefix("/v1/Workspaces/WS") == true)
      #expect(root[key: "data"]?[key: "sequence"]?.integer == 41)
      #expect(root[key: "data"]?[key: "payload"]?[key: "eventtype"]?.string == event.kind.name, "\(name)")
      #expect(String(decoding: bytes, as: UTF8.self).contains(#""data":{"sequence":41"#))
    }
  }

  @Test("The blocks of 9.4 are there, by name")
  func blocks() throws {
    let events = Dictionary(uniqueKeysWithValues: try Scene().events().map { ($0.name, $0.event) })
    let task = [
      "task_sid", "task_attributes", "task_age", "task_priority", "task_assignment_status", "task_date_created", "task_version",
      "task_virtual_start_time", "task_ignore_capacity", "task_channel_sid", "task_channel_unique_name",
    ]
    let worker = ["worker_sid", "worker_name", "worker_attributes", "worker_activity_sid", "worker_activity_name", "worker_version"]
    let queue = ["task_queue_sid", "task_queue_name", "task_queue_target_expression", "task_queue_entered_date"]
    let workflow = ["workflow_sid", "workflow_name"]
    for (name, wanted) in [
      ("task-created", task + workflow), ("task-canceled", task + queue + workflow + ["task_canceled_reason", "reason"]),
      (
        "reservation-created",
        task + worker + queue + workflow + [
          "reservation_sid", "reservation_version", "worker_channel_capacity", "worker_channel_consumed_capacity", "routing_rule",
          "routing_candidates",
        ]
      ),
      (
        "worker-activity-update",
        worker + [
          "worker_time_in_previous_activity", "worker_time_in_previous_activity_ms", "worker_previous_activity_sid",
          "worker_previous_activity_name",
        ]
      ),
      (
        "worker-capacity-update",
        worker + [
          "worker_channel_available", "worker_channel_available_capacity", "worker_channel_previous_capacity", "worker_channel_task_count",
          "task_channel_sid", "task_channel_unique_name",
        ]
      ),
    ] {
      let event = try #require(events[name])
      let names = Set(event.fields.members.map(\.name))
      for field in wanted { #expect(names.contains(field), "\(name) lacks \(field)") }
      #expect(event.fields.members.count == names.count, "\(name) has a name twice")
    }
    #expect(events["reservation-created"]?.fields["task_age"] == .number(2))
    #expect(events["task-canceled"]?.fields["task_canceled_reason"] == .text("hung up"))
    #expect(events["worker-activity-update"]?.fields["worker_time_in_previous_activity"] == .number(61))
    #expect(events["worker-activity-update"]?.description == "Worker alice updated to Available Activity")
    #expect(EventFields.pascalCase("task_queue_sid") == "TaskQueueSid")
  }

  @Test("A queue that a task leaves has its own date of entry, though the task is in the next one already; older journals do not tell it")
  func leftQueue() throws {
    var scene = Scene()
    var record = try TaskRecord(decoding: try #require(scene.documents[DocumentKey(kind: Kind.task, id: scene.task)]))
    record.queueEntered = scene.born + 60_000
    scene.put(Kind.task, scene.task, record)
    var entered = ByteWriter()
    entered.signed(scene.born)
    for kind in [FactKind.taskQueueMoved, .taskQueueTimeout] {
      let told = try scene.event(kind, at: scene.born + 60_000, [scene.task, scene.queue], TaskFactDetails().fieldBytes() + entered.bytes)
      #expect(told.fields["task_queue_entered_date"] == .number(scene.born / 1000))
      let old = try scene.event(kind, at: scene.born + 60_000, [scene.task, scene.queue], TaskFactDetails().fieldBytes())
      #expect(old.fields["task_queue_entered_date"] == .number(scene.born / 1000 + 60))
    }
    let subjects = [scene.reservation, scene.task, scene.worker, scene.queue]
    let offer = try scene.event(.reservationTimeout, at: scene.born, subjects, ReservationFactDetails().fieldBytes() + entered.bytes)
    #expect(offer.fields["task_queue_entered_date"] == .number(scene.born / 1000))
  }

  @Test("Without a reason there are no keys for one")
  func noReason() throws {
    let scene = Scene()
    for kind in [FactKind.taskCanceled, .taskCompleted] {
      let names = try scene.event(kind, at: scene.born, [scene.task, scene.queue], TaskFactDetails().fieldBytes()).fields.members.map(
        \.name)
      #expect(!names.contains { $0.hasSuffix("reason") })
    }
  }

  @Test("What failed to be a reservation is one by its type, with the blocks of its task")
  func reservationFailed() throws {
    let scene = Scene()
    let failed = try scene.event(
      .reservationFailed, at: scene.born, [scene.task, scene.queue, scene.worker], TaskFactDetails().fieldBytes())
    #expect(failed.resource.type == "reservation")
    #expect(failed.source.hasSuffix("/Tasks/\(SIDKind.task.text(scene.task))"))
    let names = Set(failed.fields.members.map(\.name))
    #expect(names.isSuperset(of: ["task_sid", "task_queue_sid", "workflow_sid"]))
    #expect(!names.contains("worker_sid"))
  }

  @Test("Whom an event concerns that is not about him stands in its metadata, and is found there alone")
  func concerned() throws {
    let scene = Scene()
    let sid = Array(SIDKind.worker.text(scene.worker).utf8)
    let other = Array(SIDKind.worker.text(Identifier(high: 3, low: 2)).utf8)
    let subjects = [scene.task, scene.queue, Identifier(high: 3, low: 3), scene.worker]
    let event = try scene.event(.taskCompleted, at: scene.born, subjects, TaskFactDetails().fieldBytes()).cloudEvent()
    #expect(TaskEvent.concerns(sid, event))
    #expect(!TaskEvent.concerns(other, event))
    let metadata = try JSONDocument(parsing: event).root[key: "data"]?[key: "publisher_metadata"]?.string ?? ""
    let sids = try JSONDocument(parsing: Array(metadata.utf8)).root[key: "worker_sids"]
    #expect(sids?.count == 2)
    for (_, event) in try scene.events() { #expect(!TaskEvent.concerns(sid, event.cloudEvent())) }
    for broken in ["", "{}", #""publisher_metadata":""#, #""publisher_metadata":"{\"#] {
      #expect(!TaskEvent.concerns(sid, Array(broken.utf8)))
    }
  }

  @Test("Facts of unknown kinds and with broken details are no trap")
  func hostile() throws {
    let scene = Scene()
    let renderer = try #require(EventRenderer(scope: scene.workspace) { scene.documents[$0] })
    #expect(renderer.render(Fact(kind: 0, at: 0, subjects: []), sequence: 1) == nil)
    for kind in FactKind.allCases {
      for subjects in 0...4 {
        let fact = Fact(kind: kind.rawValue, at: .max, subjects: Array(repeating: scene.task, count: subjects), details: [0xFF])
        #expect(renderer.render(fact, sequence: .max - 1 >> 1)?.cloudEvent().isEmpty == false)
      }
    }
  }
}
