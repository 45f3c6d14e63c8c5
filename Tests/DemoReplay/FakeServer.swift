import Synchronization

@testable import DemoReplay
@testable import Replay

/// Routes as the real server does where a test looks: a freed or new worker takes the oldest task that it can, a new task the first free worker.
final class FakeServer: WorkAPI {
  struct Worker {
    var skills: [String]
    var isAvailable: Bool
    var reservation: String?
  }
  struct Item {
    var row: ReplayRow
    var status = "pending"
    var worker: Int?
  }
  struct State {
    var now: Int64
    var workers: [Worker]
    var tasks: [Item] = []
    var sequence: Int64 = 0
    var events: [DemoEvent] = []
    /// What was asked, with the second of the day.
    var calls: [String] = []
  }
  static let midnight: Int64 = 1_000_000_000

  let state: Mutex<State>
  let inbox = EventInbox()
  let refuses: Set<String>
  let hidesReservations: Bool
  /// The product's time where nobody moves it.
  let passing: (@Sendable () -> Int64)?

  init(
    _ day: ReplayDay, refuses: Set<String> = [], hidesReservations: Bool = false, passing: (@Sendable () -> Int64)? = nil
  ) {
    state = Mutex(
      State(
        now: Self.midnight - 5000,
        workers: day.workers.map { Worker(skills: $0.skills, isAvailable: $0.isThereAtMidnight) }))
    self.refuses = refuses
    self.hidesReservations = hidesReservations
    self.passing = passing
  }

  var calls: [String] { state.withLock { $0.calls } }
  var events: [DemoEvent] { state.withLock { $0.events } }
  var listed: [String: String] {
    state.withLock { state in Dictionary(uniqueKeysWithValues: state.tasks.enumerated().map { ("T\($0)", $1.status) }) }
  }

  private func change<Value>(_ call: String, _ body: (inout State) -> Value) -> Value {
    let passed = passing?()
    let (value, events) = state.withLock { state in
      if let passed { state.now = passed }
      state.calls.append("\((state.now - Self.midnight) / 1000) \(call)")
      let known = state.events.count
      let value = body(&state)
      return (value, Array(state.events[known...]))
    }
    inbox.add(events.filter { !hidesReservations || !$0.kind.hasPrefix("reservation") })
    return value
  }

  private func tell(_ state: inout State, _ kind: String, task: Int? = nil, worker: Int? = nil, reason: String = "") {
    state.sequence += 1
    state.events.append(
      DemoEvent(
        kind, sequence: state.sequence, at: state.now, task: task.map { "T\($0)" } ?? "",
        reservation: kind.hasPrefix("reservation") ? "R\(task ?? -1)" : "",
        worker: worker.map { "W\($0)" } ?? "", reason: reason, row: kind == "task.created" ? state.tasks[task ?? 0].row.id : ""))
  }

  private func match(_ state: inout State) {
    for task in state.tasks.indices where state.tasks[task].status == "pending" {
      guard
        let worker = state.workers.indices.first(where: {
          state.workers[$0].isAvailable && state.workers[$0].reservation == nil
            && state.workers[$0].skills.contains(state.tasks[task].row.skill)
        })
      else { continue }
      state.tasks[task].status = "reserved"
      state.tasks[task].worker = worker
      state.workers[worker].reservation = "R\(task)"
      tell(&state, "reservation.created", task: task, worker: worker)
    }
  }

  private static func place(_ sid: String) -> Int { Int(sid.dropFirst()) ?? 0 }

  func advance(milliseconds: Int64) async throws -> Int64 {
    state.withLock { state in
      state.now += milliseconds
      return state.now
    }
  }

  func create(task row: ReplayRow) async throws -> (sid: String, isReserved: Bool) {
    if refuses.contains(row.id) { throw ReplayFailure.refused(what: "task \(row.id)", why: "not today") }
    return change("create \(row.id)") { state in
      let place = state.tasks.count
      state.tasks.append(Item(row: row))
      tell(&state, "task.created", task: place)
      match(&state)
      return ("T\(place)", state.tasks[place].status == "reserved")
    }
  }

