import Handover
import Journal
import Ports

/// What nobody waits for, imports, slices of long commands and timers that are not late, stands back while somebody else is waiting: small decisions, one at a time from the reading of its input to hot
/// state, and a longer rest behind each. Whoever asks meanwhile meets one of them at most, wherever the time goes: here, in the log or in hot state.
struct Yielding {
  /// When the decision under way was begun, monotonic milliseconds; nil where there is none.
  var begun: Int64?
  /// The decision's place in the journal, once it is there.
  var offset: Int64?
  var rest: (any Cancellable)?
  /// Waits for the projector.
  var isHeld = false
}

extension PartitionRunner {
  var isCourteous: Bool { ports.courtesy.isDue(ports.clock.monotonic()) }

  /// How many records of a later input may be decided now.
  func most(of input: Int) -> Int {
    if input == 0 { return options.batch }
    if yielding.isHeld { return 0 }
    guard isCourteous else { return options.yieldingBatch }
    return mayYield ? options.courteousBatch : 0
  }

  /// What stands back may go on now.
  var mayYield: Bool { !yielding.isHeld && mayFire }

  /// The same for timers, which wait for no projector.
  var mayFire: Bool { !isCourteous || (yielding.begun == nil && yielding.rest == nil) }

  /// Holds what stands back where derived data is too far behind, until the projector has made up for half of it. Where it lives elsewhere nobody knows here.
  /// Called with each decision that stands back, so that one passes in any case.
  func awaitProjector() {
    guard !yielding.isHeld, let projected = ports.handover?.projected else { return }
    guard ledger.nextOffset - projected > options.mostUnprojected else { return }
    yielding.isHeld = true
    let current = session
    ports.handover?.whenProjected(upTo: ledger.nextOffset - options.mostUnprojected / 2) { [weak self] in
      self?.post { runner in
        guard runner.session == current else { return }
        runner.yielding.isHeld = false
        runner.decide()
      }
    }
  }

  func beginYielding(_ instant: Int64) {
    guard yielding.begun == nil else { return }
    yielding.begun = instant
    yielding.offset = nil
  }

  /// Called when hot state has taken some more.
  func endYielding() {
    guard let begun = yielding.begun, let offset = yielding.offset, awaiting.first.map({ $0.offset > offset }) ?? true else { return }
    yielding.begun = nil
    guard isCourteous else { return }
    let current = session
    let took = max(1, ports.clock.monotonic() - begun)
    yielding.rest?.cancel()
    yielding.rest = queue.schedule(afterMilliseconds: min(took * options.courteousPause, 1000)) { [weak self] in
      self?.assumeIsolated { runner in
        guard runner.session == current else { return }
        runner.yielding.rest = nil
        runner.decide()
      }
    }
  }
}
