import Journal
import Resources
import TaskRouting
import Testing

@testable import Simulate

@Suite("Timers of one workspace, commands of another") struct NeighbourTests {
  @Test("A command waits for what was due in its own workspace, and for nobody else's")
  func order() throws {
    // Given two workspaces of one partition, and in the first twenty tasks that end at one instant; a decision fires one timer
    let clocked = ClockedWorld()
    try clocked.offer()
    let crowded = clocked.client.workspace
    let other = Identifier(high: 0xC, low: 0xC)
    clocked.client.ask(Request(.createWorkspace, arguments: [.friendlyName: "other"]), in: other)
    let workflow = try #require(clocked.documents.keys.first { $0.kind == Kind.workflow }?.id)
    for _ in 0..<20 {
      let arguments: [Parameter: Argument] = [.workflow: .identifier(workflow), .timeout: 100, .attributes: .bytes(Array("{}".utf8))]
      clocked.client.ask(Request(.createTask, arguments: arguments))
    }
    clocked.settle()
    let before = try clocked.decisions().count

    // When both are asked for something after that instant
    clocked.advance(by: 200_000)
    clocked.client.ask(Request(.createActivity, arguments: [.friendlyName: "elsewhere"]), in: other)
    clocked.client.ask(Request(.createActivity, arguments: [.friendlyName: "here"]))
    for _ in 0..<10 { clocked.settle() }

    // Then the other one's comes first, and its own one's behind all that was due there
    let since = try Array(clocked.decisions().dropFirst(before))
    let elsewhere = try #require(since.firstIndex { puts($0, in: other) { isActivity($0, $1, "elsewhere") } })
    let here = try #require(since.firstIndex { puts($0, in: crowded) { isActivity($0, $1, "here") } })
    let ended = since.indices.filter { puts(since[$0], in: crowded, isCanceled) }
    #expect(ended.count == 20)
    #expect(elsewhere <= ended[1])
    #expect(here >= ended[19])
  }

  private func puts(_ decision: Decision, in scope: Identifier, _ isWanted: (DocumentKey, [UInt8]) -> Bool) -> Bool {
    decision.scopes.filter { $0.scope == scope }.flatMap(\.steps).contains { step in
      if case .put(let key, let bytes) = step { isWanted(key, bytes) } else { false }
    }
  }

  private func isActivity(_ key: DocumentKey, _ bytes: [UInt8], _ name: String) -> Bool {
    key.kind == Kind.activity && (try? ActivityRecord(decoding: bytes))?.friendlyName == name
  }

  private func isCanceled(_ key: DocumentKey, _ bytes: [UInt8]) -> Bool {
    key.kind == Kind.task && (try? TaskRecord(decoding: bytes))?.status == .canceled
  }
}
