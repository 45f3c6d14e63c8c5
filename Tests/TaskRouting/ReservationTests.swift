import Journal
import Machines
import Resources
import Testing

@testable import TaskRouting

@Suite("Offers and what becomes of them (taskrouter.md 4.2, 4.3)")
struct ReservationTests {
  private func bench(workers: Int, most: Int64 = 1, timeout: Int64 = 120) throws -> (Workbench, workers: [Identifier], task: Identifier) {
    var bench = try Workbench()
    let queue = bench.queue("all", most: most)
    _ = bench.simpleFlow(queue, reservationTimeout: timeout)
    let workers = try (0..<workers).map { try bench.worker("w\($0)") }
    let task = bench.task()
    _ = bench.happened()
    return (bench, workers, task)
  }

  @Test(
    "WD-18: an unanswered offer times out, its worker goes to the timeout activity, the next one is asked, and a late accept is refused")
  func timeout() throws {
    var (bench, workers, task) = try bench(workers: 2, timeout: 20)
    #expect(try bench.asked(task) == [workers[0]])
    let first = try bench.offer(task)
    bench.pass(seconds: 20)
    #expect(bench.happened() == ["reservation.timeout", "worker.activity.update", "reservation.created"])
    #expect(try bench.readWorker(workers[0])?.activity == bench.activity("Offline"))
    #expect(try bench.asked(task) == [workers[1]])
    #expect(try bench.read(task)?.reEvaluated == "reservation_timeout")
    let late = bench.answer(first, "accepted")
    #expect(late.status == 400)
    #expect(
      late.message == "Reservation \(SIDKind.reservation.text(first)) is already in state [timeout] and cannot be updated to [accepted]")
  }

  @Test("A rejected task goes to the longest idle of the others; alone, the same worker is asked again at once")
  func rejection() throws {
    var (bench, workers, task) = try bench(workers: 2)
    bench.answer(try bench.offer(task), "rejected")
    #expect(bench.happened() == ["reservation.rejected", "reservation.created"])
    #expect(try bench.asked(task) == [workers[1]])
    bench.answer(try bench.offer(task), "rejected")
    #expect(try bench.asked(task) == [workers[0]])
    try bench.move(workers[1], to: "Offline")
    bench.answer(try bench.offer(task), "rejected")
    #expect(try bench.asked(task) == [workers[0]])
    #expect(try bench.read(task)?.assignments == 4)
  }

  @Test("Rejecting with WorkerActivitySid moves the worker; an unknown one is refused")
  func rejectionWithActivity() throws {
    var (bench, workers, task) = try bench(workers: 1)
    let offer = try bench.offer(task)
    #expect(bench.answer(offer, "rejected", moveTo: Identifier(high: 1, low: 1)).status == 400)
    bench.answer(offer, "rejected", moveTo: try bench.activity("Unavailable"))
    #expect(bench.happened() == ["reservation.rejected", "worker.activity.update"])
    #expect(try bench.readWorker(workers[0])?.activity == bench.activity("Unavailable"))
    #expect(try bench.status(task) == .pending)
  }

  @Test("Several offers at once: the first accept wins, the others are rescinded and their workers free")
  func multiple() throws {
    var (bench, workers, task) = try bench(workers: 4, most: 3)
    #expect(try bench.asked(task) == Array(workers[0..<3]))
    #expect(try bench.read(task)?.assignments == 1)
    let offers = try bench.offers(task)
    bench.answer(offers[1], "accepted")
    #expect(bench.happened() == ["reservation.accepted", "reservation.rescinded", "reservation.rescinded"])
    #expect(try offers.map { try bench.readReservation($0)?.status } == [.rescinded, .accepted, .rescinded])
    #expect(bench.answer(offers[0], "accepted").message.contains("is already in state [rescinded]"))
    let next = bench.task()
    #expect(try bench.asked(next) == [workers[3], workers[0], workers[2]])
  }

  @Test("With several offers out, the task comes back only when all of them ended; there is no topping up")
  func multipleEnding() throws {
    var (bench, workers, task) = try bench(workers: 3, most: 2)
    let offers = try bench.offers(task)
    bench.answer(offers[0], "rejected")
    #expect(try bench.status(task) == .reserved)
    #expect(try bench.asked(task) == [workers[1]])
    bench.answer(offers[1], "rejected")
    #expect(try bench.asked(task) == [workers[2], workers[0]])
    #expect(try bench.read(task)?.assignments == 2)
  }

  static let transitions: [(ReservationStatus, String, ReservationStatus?)] = [
    (.pending, "accepted", .accepted), (.pending, "rejected", .rejected), (.pending, "wrapping", nil), (.pending, "completed", nil),
    (.accepted, "accepted", nil), (.accepted, "rejected", nil), (.accepted, "wrapping", .wrapping), (.accepted, "completed", .completed),
    (.wrapping, "accepted", nil), (.wrapping, "rejected", nil), (.wrapping, "wrapping", nil), (.wrapping, "completed", .completed),
    (.completed, "accepted", nil), (.rejected, "accepted", nil), (.canceled, "accepted", nil), (.canceled, "rejected", nil),
  ]

  @Test("What a client may write to a reservation", arguments: transitions)
  func transition(_ from: ReservationStatus, _ wanted: String, _ becomes: ReservationStatus?) throws {
    var (bench, _, task) = try bench(workers: 1)
    let offer = try bench.offer(task)
    switch from {
    case .rejected:
      bench.answer(offer, "rejected", moveTo: try bench.activity("Offline"))
    case .canceled: bench.set(task, "canceled")
    case .accepted: bench.answer(offer, "accepted")
    case .wrapping:
      bench.answer(offer, "accepted")
      bench.answer(offer, "wrapping")
    case .completed:
      bench.answer(offer, "accepted")
      bench.answer(offer, "completed")
    default: break
    }
    let verdict = bench.answer(offer, wanted)
    #expect(verdict.status == (becomes == nil ? 400 : 200))
    #expect(try bench.readReservation(offer)?.status == becomes ?? from)
    guard becomes == nil else { return }
    #expect(
      verdict.message
        == "Reservation \(SIDKind.reservation.text(offer)) is already in state [\(from.text)] and cannot be updated to [\(wanted)]")
  }

  @Test("Statuses that are the engine's cannot be written", arguments: ["pending", "timeout", "canceled", "rescinded", "nonsense"])
  func foreign(_ text: String) throws {
    var (bench, _, task) = try bench(workers: 1)
    #expect(bench.answer(try bench.offer(task), text).status == 400)
  }

  @Test("The reservation carries its task along: wrapping and completing")
  func together() throws {
    var (bench, _, task) = try bench(workers: 1)
    let offer = try bench.accept(task)
    _ = bench.happened()
    bench.answer(offer, "wrapping")
    #expect(bench.happened() == ["reservation.wrapup", "task.wrapup"])
    #expect(try bench.status(task) == .wrapping)
    bench.answer(offer, "completed")
    #expect(bench.happened() == ["task.completed", "reservation.completed"])
    #expect(try bench.read(task)?.reason == "All reservations were completed")
  }

  @Test("A reservation is found from its task's and its worker's side, and from no other")
  func sides() throws {
    var (bench, workers, task) = try bench(workers: 2)
    let offer = try bench.offer(task)
    #expect(bench.answer(offer, "accepted", side: workers[1]).status == 404)
    #expect(bench.answer(offer, "accepted", side: workers[0]).status == 200)
    #expect(bench.answer(offer, "completed", side: task).status == 200)
  }

  @Test("Leaving with an offer open is refused, unless the offers are to be rejected")
  func leaving() throws {
    var (bench, workers, task) = try bench(workers: 2)
    let refused = try bench.move(workers[0], to: "Offline")
    #expect(
      refused.message == "Worker [\(SIDKind.worker.text(workers[0]))] cannot have its activity updated while it has 1 pending reservations."
    )
    #expect(try bench.move(workers[0], to: "Available", rejecting: true).status == 400)
    #expect(bench.send(.updateWorker, target: workers[0], arguments: [.rejectPendingReservations: true]).status == 400)
    #expect(bench.send(.updateWorker, target: workers[0], arguments: [.rejectPendingReservations: false]).status == 200)
    try bench.move(workers[0], to: "Offline", rejecting: true)
    #expect(bench.happened() == ["reservation.rejected", "worker.activity.update", "reservation.created"])
    #expect(try bench.asked(task) == [workers[1]])
    try bench.accept(task)
    #expect(try bench.move(workers[1], to: "Offline").status == 200, "accepted work does not hold anybody")
    #expect(try bench.status(task) == .assigned)
  }

  @Test("Leaving with several offers open rejects them all")
  func leavingSeveral() throws {
    var bench = try Workbench()
    let queue = bench.queue("all")
    _ = bench.simpleFlow(queue)
    let alice = try bench.worker("alice")
    bench.capacity(alice, 3)
    let tasks = (0..<3).map { _ in bench.task() }
    _ = bench.happened()
    try bench.move(alice, to: "Offline", rejecting: true)
    #expect(bench.happened() == Array(repeating: "reservation.rejected", count: 3) + ["worker.activity.update"])
    for task in tasks { #expect(try bench.status(task) == .pending) }
    #expect(try bench.readWorker(alice)?.channels.first?.live == 0)
  }

  @Test("Single tasking: one task at a time over all channels, and the queue's activities follow")
  func singleTasking() throws {
    var bench = try Workbench(multiTask: false)
    bench.send(.createActivity, arguments: [.friendlyName: "Reserved"])
    bench.send(.createActivity, arguments: [.friendlyName: "Busy"])
    #expect(bench.send(.createTaskQueue, arguments: [.friendlyName: "q"]).status == 400)
    let queue = bench.queue(
      "all",
      arguments: [
        .reservationActivity: .identifier(try bench.activity("Reserved")), .assignmentActivity: .identifier(try bench.activity("Busy")),
      ])
    _ = bench.simpleFlow(queue)
    let alice = try bench.worker("alice")
    let task = bench.task()
    let other = bench.task("{}", [.taskChannel: "sms"])
    #expect(try bench.readWorker(alice)?.activity == bench.activity("Reserved"))
    #expect(try bench.status(other) == .pending)
    try bench.accept(task)
    #expect(try bench.readWorker(alice)?.activity == bench.activity("Busy"))
    bench.set(task, "completed")
    try bench.move(alice, to: "Available")
    #expect(try bench.asked(other) == [alice])
    let more = bench.task()
    bench.send(.updateWorkspace, arguments: [.multiTask: true])
    #expect(try bench.status(more) == .pending, "still in the activity of a reserved worker")
    try bench.move(alice, to: "Available")
    #expect(try bench.asked(more) == [alice], "multitasking frees the other channels")
  }

  @Test("The assignment callback is asked for once a reservation, with everything it is about")
  func callouts() throws {
    var bench = try Workbench()
    let queue = bench.queue("all")
    let flow = bench.workflow("f", simple(queue), callback: "https://example.com/assign")
    let alice = try bench.worker("alice")
    let task = bench.task()
    let sent = bench.outgoing.filter { $0.target == "callouts" }
    #expect(sent.count == 1)
    guard case .bytes(let bytes)? = sent.first?.payload else {
      Issue.record("the callout carries no bytes")
      return
    }
    let callout = try AssignmentCallout(decoding: Array(bytes.dropFirst()))
    #expect(callout.task == task && callout.worker == alice && callout.workflow == flow && callout.queue == queue)
    #expect(try callout.reservation == bench.offer(task))
  }
}
