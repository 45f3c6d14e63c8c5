import Journal
import Ports
import Resources

extension PartitionRunner {
  /// Takes a failure to read an input: where the topic is gone, or ends before the position, the next start looks where to go on.
  func note(_ failure: LogFailure, of source: TopicPartition, at position: Int64) {
    switch failure {
    case .refused: break
    case .outOfRange(_, let end) where end < position: break
    default: return
    }
    restarts[source] = nil
    displaced.insert(source)
  }

  /// Looks where displaced inputs go on, then calls `body`.
  ///
  /// A topic that was deleted and made again counts from 0, so the ledger's position says nothing; one that lost its end in a broker's fall has records that are decided
  /// already. The log's own time tells: what was decided was appended at the last decision's time at the latest. Where something below the position is younger, it is a
  /// new topic; where nothing is, the position or the end holds. Records that went before anybody decided them are another matter, and stop the partition.
  func settleDisplaced(_ body: @escaping @Sendable (isolated PartitionRunner<M>) -> Void) {
    guard let source = displaced.sorted().first(where: { restarts[$0] == nil }) else {
      displaced = []
      return body(self)
    }
    let position = options.inputs.firstIndex(of: source.topic).flatMap { ledger.positions[UInt8($0)] } ?? 0
    let current = session
    ports.log.offset(source, since: ledger.now + 1) { [weak self] found in
      self?.post { runner in
        guard runner.session == current else { return }
        switch found {
        case .failure(let failure): runner.reopen(.inputOutOfRange("\(source): \(failure)"))
        case .success(let offset):
          if offset < position {
            runner.notify(
              .inputDisplaced("\(source) was made anew or lost its end: it is read from \(offset), and no more from \(position)"))
          }
          runner.restarts[source] = min(offset, position)
          runner.settleDisplaced(body)
        }
      }
    }
  }

  /// Once a decision has consumed something of an input, the ledger knows its position again.
  func forgetRestarts(_ decision: Decision) {
    guard !restarts.isEmpty else { return }
    for input in decision.positions.keys { restarts[TopicPartition(options.inputs[Int(input)], options.partition)] = nil }
  }

  /// Our Open was followed by another's, or the journal was made anew and the snapshot is of the old one: then its end is before what the snapshot knows.
  func outdone(_ image: Image, openedAt offset: Int64) {
    let current = session
    ports.log.bounds(options.journal) { [weak self] bounds in
      self?.post { runner in
        guard runner.session == current else { return }
        // Right after a fall a leader may not know its end yet: said thrice it is believed.
        guard case .success(let bounds) = bounds, bounds.end < image.ledger.nextOffset, runner.failures > 1 else {
          return runner.reopen(.fenced(byOffset: image.ledger.epoch))
        }
        runner.giveUp(
          "\(runner.options.journal) ends at \(bounds.end), and \(runner.options.state) knows it up to \(image.ledger.nextOffset): the log has lost decisions; restore the topic from a copy"
        )
      }
    }
  }

  /// Trying again would not help: somebody has to do something first. Other partitions go on.
  func giveUp(_ why: String) {
    let notice = RunnerNotice.unreadable(why)
    trouble = notice.trouble
    forget()
    phase = .stopped
    notify(notice)
  }
}