  func accept(reservation: String, worker: String) async throws {
    change("accept \(reservation) by \(worker)") { state in
      let place = Self.place(reservation)
      state.tasks[place].status = "assigned"
      tell(&state, "reservation.accepted", task: place, worker: Self.place(worker))
    }
  }

  func complete(task: String) async throws {
    change("complete \(task)") { state in
      let place = Self.place(task)
      state.tasks[place].status = "completed"
      tell(&state, "task.completed", task: place)
      tell(&state, "reservation.completed", task: place, worker: state.tasks[place].worker)
      if let worker = state.tasks[place].worker { state.workers[worker].reservation = nil }
      match(&state)
    }
  }

  func cancel(task: String) async throws {
    change("cancel \(task)") { state in
      state.tasks[Self.place(task)].status = "canceled"
      tell(&state, "task.canceled", task: Self.place(task), reason: Stage.gaveUp)
    }
  }

  func setAvailable(_ isAvailable: Bool, worker: String) async throws {
    change("\(worker) \(isAvailable ? "arrives" : "leaves")") { state in
      state.workers[Self.place(worker)].isAvailable = isAvailable
      if isAvailable { match(&state) }
    }
  }

  func pendingReservations(worker: String) async throws -> [String] {
    state.withLock { state in
      let held = state.workers[Self.place(worker)].reservation
      return held.map { sid in state.tasks[Self.place(sid)].status == "reserved" ? [sid] : [] } ?? []
    }
  }
}

/// A day of so many tasks, each `(arrival, work)` and more by name.
func task(_ id: String, at arrival: Int, skill: String = "A", accept: Int = 0, work: Int, patience: Int? = nil) -> ReplayTask {
  ReplayTask(
    id: id, arrival: arrival, skill: skill, priority: 0, recordedWorker: nil, acceptDelay: accept, work: work, isEstimated: false,
    patience: patience,
    recordedWait: 0, outcome: patience == nil ? .served : .abandoned)
}

func worker(_ name: String, _ skills: [String] = ["A"], onDuty: Range<Int> = 0..<86_400) -> ReplayWorker {
  ReplayWorker(name: name, skills: skills, hasLifeSupport: false, onDuty: onDuty)
}

func day(_ workers: [ReplayWorker], _ tasks: [ReplayTask], source: ReplayDay.Source = .fireDispatch) -> ReplayDay {
  ReplayDay(source: source, date: "2017-01-01", workers: workers, tasks: tasks, dirt: [:])
}

/// Real time that passes when somebody sleeps or looks.
final class FakeTime: Sendable {
  private let now = Atomic<Int64>(0)
  let slept = Atomic<Int64>(0)
  let perLook: Int64

  init(perLook: Int64 = 0) { self.perLook = perLook }

  var real: RealTime {
    RealTime(
      now: { self.now.add(self.perLook, ordering: .relaxed).newValue },
      sleep: { milliseconds in
        self.slept.add(milliseconds, ordering: .relaxed)
        self.now.add(milliseconds, ordering: .relaxed)
      })
  }
}

/// Replays a day on the stand-in, as fast as it goes unless told otherwise.
func replay(
  _ day: ReplayDay, on server: FakeServer, time: FakeTime = FakeTime(), clock: DayClock? = nil,
  change: (inout ReplayerOptions) -> Void = { _ in }
) async throws -> ReplayLog {
  var options = ReplayerOptions()
  options.seconds = 0
  change(&options)
  let engine = Replayer(
    day: day, workers: day.workers.indices.map { "W\($0)" }, api: server, inbox: server.inbox, options: options, time: time.real,
    midnight: FakeServer.midnight, productNow: FakeServer.midnight - 5000, clock: clock)
  let inbox = server.inbox
  return try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask {
      while !Task.isCancelled {
        inbox.ring()
        await Task.yield()
      }
    }
    defer { group.cancelAll() }
    return try await engine.run()
  }
}
