import Journal
import Machines
import Ports
import Resources
import TaskRouting

/// Reads only the logs: folds the journal by the acceptance rule on its own and holds what it finds against what users were promised.
struct Checker {
  private(set) var documents: [Identifier: [DocumentKey: [UInt8]]] = [:]
  private(set) var events: [Identifier: UInt64] = [:]
  /// What accepted decisions answered, by the number of the request.
  private(set) var replies: [UInt64: [(offset: Int64, scopes: [Identifier], verdict: Verdict)]] = [:]
  private var received: [String: UInt64] = [:]
  private(set) var accepted = 0
  private(set) var refused = 0
  private(set) var marks: [Identifier: Int64] = [:]
  /// What each scope's documents amount to now, and what they amounted to behind each decision that touched it.
  private var amounts: [Identifier: Amount] = [:]
  private(set) var states: [Identifier: [Int64: Amount]] = [:]
  private var epoch: Int64 = -1
  private var incarnation: UInt64 = 0
  private var sequence: UInt64 = 0
  private var now: Int64 = 0
  private var positions: [UInt8: Int64] = [:]

  mutating func fold(_ records: [LogRecord]) throws {
    for record in records {
      switch try JournalRecord(decoding: record.value ?? []) {
      case .open(let open):
        epoch = record.offset
        incarnation = open.incarnation
        sequence = 0
      case .decision(let decision):
        guard decision.epoch == epoch, decision.incarnation == incarnation, decision.sequence == sequence else {
          refused += 1
          continue
        }
        sequence += 1
        accepted += 1
        try take(decision, record.offset)
      }
    }
  }

  private mutating func take(_ decision: Decision, _ offset: Int64) throws {
    guard decision.now >= now else { throw Violation(description: "recorded time goes back at \(offset)") }
    now = decision.now
    for (input, position) in decision.positions {
      guard position > positions[input] ?? 0 else { throw Violation(description: "input \(input) is consumed twice at \(offset)") }
      positions[input] = position
    }
    for (source, number) in decision.received {
      guard number > received[source] ?? 0 else {
        throw Violation(description: "message \(number) of \(source) is taken twice at \(offset)")
      }
      received[source] = number
    }
    for reply in decision.replies where reply.to.node == "client" {
      // A command that landed twice is decided twice: the second time its key is known.
      replies[reply.to.request, default: []].append((offset, decision.scopes.map(\.scope), reply.verdict))
    }
    for scope in decision.scopes {
      marks[scope.scope] = offset
      var number = events[scope.scope] ?? 0
      guard scope.facts == 0 || scope.firstEvent == number + 1 else {
        throw Violation(description: "events of \(scope.scope.hex) go from \(number) to \(scope.firstEvent) at \(offset)")
      }
      for step in scope.steps {
        switch step {
        case .put(let key, let bytes): write(scope.scope, key, bytes)
        case .delete(let key): write(scope.scope, key, nil)
        case .fact: number += 1
        }
      }
      events[scope.scope] = number
      states[scope.scope, default: [:]][offset] = amounts[scope.scope] ?? Amount()
    }
  }

  private mutating func write(_ scope: Identifier, _ key: DocumentKey, _ bytes: [UInt8]?) {
    amounts[scope, default: Amount()].change(key, from: documents[scope]?[key], to: bytes)
    documents[scope, default: [:]][key] = bytes
  }

  /// Up to where an input is consumed.
  func consumed(_ input: UInt8) -> Int64 { positions[input] ?? 0 }

  /// One holder a task, capacity never exceeded, counts that add up: in every state that the journal has ended in.
  func checkWork(_ scope: Identifier) throws {
    let all = documents[scope] ?? [:]
    var holders: [Identifier: Int] = [:]
    var live: [Identifier: [Identifier: (pending: Int, accepted: Int, wrapping: Int)]] = [:]
    var liveOfTask: [Identifier: Int] = [:]
    for (key, bytes) in all where key.kind == Kind.reservation {
      let reservation = try ReservationRecord(decoding: bytes)
      guard reservation.status.isLive else { continue }
      liveOfTask[reservation.task, default: 0] += 1
      var counts = live[reservation.worker, default: [:]][reservation.channel] ?? (0, 0, 0)
      switch reservation.status {
      case .pending: counts.pending += 1
      case .accepted: counts.accepted += 1
      default: counts.wrapping += 1
      }
      live[reservation.worker, default: [:]][reservation.channel] = counts
      if reservation.status != .pending { holders[reservation.task, default: 0] += 1 }
    }
    if let task = holders.first(where: { $0.value > 1 }) { throw Violation(description: "task \(task.key.hex) has \(task.value) holders") }
    for (key, bytes) in all where key.kind == Kind.task {
      let task = try TaskRecord(decoding: bytes)
      let offers = liveOfTask[key.id] ?? 0
      let holds = holders[key.id] ?? 0
      switch task.status {
      case .pending, .completed, .canceled:
        guard offers == 0 else { throw Violation(description: "task \(key.id.hex) is \(task.status) with \(offers) live reservations") }
      case .reserved:
        guard offers > 0, holds == 0 else {
          throw Violation(description: "task \(key.id.hex) is reserved with \(offers) offers and \(holds) holders")
        }
      case .assigned, .wrapping:
        guard holds == 1 else { throw Violation(description: "task \(key.id.hex) is \(task.status) with \(holds) holders") }
      }
    }
    for (key, bytes) in all where key.kind == Kind.worker {
      for load in try WorkerRecord(decoding: bytes).channels {
        let counts = live[key.id]?[load.channel] ?? (0, 0, 0)
        guard load.pending == counts.pending, load.accepted == counts.accepted, load.wrapping == counts.wrapping else {
          throw Violation(description: "worker \(key.id.hex) counts \(load), its reservations say \(counts)")
        }
      }
    }
  }

  /// Nothing is forgotten: no task waits while somebody is free who could take it.
  func checkNothingWaits(_ scope: Identifier) throws {
    let all = documents[scope] ?? [:]
    var free = 0
    for (key, bytes) in all where key.kind == Kind.worker {
      let worker = try WorkerRecord(decoding: bytes)
      guard let activity = all[DocumentKey(kind: Kind.activity, id: worker.activity)], try ActivityRecord(decoding: activity).isAvailable
      else { continue }
      let channel = all.first { $0.key.kind == Kind.taskChannel && (try? TaskChannelRecord(decoding: $0.value))?.uniqueName == "default" }
      if let channel, worker.load(on: channel.key.id).hasRoom { free += 1 }
    }
    guard free > 0 else { return }
    for (key, bytes) in all where key.kind == Kind.task {
      let task = try TaskRecord(decoding: bytes)
      // The first step asks for a level; everybody fits all others.
      if task.status == .pending, task.placement.filter < 0 || task.placement.target > 0 {
        throw Violation(description: "task \(key.id.hex) waits while \(free) workers are free")
      }
    }
  }
}
