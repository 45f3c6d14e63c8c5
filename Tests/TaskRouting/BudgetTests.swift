import Journal
import Machines
import Resources
import Testing

@testable import TaskRouting

@Suite("What a lifecycle weighs in the journal (journal.md: at most 2 KB beside attributes)")
struct BudgetTests {
  @Test("Create, reserve, accept, complete and purge, each decided alone, replies included")
  func lifecycle() throws {
    var bench = try Workbench()
    let queue = bench.queue("q", "level >= 1")
    _ = bench.workflow(
      "f", routing([filter("skill != null", [step(queue, #""expression":"worker.skills HAS task.skill","timeout":3600"#)])]))
    _ = try bench.worker("alice", #"{"level":3,"skills":["a"]}"#)
    let attributes = #"{"skill":"a","customer":"12345"}"#
    var bytes = 0
    func weigh() {
      var decision = Decision(incarnation: .max, epoch: 1_000_000, sequence: 1_000_000, now: bench.now)
      decision.positions = [0: 1_000_000]
      decision.scopes = bench.lastEffects.scopes
      for place in decision.scopes.indices { decision.scopes[place].firstEvent = 1_000_000 }
      decision.replies = bench.lastEffects.replies
      for place in decision.replies.indices { decision.replies[place].to = ReplyAddress(node: "trunkline-node-1", request: 1_000_000_000) }
      bytes += JournalRecord.decision(decision).encoded().count
    }
    let task = bench.task(attributes)
    weigh()
    try bench.accept(task)
    weigh()
    bench.set(task, "completed")
    weigh()
    let beforePurge = bytes
    bench.pass(seconds: 300)
    weigh()
    print("journal: \(beforePurge - attributes.utf8.count) bytes a lifecycle beside attributes, \(bytes - beforePurge) more for its purge")
    #expect(bytes - attributes.utf8.count <= 2048)
    #expect(try bench.read(task) == nil)
  }
}
