import CAllocations
import PartitionRunner
import Resources
import TaskRouting

/// What one lifecycle costs in things that can be counted: the same in every run, however busy the machine is.
struct Counting {
  private(set) var figures: [String: Double] = [:]

  struct Memory {
    var count = allocations_count()
    var bytes = allocations_bytes()
  }

  /// Lifecycles in groups that stand in one decision each, as under load, beside so many tasks that wait for a skill that nobody has.
  mutating func lifecycles(_ name: String, waiting: Int, workers: Int, rounds: Int = 20, group: Int = 64) throws {
    let partition = Partition()
    let skills = 8
    try partition.furnish(workers: workers, skills: skills)
    for first in stride(from: 0, to: waiting, by: 500) {
      _ = try partition.create(Array(repeating: skills, count: min(500, waiting - first)))
    }
    partition.project()
    // What is made once is made now.
    try round(partition, group, skills)
    let (before, journal, events) = (try partition.counters(), try partition.bytes(of: "work.journal"), try partition.bytes(of: "events"))
    var deciding = (count: 0.0, bytes: 0.0)
    var projecting = (count: 0.0, bytes: 0.0)
    for _ in 0..<rounds {
      let spent = try round(partition, group, skills)
      deciding = (deciding.count + spent.deciding.count, deciding.bytes + spent.deciding.bytes)
      projecting = (projecting.count + spent.projecting.count, projecting.bytes + spent.projecting.bytes)
    }
    let after = try partition.counters()
    func note(_ what: String, _ sum: Double) { figures["\(name): \(what)"] = sum / Double(rounds * group) }
    note("allocations deciding", deciding.count)
    note("bytes allocated deciding", deciding.bytes)
    note("allocations projecting", projecting.count)
    note("bytes allocated projecting", projecting.bytes)
    note("commands", Double(after.commands - before.commands))
    note("decisions", Double(after.decisions - before.decisions))
    note("bytes of journal", Double(try partition.bytes(of: "work.journal") - journal))
    note("bytes of events", Double(try partition.bytes(of: "events") - events))
  }

  private typealias Spent = (count: Double, bytes: Double)

  /// create, accept, complete for a group of tasks, then what the projector makes of it.
  @discardableResult
  private func round(_ partition: Partition, _ group: Int, _ skills: Int) throws -> (deciding: Spent, projecting: Spent) {
    var deciding: Spent = (0, 0)
    func counted<Value>(_ spent: inout Spent, _ body: () throws -> Value) rethrows -> Value {
      let before = Memory()
      let value = try body()
      spent.count += Double(allocations_count() - before.count)
      spent.bytes += Double(allocations_bytes() - before.bytes)
      return value
    }
    let tasks = try counted(&deciding) { try partition.create((0..<group).map { $0 % skills }) }
    let offers = partition.offers()
    let accepts = try tasks.map { task in
      guard let reservation = offers[task] else { throw CountFailure.notOffered(task) }
      return Request(.updateReservation, target: reservation, side: task, arguments: [.status: "accepted"])
    }
    _ = try counted(&deciding) { try partition.send(accepts) }
    _ = try counted(&deciding) { try partition.send(tasks.map { Request(.updateTask, target: $0, arguments: [.status: "completed"]) }) }
    var projecting: Spent = (0, 0)
    counted(&projecting) { partition.project() }
    return (deciding, projecting)
  }

  /// What a waiting task takes in memory and in the snapshot.
  mutating func waiting(tasks: Int) throws {
    let partition = Partition()
    try partition.furnish(workers: 8, skills: 8)
    let (decided, stored) = (try partition.counters().bytes, try partition.bytes(of: "work.state"))
    for _ in stride(from: 0, to: tasks, by: 500) { _ = try partition.create(Array(repeating: 8, count: 500)) }
    partition.project()
    figures["waiting task: bytes of journal"] = Double(try partition.counters().bytes - decided) / Double(tasks)
    figures["waiting task: bytes of snapshot"] = Double(try partition.bytes(of: "work.state") - stored) / Double(tasks)
  }
}
