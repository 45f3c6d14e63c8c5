import Journal
import Machines
import Ports
import Resources

/// The way to one target partition: messages in order, acknowledged as a prefix.
struct Sender {
  var session: (any AppendSession)?
  /// Highest number handed to the session.
  var handed: UInt64 = 0
  var acknowledged: UInt64 = 0
  var generation = 0
}

extension PartitionRunner {
  /// After a takeover everything that is not marked as sent goes again, from the mark, in order.
  func resendOutbox() {
    for (peer, state) in ledger.targets.sorted(by: { $0.key < $1.key }) where !state.unmarked.isEmpty {
      outbox[peer] = Sender(acknowledged: state.marked)
      send(state.unmarked)
    }
  }

  func send(_ messages: [OutboxMessage]) {
    for message in messages {
      let peer = Peer(topic: message.target, partition: message.partition)
      var sender = outbox[peer] ?? Sender(acknowledged: message.number - 1)
      if sender.session == nil { sender = connect(peer, sender) }
      guard message.number > sender.handed else { continue }
      sender.handed = message.number
      sender.session?.append([NewRecord(key: message.key, value: message.payload)], tag: message.number)
      outbox[peer] = sender
    }
  }

  private func connect(_ peer: Peer, _ old: Sender) -> Sender {
    var sender = old
    sender.generation += 1
    sender.handed = sender.acknowledged
    let current = session
    let generation = sender.generation
    sender.session = ports.log.openSession(TopicPartition(peer.topic, peer.partition), durability: .synced) { [weak self] reports in
      self?.post { $0.take(reports, from: peer, generation, current) }
    }
    return sender
  }

  private func take(_ reports: [AppendReport], from peer: Peer, _ generation: Int, _ current: Int) {
    guard current == session, var sender = outbox[peer], sender.generation == generation else { return }
    for report in reports {
      guard case .success(let offset) = report.outcome, offset >= 0, report.tag == sender.acknowledged + 1 else {
        sender.session?.close()
        sender.session = nil
        outbox[peer] = sender
        return sendAgain(peer, current)
      }
      sender.acknowledged = report.tag
    }
    outbox[peer] = sender
    acknowledged[peer] = sender.acknowledged
    scheduleMark()
  }

  /// After any error: from the mark, in order, never one message by hand behind others.
  private func sendAgain(_ peer: Peer, _ current: Int) {
    _ = queue.schedule(afterMilliseconds: 50) { [weak self] in
      self?.assumeIsolated { runner in
        guard runner.session == current, runner.outbox[peer]?.session == nil, let state = runner.ledger.targets[peer] else { return }
        runner.outbox[peer] = Sender(acknowledged: state.marked, generation: runner.outbox[peer]?.generation ?? 0)
        runner.send(state.unmarked)
      }
    }
  }

  /// What is acknowledged goes into the next decision; when none comes, into one of its own.
  func takeAcknowledged() -> [Peer: UInt64]? {
    guard !acknowledged.isEmpty else { return nil }
    markTimer?.cancel()
    markTimer = nil
    defer { acknowledged = [:] }
    return acknowledged
  }

  private func scheduleMark() {
    guard markTimer == nil else { return }
    let current = session
    markTimer = queue.schedule(afterMilliseconds: 200) { [weak self] in
      self?.assumeIsolated { runner in
        guard runner.session == current else { return }
        runner.markTimer = nil
        runner.decide()
      }
    }
  }
}
