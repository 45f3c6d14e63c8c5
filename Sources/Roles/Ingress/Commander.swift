package import Journal
package import Ports
import Resources
import Synchronization

/// Why a command got no answer.
package enum CommandFailure: Error, Sendable, Equatable {
  /// Too many wait already; nothing was sent.
  case tooMany
  /// Sent, perhaps decided; the answer did not come in time.
  case noAnswer
  /// Not in the log.
  case notSent(String)
  /// Not in the log, and never will be: it is larger than the log takes.
  case tooLarge(String)
}

/// Sends commands into the log and gives each waiting request its answer, whoever decides it (architecture.md, "The one idea").
package final class Commander: Sendable {
  private struct Waiting {
    var continuation: CheckedContinuation<Result<Verdict, CommandFailure>, Never>
    var deadline: Int64
    var partition: Int
  }
  private struct State {
    var waiting: [UInt64: Waiting] = [:]
    var next: UInt64
    var sessions: [TopicPartition: Session] = [:]
    var generation = 0
  }
  private struct Session {
    var session: any AppendSession
    var generation: Int
  }

  private let log: any EventLog
  private let clock: any Clock
  private let node: String
  /// Commands that may wait at once; beyond that, `tooMany`.
  package let most: Int
  private let patience: Int64
  private let state: Mutex<State>
  private let subscription = Mutex<(any Cancellable)?>(nil)

  /// - Parameters:
  ///   - first: number of the first request; random, so that an answer to an earlier life of this node finds nobody.
  ///   - patience: how long a request waits for its answer, milliseconds.
  package init(
    log: any EventLog, bus: any SignalBus, clock: any Clock, node: String, first: UInt64, most: Int = 10_000, patience: Int64 = 15_000
  ) {
    self.log = log
    self.clock = clock
    self.node = node
    self.most = most
    self.patience = patience
    state = Mutex(State(next: first))
    let subscribed = bus.subscribe("replies/\(node)") { [weak self] message in self?.receive(message) }
    subscription.withLock { $0 = subscribed }
  }

  package var waiting: Int { state.withLock { $0.waiting.count } }

  /// Sends a command to `topic` and waits for its answer, `patience` milliseconds at most (nil: the usual time).
  package func submit(_ command: Command, to topic: String, patience: Int64? = nil) async -> Result<Verdict, CommandFailure> {
    guard let partitions = log.partitions(of: topic) else { return .failure(.notSent("the topic \(topic) does not exist")) }
    let partition = Partitioner.partition(of: command.scope, among: partitions)
    return await withCheckedContinuation { continuation in
      let number: UInt64? = state.withLock { state in
        guard state.waiting.count < most else { return nil }
        state.next &+= 1
        state.waiting[state.next] = Waiting(
          continuation: continuation, deadline: clock.monotonic() + (patience ?? self.patience), partition: partition)
        return state.next
      }
      guard let number else { return continuation.resume(returning: .failure(.tooMany)) }
      var addressed = command
      addressed.replyTo = ReplyAddress(node: node, request: number)
      let record = NewRecord(key: command.scope.keyBytes, value: addressed.encoded())
      session(for: TopicPartition(topic, partition)).append([record], tag: number)
    }
  }

  private func session(for target: TopicPartition) -> any AppendSession {
    if let open = state.withLock({ $0.sessions[target]?.session }) { return open }
    let generation = state.withLock { state in
      state.generation += 1
      return state.generation
    }
    let made = log.openSession(target, durability: .ordered) { [weak self] reports in self?.take(reports, target, generation) }
    return state.withLock { state in
      if let open = state.sessions[target] { return open.session }
      state.sessions[target] = Session(session: made, generation: generation)
      return made
    }
  }

  private func take(_ reports: [AppendReport], _ target: TopicPartition, _ generation: Int) {
    for report in reports {
      guard case .failure(let failure) = report.outcome else { continue }
      let waiting = state.withLock { state in
        if !failure.isOfRecord, state.sessions[target]?.generation == generation { state.sessions[target] = nil }
        return state.waiting.removeValue(forKey: report.tag)
      }
      waiting?.continuation.resume(returning: .failure(failure.isOfRecord ? .tooLarge("\(failure)") : .notSent("\(failure)")))
    }
  }

  private func receive(_ message: [UInt8]) {
    guard let replies = try? Reply.decode(message, node: node) else { return }
    for reply in replies {
      let waiting = state.withLock { $0.waiting.removeValue(forKey: reply.to.request) }
      waiting?.continuation.resume(returning: .success(reply.verdict))
    }
  }

  /// Gives up on whoever has waited too long. Called about once a second by the owner of the node's time.
  package func sweep() {
    let now = clock.monotonic()
    let late = state.withLock { state in
      let late = state.waiting.filter { $0.value.deadline <= now }
      for number in late.keys { state.waiting[number] = nil }
      return late
    }
    for waiting in late.values { waiting.continuation.resume(returning: .failure(.noAnswer)) }
  }
}

extension LogFailure {
  /// About the record alone: the session goes on. All else may be about the session, also a topic that was not there when it was opened; the next command opens another.
  fileprivate var isOfRecord: Bool { if case .tooLarge = self { true } else { false } }
}
