import Resources
import TaskRouting

/// Workspaces beside the one that everything is about.
extension Client {
  /// A second workspace, filled and deleted, longer than a slice takes; then another.
  func actNextDoor(_ visible: [DocumentKey: [UInt8]]) {
    let own = visible[DocumentKey(kind: Kind.workspace, id: neighbour)].flatMap { try? WorkspaceRecord(decoding: $0) }
    if own == nil, known.contains(neighbour) { return }
    guard let own else { return ask(Request(.createWorkspace, arguments: [.friendlyName: "next door"]), in: neighbour) }
    if own.isDeleted {
      if world.swarm.asksTheDeleted { askTheDeleted() }
      return neighbours.append(Identifier(high: 0xC, low: UInt64(neighbours.count + 1)))
    }
    let counts = Dictionary(grouping: visible.keys, by: \.kind).mapValues(\.count)
    guard let queue = visible.keys.filter({ $0.kind == Kind.taskQueue }).map(\.id).min() else {
      return ask(
        Request(.createTaskQueue, arguments: [.friendlyName: .text("q\(random.next() % 3)"), .targetWorkers: "1==1"]), in: neighbour)
    }
    guard counts[Kind.workflow] != nil else {
      let text = "{\"task_routing\":{\"default_filter\":{\"queue\":\"\(SIDKind.taskQueue.text(queue))\"}}}"
      return ask(Request(.createWorkflow, arguments: [.friendlyName: "w", .configuration: .text(text)]), in: neighbour)
    }
    if random.next() % 12 == 0 { return ask(Request(.deleteWorkspace), in: neighbour) }
    let timeout: Int64 = world.swarm.asksTheDeleted ? 1 + Int64(counts[Kind.task] ?? 0) : 3600
    ask(Request(.createTask, arguments: [.attributes: .bytes(Array("{}".utf8)), .timeout: .integer(timeout)]), in: neighbour)
  }

  /// Several at once, of each of which the account's directory is told.
  func askForWorkspaces(_ count: UInt64) {
    for number in 1...count {
      ask(Request(.createWorkspace, arguments: [.friendlyName: "beside"]), in: Identifier(high: 0xD, low: number))
    }
  }

  /// Whoever has not heard yet that a workspace is deleted goes on as before: with what would do in any workspace.
  private func askTheDeleted() {
    ask(Request(.createTaskQueue, arguments: [.friendlyName: "late", .targetWorkers: "1==1"]), in: neighbour)
    ask(Request(.deleteWorkspace), in: neighbour)
  }
}
